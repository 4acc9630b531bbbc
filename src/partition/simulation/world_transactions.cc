#include <algorithm>
#include <variant>

#include "partition/addressing.h"
#include "partition/simulation/world.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

namespace {

constexpr std::chrono::milliseconds kHoldMax{20'000};
constexpr std::size_t kUnderWayMax = 4;
// Its partitions may stay apart.
constexpr int kRepeatsMax = 3;

PartitionId home_of(const Command& command) {
  if (const auto* change = std::get_if<Change>(&command)) return simulation::home_of(*change);
  return partition_of(std::get<SendCommand>(command), PartitionMap(kPartitions));
}

}  // namespace

void World::make_marks() {
  const std::vector<std::vector<int>> sets = {{0, 1}, {0, 2}, {1, 2}, {0, 1, 2}};
  for (std::size_t set = 0; set < sets.size(); ++set) {
    auto& marks = marks_.emplace_back();
    for (const int wanted : sets[set]) {
      const auto partition = static_cast<PartitionId>(wanted);
      std::string uid;
      for (int i = 0; uid.empty() || partition_for(uid, kPartitions) != partition; ++i) {
        uid = "mark" + std::to_string(set) + "-" + std::to_string(i);
      }
      marks.emplace_back(partition, uid);
    }
  }
}

void World::check_marks(const store::Reader& reader) {
  for (const auto& marks : marks_) {
    std::set<std::string> tokens;
    for (const auto& [partition, uid] : marks) {
      std::string value;
      const auto found = reader.get(
          store::Table::main, store::device_token_key(partition, uid, DeviceFlag::app), value);
      if (!found) return fail("a mark cannot be read");
      tokens.insert(*found ? store::decode_token(value)->token : "");
    }
    if (tokens.size() != 1) return fail("a half of a transaction is there");
  }
}

void World::forget_transactions(std::size_t server) {
  std::erase_if(steps_, [server](const TransactionStep& step) { return step.server == server; });
  std::erase_if(asked_, [server](const auto& asked) {
    if (asked->server != server) return false;
    if (const auto transaction = asked->transaction.lock()) transaction->forget();
    return true;
  });
}

std::shared_ptr<TransactionTurns> World::make_turns(std::size_t server) {
  return std::make_shared<TransactionTurns>(
      kPartitions,
      [this, server](std::shared_ptr<Transaction> transaction, std::size_t share,
                     Transaction::Step step) {
        steps_.push_back({std::move(transaction), share, step, server});
        return true;
      },
      *clocks_[server], kHoldMax);
}

std::vector<Command> World::random_transaction() {
  std::vector<Command> commands;
  const auto& marks = marks_[roll(marks_.size())];
  const std::string text = "t" + std::to_string(++generated_);
  for (const auto& [partition, uid] : marks) {
    commands.emplace_back(
        Change(StoreToken{uid, DeviceFlag::app, DeviceLevel::master, text, false}));
  }
  gathering_ = &commands;
  for (auto n = roll(3); n > 0; --n) change();
  gathering_ = nullptr;
  for (auto n = roll(3); n > 0; --n) commands.emplace_back(random_command());
  if (chance(15)) {
    // There is no such conversation.
    ChangeConversation impossible;
    impossible.channel = ChannelKey("g" + std::to_string(roll(7)), ChannelType::group);
    impossible.uids = {"nobody"};
    impossible.operation = ChangeConversation::Operation::activate;
    commands.emplace_back(Change(impossible));
  }
  std::shuffle(commands.begin(), commands.end(), dice_);
  return commands;
}

std::shared_ptr<World::Asked> World::begin_transaction(std::vector<Command> commands,
                                                       int repeats_left) {
  // All or none is made at one server, which has to have all the partitions.
  const std::size_t server = chance(90) ? known_[raw(home_of(commands[0]))] : roll(servers_.size());
  return begin_transaction(server, std::move(commands), repeats_left, nullptr);
}

std::shared_ptr<World::Asked> World::begin_transaction(std::size_t server,
                                                       std::vector<Command> commands,
                                                       int repeats_left, Transaction::Done done) {
  ++summary_.transactions;
  auto asked = std::make_shared<Asked>();
  asked->server = server;
  asked->repeats_left = repeats_left;
  asked->done = std::move(done);
  asked->commands = commands;
  std::vector<Transaction::Share> shares;
  for (std::uint32_t i = 0; i < commands.size(); ++i) {
    const PartitionId partition = home_of(commands[i]);
    auto share = std::find_if(shares.begin(), shares.end(),
                              [&](const auto& known) { return known.partition == partition; });
    if (share == shares.end()) share = shares.insert(shares.end(), {partition, {}});
    share->commands.push_back(i);
    asked->outcomes.push_back(std::make_shared<Outcome>());
    if (auto* message = std::get_if<SendCommand>(&commands[i])) {
      look_at_inboxes({message, 1});
      const Attempt attempt = attempt_of(*message);
      attempted_[key_of(attempt)].insert(message->payload.str());
      ++open_sends_[key_of(attempt)];
      asked->attempts.emplace(i, attempt);
    }
  }
  auto transaction = std::make_shared<Transaction>(
      std::move(commands), std::move(shares), nullptr,
      [this, asked](const TransactionResult& told) { tell(*asked, told); });
  asked->transaction = transaction;
  asked_.push_back(asked);
  turns_[asked->server]->enter(std::move(transaction), Transaction::TimePoint::max());
  return asked;
}

void World::tell(Asked& asked, const TransactionResult& told) {
  const auto& outcomes = told.commands;
  asked.transaction.reset();
  std::erase_if(asked_, [&asked](const auto& one) { return one.get() == &asked; });
  if (outcomes.size() != asked.commands.size()) return fail("not one outcome for each command");
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& outcome = outcomes[i];
    if (outcome.has_value() != outcomes[0].has_value()) return fail("some were made, some not");
    const bool own = outcome || !outcome.error().detail().starts_with("not done because of item ");
    if (told.failed == i && own == outcome.has_value()) return fail("it failed for another one");
    asked.outcomes[i]->answer(outcome ? Result<void>() : Error(outcome.error()));
    const auto attempt = asked.attempts.find(i);
    if (attempt == asked.attempts.end()) continue;
    SendResult result;
    if (outcome) {
      result = std::get<SendResult>(*outcome);
    } else if (outcome.error().code() != Errc::unknown_outcome) {
      result = SendResult::refuse(Reason::system_error,
                                  own ? outcome.error().code() : Errc::unavailable);
      if (own && outcome.error().reason() == raw(Reason::last_seq_differs)) {
        result.reason = Reason::last_seq_differs;
        result.last_seq = outcome.error().seq();
      }
    }
    judge(attempt->second, result);
  }
  if (asked.done) asked.done(told);
  if (told.made()) return;
  ++summary_.transactions_refused;
  if (told.error().code() != Errc::not_owner || asked.repeats_left == 0) return;
  for (const Command& command : asked.commands) {
    known_[raw(home_of(command))] = wanted_[raw(home_of(command))];
  }
  repeat(home_of(asked.commands[0]),
         [this, commands = asked.commands, left = asked.repeats_left - 1] {
           begin_transaction(commands, left);
         });
}

