// Requests with an Idempotency-Key, as the routes carry them out (partition/keyed_request.h): each
// is repeated, also while it is carried out, after its process has died and when it was answered.
#include <algorithm>
#include <utility>

#include "partition/record_reader.h"
#include "partition/simulation/world.h"

namespace jindou::partition::simulation {

namespace {

// Shorter than some requests take: one whose claim ran out goes on, and does no harm.
constexpr RequestTimes kKeyedTimes{std::chrono::milliseconds(20'000), std::chrono::hours(24)};
constexpr std::int64_t kTryMs = 60'000;
constexpr std::size_t kCallsMax = 12;
constexpr std::size_t kTriesMax = 2;  // of one call at a time

std::string answer_of(const std::vector<SendResult>& results) {
  std::string answer;
  for (const SendResult& result : results) {
    answer += result.ok() ? std::to_string(raw(result.message_id)) : std::string("refused");
    answer += ' ';
  }
  return answer;
}

}  // namespace

void World::step_keyed() {
  if (calls_.size() < kCallsMax && chance(20)) begin_call();
  if (!calls_.empty()) step_call(*calls_[roll(calls_.size())]);
}

// Few keys, so that other requests come with one that is used.
void World::begin_call() {
  auto call = std::make_unique<KeyedCall>();
  const std::string number = std::to_string(++generated_);
  const std::string name = "key" + std::to_string(roll(8));
  call->key = digest_of_parts({"caller", name});
  call->fingerprint = digest_of_parts({"/message/sendbatch", number});
  for (auto n = 1 + roll(3); n > 0; --n) {
    SendCommand& message = call->messages.emplace_back();
    message.channel = ChannelKey("g" + std::to_string(roll(7)), ChannelType::group);
    message.from_uid = "u" + std::to_string(roll(4));
    message.payload = std::string(kKeyedPayload) + number + " " + std::to_string(n);
    message.idempotent = chance(20);
    if (message.idempotent) message.client_msg_no = "n" + message.payload.str();
  }
  calls_.push_back(std::move(call));
}

void World::step_call(KeyedCall& call) {
  if (call.given_up) return;
  const bool repeats = call.tries.size() < kTriesMax && chance(20);
  if ((call.tries.empty() || repeats) && (!call.answered || chance(10))) begin_try(call);
  // What is told may come at once.
  const std::vector<std::shared_ptr<KeyedTry>> tries = call.tries;
  for (const auto& attempt : tries) {
    step_try(call, attempt);
  }
  std::erase_if(call.tries, [this](const auto& attempt) {
    return attempt->phase == KeyedTry::Phase::over || now_ms_ - attempt->begun_ms > kTryMs;
  });
}

void World::begin_try(KeyedCall& call) {
  const auto record = RecordReader(readers()).load_request(call.key);
  if (!record) return fail("a request cannot be read");
  auto attempt = std::make_shared<KeyedTry>(KeyedRequest(call.key, call.fingerprint, ++generated_));
  attempt->server = roll(servers_.size());
  attempt->begun_ms = now_ms_;
  const std::int64_t wall_ms = clocks_[attempt->server]->wall_ms();
  switch (attempt->keyed.look(*record, wall_ms, kKeyedTimes)) {
    case KeyedRequest::Finding::busy: return;
    case KeyedRequest::Finding::answered:
      ++summary_.replayed;
      return hear_answer(call, (*record)->answer);
    case KeyedRequest::Finding::other: {
      const bool known = std::any_of(calls_.begin(), calls_.end(), [&](const auto& other) {
        return other->key == call.key && other->fingerprint == (*record)->fingerprint;
      });
      if (!known) return fail("a key is that of a request that nobody has made");
      if (call.answer) return fail("a key that was answered is that of another request");
      call.given_up = true;
      return;
    }
    case KeyedRequest::Finding::free: break;
  }
  if (call.answer) return fail("a request that was answered is to be carried out again");
  const PartitionId home = partition_for(call.key, kPartitions);
  attempt->claim = attempt->keyed.claim(home, *record, wall_ms, kKeyedTimes);
  call.tries.push_back(attempt);
  ask_once(attempt->claim, [this, attempt, &call](const Result<void>& done) {
    attempt->phase = done ? KeyedTry::Phase::claimed : KeyedTry::Phase::over;
    if (!done) return;
    check_claim(call, attempt->claim);
    attempt->holds = true;
  });
}

// Of those who hold one, it is told after theirs, and so was taken after them: from now on they are
// those whose claim ran out, by one of the clocks.
void World::check_claim(const KeyedCall& call, const ClaimRequest& claim) {
  for (const auto& other : calls_) {
    if (other->key != call.key) continue;
    for (const auto& holder : other->tries) {
      if (!holder->holds) continue;
      const std::int64_t until_ms = holder->claim.until_ms;
      if (other.get() != &call) return fail("a key is taken from another request");
      if (until_ms > claim.now_ms && until_ms <= claim.until_ms + kClaimSkewMaxMs) {
        return fail("a request is carried out twice at once");
      }
      holder->holds = false;
    }
  }
}

void World::step_try(KeyedCall& call, const std::shared_ptr<KeyedTry>& attempt) {
  if (attempt->phase == KeyedTry::Phase::claimed) {
    std::vector<SendCommand> messages = call.messages;
    attempt->keyed.number(messages, 0);
    attempt->phase = KeyedTry::Phase::sending;
    send(std::move(messages), {}, [attempt](const std::vector<SendResult>& results) {
      attempt->results = results;
      attempt->phase = KeyedTry::Phase::sent;
    });
    return;
  }
  if (attempt->phase != KeyedTry::Phase::sent) return;
  const bool settled = is_settled(attempt->results);
  const PartitionId home = partition_for(call.key, kPartitions);
  attempt->answer = answer_of(attempt->results);
  attempt->phase = KeyedTry::Phase::ending;
  attempt->holds = false;
  Change end = attempt->keyed.release(home);
  if (settled) end = attempt->keyed.finish(home, 200, "", attempt->answer);
  ask_once(std::move(end), [this, attempt, settled, &call](const Result<void>& done) {
    attempt->phase = KeyedTry::Phase::over;
    if (!settled) return;
    // He is answered whether or not it could be stored.
    call.answered = true;
    if (done) hear_answer(call, attempt->answer);
  });
}

void World::hear_answer(KeyedCall& call, const std::string& answer) {
  call.answered = true;
  if (call.answer && *call.answer != answer) return fail("two answers under one key");
  call.answer = answer;
}

void World::ask_once(Change what, std::function<void(const Result<void>&)> told) {
  auto outcome = std::make_shared<Outcome>();
  const PartitionId home = home_of(what);
  Server& server = known_owner(home);
  note(what, outcome, server);
  server.host(home).execute(
      what, [this, outcome, home, told = std::move(told)](const Result<void>& done) {
        outcome->answer(done);
        if (outcome->is_elsewhere()) known_[raw(home)] = wanted_[raw(home)];
        told(done);
      });
}

void World::forget_tries(std::optional<std::size_t> server) {
  for (const auto& call : calls_) {
    std::erase_if(call->tries,
                  [&server](const auto& attempt) { return !server || attempt->server == *server; });
  }
}

bool World::any_call_open() const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [](const auto& call) { return !call->answered && !call->given_up; });
}

void World::check_keyed(const Stored& stored) {
  std::set<std::string> payloads;
  for (const auto& [log, messages] : stored) {
    for (const auto& [seq, message] : messages) {
      const std::string payload = message.payload.str();
      if (payload.starts_with(kKeyedPayload) && !payloads.insert(payload).second) {
        return fail("a request with a key was carried out twice in " + log.id);
      }
    }
  }
}

}  // namespace jindou::partition::simulation
