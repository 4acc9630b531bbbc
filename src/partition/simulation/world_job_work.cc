// Those who work through jobs take steps, their servers do what they post, and what they tell of
// the items is compared with what is stored.
#include <algorithm>
#include <utility>
#include <variant>

#include "partition/addressing.h"
#include "partition/history.h"
#include "partition/job_reader.h"
#include "partition/send_batch.h"
#include "partition/simulation/world.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition::simulation {

namespace {

constexpr std::int64_t kRoundMs = 1'000;
// More than clocks are wrong, and than anybody waits for a send.
constexpr std::int64_t kLongMs = 3 * 3'600'000;

bool revises(const Job& job) {
  return job.options.kind == JobKind::recall || job.options.kind == JobKind::edit;
}

// Null: it is not there.
const Message* find_in(const std::map<ChannelKey, std::map<std::uint64_t, Message>>& stored,
                       const ChannelKey& log, std::uint64_t seq) {
  const auto messages = stored.find(log);
  if (messages == stored.end()) return nullptr;
  const auto message = messages->second.find(seq);
  return message == messages->second.end() ? nullptr : &message->second;
}

template <class Key>
const Message* find_in(const std::map<Key, const Message*>& messages, const Key& key) {
  const auto found = messages.find(key);
  return found == messages.end() ? nullptr : found->second;
}

}  // namespace

void World::step_jobs() {
  for (const auto& site : sites_) {
    if (!chance(70)) continue;
    if (chance(15)) site->reader().arm(static_cast<int>(1 + roll(8)));
    site->work().step();
    if (site->reader().disarm()) ++summary_.failed_reads;
  }
}

void World::note_job_messages(const std::vector<SendCommand>& commands) {
  for (const SendCommand& command : commands) job_numbers_.insert(command.client_msg_no);
}

Result<std::shared_ptr<PendingSend>> World::send_for_job(std::vector<SendCommand>&& commands,
                                                         SendDone done) {
  if (chance(3)) return Error(Errc::overloaded);
  note_job_messages(commands);
  std::vector<PartitionId> homes;
  for (const SendCommand& command : commands) {
    homes.push_back(partition_of(command, PartitionMap(kPartitions)));
  }
  std::shared_ptr<PendingSend> pending =
      send(std::move(commands), {},
           [this, homes = std::move(homes),
            done = std::move(done)](const std::vector<SendResult>& results) {
             for (std::size_t i = 0; i < results.size(); ++i) {
               const bool has_gone = results[i].state == SendResult::State::refused &&
                                     results[i].code == Errc::not_owner;
               if (has_gone) known_[raw(homes[i])] = wanted_[raw(homes[i])];
             }
             done(results);
           });
  return pending;
}

Result<void> World::change_for_job(std::size_t server, Change what,
                                   std::function<void(Result<void>)> done) {
  if (chance(3)) return Error(Errc::overloaded);
  auto outcome = std::make_shared<Outcome>();
  const PartitionId partition = home_of(what);
  note(what, outcome, *servers_[server]);
  servers_[server]->host(partition).execute(
      what, [outcome, done = std::move(done)](const Result<void>& told) {
        outcome->answer(told);
        done(told);
      });
  return {};
}

Result<void> World::revise_for_job(std::size_t server, std::vector<Command> commands,
                                   Transaction::Done done) {
  if (chance(3)) return Error(Errc::overloaded);
  begin_transaction(server, std::move(commands), 0, std::move(done));
  return {};
}

void World::finish_work() {
  constexpr int kRounds = 300;
  const JobReader reader(readers());
  for (int i = 0; i < kRounds && summary_.violation.empty(); ++i) {
    now_ms_ += i == kRounds / 3 ? kLongMs : kRoundMs;
    // One server has all of it, so that recalls and edits can be made there.
    for (std::uint16_t id = 0; id < kPartitions; ++id) {
      if (!handing_over_[id]) known_[id] = wanted_[id] = 0;
    }
    for (const auto& site : sites_) site->work().step();
    for (const auto& call : calls_) step_call(*call);
    let_everything_come();
    if (i % 10 != 9 || any_call_open()) continue;
    const auto jobs = reader.load_jobs("", 100);
    if (!jobs) return fail("jobs cannot be read");
    const bool any = std::any_of(jobs->begin(), jobs->end(), [this](const Job& job) {
      return is_runnable(job.state) && !is_made_up(job.id);
    });
    if (!any) break;
  }
  if (any_call_open()) return fail("a request with a key gets no answer");
  const auto jobs = reader.load_jobs("", 100);
  if (!jobs) return fail("jobs cannot be read");
  for (const Job& job : *jobs) {
    if (is_made_up(job.id)) continue;
    if (is_runnable(job.state)) {
      return fail("job " + job.id + " does not come to its end, at " + std::to_string(job.cursor) +
                  " of " + std::to_string(job.counts.items));
    }
    if (is_ended(job.state)) ++summary_.jobs_ended;
  }
}