void World::transact() {
  if (chance(4)) return fail_each_read_of_a_transaction();
  if (asked_.size() < kUnderWayMax) begin_transaction(random_transaction(), kRepeatsMax);
  for (auto n = roll(6); n > 0; --n) run_transaction_step();
  if (chance(30)) check_marks(disk_);
  if (!chance(30)) return;
  for (const store::Reader* const replica : disk_.replicas()) check_marks(*replica);
}

void World::run_transaction_step() {
  for (const auto& asked : std::vector<std::shared_ptr<Asked>>(asked_)) {
    if (!chance(5)) continue;
    for (const auto& step : steps_) {
      if (step.transaction == asked->transaction.lock()) {
        step.transaction->check_time();
        break;
      }
    }
  }
  if (steps_.empty()) return;
  const TransactionStep& some = steps_[roll(steps_.size())];
  // What was posted to a partition of a server stays in order.
  const auto next = std::find_if(steps_.begin(), steps_.end(), [&some](const auto& step) {
    return step.server == some.server && step.partition() == some.partition();
  });
  const TransactionStep step = std::move(*next);
  steps_.erase(next);
  const PartitionId partition = step.partition();
  if (step.step == Transaction::Step::check) {
    for (const auto& asked : asked_) {
      if (asked->transaction.lock() != step.transaction) continue;
      for (const std::uint32_t i : step.transaction->shares()[step.share].commands) {
        if (const auto* change = std::get_if<Change>(&asked->commands[i])) {
          note(*change, asked->outcomes[i], *servers_[step.server]);
        }
      }
    }
    if (!failing_reads_ && chance(15)) arm_readers(static_cast<int>(1 + roll(8)));
  }
  servers_[step.server]->host(partition).run(*step.transaction, step.share, step.step);
  if (!failing_reads_ && disarm_readers()) ++summary_.failed_reads;
}

void World::finish_transactions() {
  while (!steps_.empty()) run_transaction_step();
}

void World::fail_each_read_of_a_transaction() {
  constexpr int kReadsMax = 60;
  const std::vector<Command> commands = random_transaction();
  for (int nth = 1; nth < kReadsMax; ++nth) {
    finish_transactions();
    if (!bring_all_to_rest()) return;
    arm_readers(nth);
    failing_reads_ = true;
    const auto asked = begin_transaction(commands, 0);
    finish_transactions();
    failing_reads_ = false;
    const bool failed = disarm_readers();
    pump_all();
    const std::size_t rows = disk_.pending_rows();
    while (disk_.pending_commits() > 0) disk_.commit_one();
    if (!failed) return;
    ++summary_.failed_reads;
    const SharedOutcome outcome = asked->outcomes[0];
    if (!outcome->is_told()) return fail("a transaction that nobody is told of");
    if (outcome->must_hold()) return;  // it could do without
    if (rows > 0) return fail("a transaction that was refused left rows");
  }
}

}  // namespace jindou::partition::simulation