World::JobMessages World::job_messages(const Stored& stored) {
  JobMessages found;
  for (const auto& [log, messages] : stored) {
    const bool commands = log.id.ends_with(kCommandSuffix);
    for (const auto& [seq, message] : messages) {
      if (commands) ++found.notices[message.client_msg_no];
      if (commands || !job_numbers_.contains(message.client_msg_no)) continue;
      found.by_id[message.id] = &message;
      if (!found.by_number.emplace(message.client_msg_no, &message).second) {
        fail("an item of a job is there twice: " + message.client_msg_no);
      }
    }
  }
  return found;
}

void World::check_jobs(const Stored& stored) {
  const JobReader reader(readers());
  const auto jobs = reader.load_jobs("", 100);
  if (!jobs) return fail("jobs cannot be read");
  const JobMessages messages = job_messages(stored);
  for (const Job& job : *jobs) {
    if (is_made_up(job.id)) continue;
    for (std::uint64_t at = 0; at < job.counts.items;) {
      const auto chunk = reader.load_chunk(job.id, at);
      if (!chunk || (!*chunk && at < job.reached)) {
        return fail("a chunk is missing in job " + job.id);
      }
      if (!*chunk) break;  // of an upload that was cut
      for (std::size_t i = 0; i < (*chunk)->items.size(); ++i) {
        const JobItem& item = (*chunk)->items[i];
        const JobResult& result = (*chunk)->results[i];
        if (item.refusal) continue;
        if (revises(job)) {
          check_revised_item(job, item, result, messages);
          continue;
        }
        const std::string number = item.message.idempotent
                                       ? item.message.client_msg_no
                                       : sites_[0]->work().number_of(job.id, (*chunk)->first + i);
        const Message* const message =
            find_in(stored, item.message.channel, raw(result.message_seq));
        check_sent_item(job, item, result, number, message, messages);
      }
      at = (*chunk)->first + (*chunk)->items.size();
    }
    check_withdrawn(job, messages);
  }
  check_revised(messages);
  check_shown(stored);
}

void World::check_sent_item(const Job& job, const JobItem& item, const JobResult& result,
                            const std::string& number, const Message* message,
                            const JobMessages& messages) {
  if (!result.ok()) {
    const bool has_not_begun = job.options.kind == JobKind::send && job.started_ms == 0;
    if (has_not_begun && find_in(messages.by_number, number) != nullptr) {
      fail("job " + job.id + " has sent something and not begun");
    }
    return;
  }
  if (message == nullptr) {
    if (removals_.may_be_gone(item.message.channel, raw(result.message_seq))) return;
    return fail("a message of job " + job.id + " is missing");
  }
  if (message->id != result.message_id || message->client_msg_no != number) {
    return fail("the result of an item is that of another message, job " + job.id);
  }
  ++summary_.job_items;
}

void World::check_revised_item(const Job& job, const JobItem& item, const JobResult& result,
                               const JobMessages& messages) {
  const bool recalls = job.options.kind == JobKind::recall;
  const MessageId id = result.ok() ? result.message_id : item.revised;
  const Message* const message = find_in(messages.by_id, id);
  if (!result.ok()) {
    const bool was_missed = result.state == JobResult::State::refused &&
                            result.code == Errc::not_found && message != nullptr;
    if (was_missed) fail("job " + job.id + " has not found a message that is there");
    return;
  }
  if (message == nullptr) {
    if (removals_.may_be_gone(item.message.channel, raw(result.message_seq))) return;
    return fail("a message that job " + job.id + " has changed is missing");
  }
  ++summary_.revised_items;
  if (message->is_recalled()) return;
  if (recalls) return fail("a message that job " + job.id + " has recalled is not");
  if (message->payload != item.message.payload) {
    fail("a message that job " + job.id + " has edited is not");
  }
}

void World::check_withdrawn(const Job& recall, const JobMessages& messages) {
  const auto known = withdrawn_.find(recall.id);
  if (known == withdrawn_.end() || recall.state != JobState::done) return;
  const Withdrawn& withdrawn = known->second;
  if (recall.counts.items != withdrawn.items || retried_jobs_.contains(withdrawn.batch)) return;
  for (const std::string& number : withdrawn.numbers) {
    const Message* const message = find_in(messages.by_number, number);
    if (message != nullptr && !message->is_recalled()) {
      return fail("a message of a batch that job " + recall.id + " has recalled is there");
    }
  }
}

void World::check_revised(const JobMessages& messages) {
  const History history(readers(), clock_, kFingerprintSeed);
  const auto told = [&messages](const std::string& number) {
    const auto notice = messages.notices.find(number);
    return notice == messages.notices.end() ? 0 : notice->second;
  };
  for (const auto& [number, message] : messages.by_number) {
    const ChannelKey& log = message->channel;
    const std::string id = std::to_string(raw(message->id));
    const bool may_lack = removals_.any(store::command_log_of(log));
    const std::uint64_t version = message->revision ? message->revision->version : 0;
    if (version > 1) return fail("a job has edited a message twice in " + log.id);
    const auto agrees = [may_lack](int notices, bool made) {
      return notices == (made ? 1 : 0) || (made && notices == 0 && may_lack);
    };
    if (!agrees(told("recall-" + id), message->is_recalled()) ||
        !agrees(told("edit-" + id + "-1"), version == 1)) {
      return fail("clients are not told once of what became of a message in " + log.id);
    }
    if (!message->is_recalled()) continue;
    if (message->payload != kRecalledPayload) return fail("a recalled message says something");
    if (!has_gap(log, raw(message->seq))) return fail("a recalled message counts as unread");
    if (!chance(20)) continue;
    const auto by_id = history.load_by_id(message->id);
    const auto by_number = history.load_by_client_msg_no(log, number);
    if (!by_id || !by_number) return fail("a look-up fails");
    for (const auto* found : {&*by_id, &*by_number}) {
      const bool is_shown = found->has_value() && !(*found)->is_recalled();
      if (is_shown) return fail("a look-up finds what was recalled in " + log.id);
      if (!found->has_value() && !any_gone(log)) return fail("a look-up misses in " + log.id);
    }
  }
  for (const auto& [number, count] : messages.notices) {
    const bool revision = number.starts_with("recall-") || number.starts_with("edit-");
    if (revision && count > 1) return fail("clients are told twice: " + number);
  }
}

void World::check_shown(const Stored& stored) {
  for (int i = 0; i < 4; ++i) {
    const std::string uid = "u" + std::to_string(i);
    const auto conversations = sites_[0]->work().load_conversations(uid);
    if (!conversations) return fail("conversations cannot be read");
    for (const JobWork::Shown& shown : *conversations) {
      const auto log = stored.find(shown.channel);
      if (log == stored.end() || is_changing(shown.channel)) continue;
      for (const Message& recent : shown.recents) {
        const auto there = log->second.find(raw(recent.seq));
        const bool recalled = there != log->second.end() && there->second.is_recalled();
        if (recalled && recent.payload != kRecalledPayload) {
          return fail("a conversation shows what was recalled: " + shown.channel.id);
        }
      }
      const PartitionId partition = partition_for(shown.channel.id, kPartitions);
      std::string value;
      const auto row = disk_.get(store::Table::main,
                                 store::conversation_key(partition, uid, shown.channel), value);
      if (!row) return fail("a conversation cannot be read");
      // What was set by hand counts what it was set to.
      const auto record = *row ? store::decode_conversation(value)
                               : Result<store::ConversationRecord>(store::ConversationRecord());
      if (!record) return fail("an unreadable conversation");
      if (record->manual_count != 0) continue;
      const auto unread =
          std::count_if(log->second.upper_bound(shown.read_to), log->second.end(),
                        [](const auto& entry) { return !entry.second.is_recalled(); });
      if (shown.unread > static_cast<std::uint64_t>(unread)) {
        return fail("more is unread than there is in " + shown.channel.id);
      }
    }
  }
}

}  // namespace jindou::partition::simulation
