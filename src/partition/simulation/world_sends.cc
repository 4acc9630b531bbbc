#include <algorithm>
#include <utility>

#include "partition/addressing.h"
#include "partition/command_router.h"
#include "partition/simulation/world.h"

namespace jindou::partition::simulation {

SendCommand World::random_command() {
  SendCommand command;
  command.from_uid = "u" + std::to_string(roll(4));
  if (chance(25)) {
    const std::string peer = "u" + std::to_string(roll(4));
    command.channel = ChannelKey(person_channel_id(command.from_uid, peer), ChannelType::person);
  } else {
    command.channel = ChannelKey("g" + std::to_string(roll(7)), ChannelType::group);
  }
  command.flags.no_persist = chance(8);
  command.flags.sync_once = chance(10);
  if (chance(8)) {
    command.subscribers = {"u1", "u2"};
    if (chance(50)) command.subscribers = {"u" + std::to_string(roll(4))};
  }
  if (chance(10)) {
    command.expire = static_cast<std::uint32_t>(1 + roll(20));
    may_expire_ = true;
  }
  command.idempotent = chance(75);
  command.client_msg_no = command.idempotent ? "n" + std::to_string(roll(40))
                                             : "generated" + std::to_string(++generated_);
  // Payloads of one number mostly agree, so that repeats are mostly honest.
  command.payload = "p" + command.client_msg_no + (chance(4) ? "x" : "");
  if (command.channel.type == ChannelType::group && chance(6)) anchor(command);
  command.origin = chance(50) ? Origin::http : Origin::socket;
  command.sender_conversation = !chance(8);
  if (chance(12)) {
    const std::uint64_t next = told_last(log_of(command)) + roll(3);
    command.if_last_seq = static_cast<std::uint32_t>(next - std::min<std::uint64_t>(next, 1));
  }
  return command;
}

// Makes it a message that events can be written to.
void World::anchor(SendCommand& command) {
  command.flags = {};
  command.subscribers.clear();
  command.setting = kSettingStream;
  command.idempotent = true;
  command.client_msg_no = "anchor" + std::to_string(++generated_);
  command.payload = command.client_msg_no;
  lanes_.add({command.channel, command.from_uid, command.client_msg_no, {}, false});
}

void World::append_event() {
  auto& anchors = lanes_.anchors();
  if (anchors.empty()) return;
  const auto lately = std::min<std::size_t>(anchors.size(), 6);
  LaneModel::Anchor& anchor = anchors[anchors.size() - 1 - roll(lately)];
  if (anchor.lanes.open() > 5) return;  // of each both outcomes would be tried
  AppendEvent event;
  event.channel = anchor.channel;
  event.client_msg_no = anchor.client_msg_no;
  event.event_id = "e" + std::to_string(++generated_);
  event.event_type = "stream";
  event.event_key = chance(70) ? std::string(kMainLane) : "second";
  const auto what = roll(100);
  if (what < 65) {
    event.effect = AppendEvent::Effect::text_delta;
    event.begins_stream = event.event_key == kMainLane && chance(40);
    event.text = event.event_id;
  } else if (what < 80) {
    event.effect = AppendEvent::Effect::snapshot;
    event.snapshot = event.event_id;
    event.snapshot_is_text = true;
  } else {
    event.effect = AppendEvent::Effect::close;
    if (chance(30)) event.event_key = kFinishLane;
  }
  if (!failing_reads_) {
    append(anchor, std::move(event));
    return;
  }
  failing_reads_ = false;
  fail_each_read(partition_for(event.channel.id, kPartitions),
                 [&] { return append(anchor, event); });
}

SharedOutcome World::append(LaneModel::Anchor& anchor, AppendEvent event) {
  ++summary_.events;
  auto outcome = std::make_shared<Outcome>();
  LaneModel::begin(anchor, event, outcome);
  const PartitionId partition = partition_for(event.channel.id, kPartitions);
  known_owner(partition).host(partition).execute(
      event, [this, event, partition, outcome](const Result<EventOutcome>& done) {
        outcome->answer(done ? Result<void>() : Error(done.error()));
        if (outcome->is_elsewhere()) repeat(partition, [this, event] { append_again(event); });
      });
  return outcome;
}

void World::append_again(const AppendEvent& event) {
  for (LaneModel::Anchor& anchor : lanes_.anchors()) {
    if (anchor.client_msg_no != event.client_msg_no) continue;
    if (anchor.lanes.open() <= 5) append(anchor, event);
    return;
  }
}

void World::send() {
  std::vector<SendCommand> commands;
  for (auto n = 1 + roll(6); n > 0; --n) commands.push_back(random_command());
  send(std::move(commands));
  if (chance(50)) pump_some();
}

std::shared_ptr<SendBatch> World::send(std::vector<SendCommand> commands, SharedOutcome first,
                                       SendTold told) {
  std::vector<Attempt> attempts;
  std::vector<SendBatch::Part> parts;
  // As the caller made them, for whoever is asked next.
  std::vector<SendCommand> originals = commands;
  look_at_inboxes(commands);
  const auto judges = std::make_shared<std::vector<Judges>>();
  for (const SendCommand& command : commands) judges->push_back(judges_.judges_of(command));
  for (std::uint32_t item = 0; item < commands.size(); ++item) {
    const SendCommand& command = commands[item];
    const PartitionId partition = partition_of(command, PartitionMap(kPartitions));
    auto part = std::find_if(parts.begin(), parts.end(),
                             [&](const auto& p) { return p.partition == partition; });
    if (part == parts.end()) part = parts.insert(parts.end(), {partition, {}});
    part->items.push_back(item);
    attempts.push_back(attempt_of(command));
    attempted_[key_of(attempts.back())].insert(command.payload.str());
    ++open_sends_[key_of(attempts.back())];
    ++summary_.sends;
  }
  auto batch = std::make_shared<SendBatch>(
      std::move(commands), std::move(parts), nullptr, CommandRouter::kNever,
      [this, attempts = std::move(attempts), judges, first, told = std::move(told),
       originals = std::move(originals)](const std::vector<SendResult>& results) {
        if (first) first->answer(results[0].ok() ? Result<void>() : Error(results[0].code));
        for (std::size_t i = 0; i < attempts.size(); ++i) {
          judge(attempts[i], results[i]);
          if (!judges->at(i).allow(results[i]))
            fail("not what an inbox said: " + attempts[i].log.id);
        }
        if (told) told(results);
        if (first || told) return;
        std::vector<SendCommand> elsewhere;
        for (std::size_t i = 0; i < results.size(); ++i) {
          const bool has_gone =
              results[i].state == SendResult::State::refused && results[i].code == Errc::not_owner;
          if (has_gone) elsewhere.push_back(originals[i]);
        }
        send_again(elsewhere);
      });
  const Posted posted{batch, judges};
  if (!first && chance(20)) {
    waiting_.push_back(posted);
  } else {
    if (!first) execute_waiting();
    execute(posted);
  }
  return batch;
}

void World::send_again(const std::vector<SendCommand>& commands) {
  for (const SendCommand& command : commands) {
    repeat(partition_of(command, PartitionMap(kPartitions)), [this, command] { send({command}); });
  }
}

void World::execute_waiting() {
  for (const Posted& posted : std::exchange(waiting_, {})) execute(posted);
}

void World::execute(const Posted& posted) {
  const auto& [batch, judges] = posted;
  for (std::size_t i = 0; i < judges->size(); ++i) {
    const SendCommand& command = batch->commands()[i];
    const SystemAccounts& accounts =
        known_owner(partition_of(command, PartitionMap(kPartitions))).accounts();
    (*judges)[i].sender_is_system = accounts.contains(command.from_uid);
    (*judges)[i].receiver_is_system = accounts.contains(receiver_of(command));
  }
  for (std::size_t part = 0; part < batch->parts().size(); ++part) {
    const PartitionId partition = batch->parts()[part].partition;
    PartitionHost& host = known_owner(partition).host(partition);
    if (host.is_held()) {
      for (const auto item : batch->parts()[part].items) (*judges)[item].waited = true;
    }
    host.execute(batch, part);
  }
}

Attempt World::attempt_of(const SendCommand& command) const {
  const ChannelKey log = log_of(command);
  return {log,
          command.from_uid,
          command.client_msg_no,
          command.payload.str(),
          command.idempotent,
          !command.flags.no_persist,
          command.if_last_seq,
          told_last(log)};
}

// Of one that was to be sent only while its log had a certain last seq.
void World::judge_last_seq(const Attempt& attempt, const SendResult& result) {
  if (result.reason == Reason::last_seq_differs) {
    ++summary_.last_seqs_refused;
    if (!attempt.if_last_seq) return fail("refused for a last seq that nobody asked for");
    if (result.last_seq == *attempt.if_last_seq) return fail("the last seq was the one asked for");
    if (result.last_seq < attempt.told_seq) return fail("a last seq that is too old was told");
  }
  if (!attempt.if_last_seq || result.state != SendResult::State::accepted) return;
  if (*attempt.if_last_seq < attempt.told_seq) fail("sent although the log had gone on");
  if (attempt.stored && raw(result.message_seq) != *attempt.if_last_seq + std::uint64_t{1}) {
    fail("sent behind another message than the one asked for");
  }
}

std::string World::describe(const Attempt& attempt, const SendResult& result) {
  return attempt.log.id + " " + attempt.from_uid + " " + attempt.client_msg_no + " as " +
         std::to_string(raw(result.message_id)) + "@" + std::to_string(raw(result.message_seq));
}

void World::judge(const Attempt& attempt, const SendResult& result) {
  const SendKey key = key_of(attempt);
  if (result.state == SendResult::State::unknown) {
    ++summary_.unknown;
    return;
  }
  judge_last_seq(attempt, result);
  const auto first = first_.find(key);
  if (result.state == SendResult::State::refused) {
    --open_sends_[key];
    const bool other_payload =
        result.code == Errc::conflict && result.reason != Reason::last_seq_differs;
    if (other_payload && attempted_[key].size() < 2) {
      fail("a conflict although only one payload was ever sent");
    }
    return;
  }
  ++summary_.acknowledged;
  if (result.state == SendResult::State::duplicate) {
    ++summary_.duplicates;
    if (!attempt.idempotent) return fail("a duplicate without a key");
  } else if (attempt.idempotent && first != first_.end() && raw(first->second.seq) != 0 &&
             raw(result.message_seq) != 0 && first->second.id != result.message_id) {
    // The same id is fine: a repeat may hear of it before the first caller, whose batch still
    // waits for another partition.
    return fail("a key was stored twice: " + describe(attempt, result) + ", first " +
                std::to_string(raw(first->second.id)) + "@" +
                std::to_string(raw(first->second.seq)));
  } else if (!ids_.insert(raw(result.message_id)).second) {
    return fail("a message id was given out twice");
  }
  if (attempt.stored && raw(result.message_seq) == 0 &&
      result.state == SendResult::State::accepted) {
    return fail("a stored message without a seq");
  }
  if (attempt.idempotent) {
    if (first == first_.end()) {
      first_[key] = Known{result.message_id, result.message_seq, attempt.payload};
    } else if (raw(result.message_seq) == 0 && raw(first->second.seq) != 0) {
      // An answer to a send that was not to be stored, heard late: a stored one came after it.
    } else if (raw(first->second.seq) == 0 && raw(result.message_seq) != 0) {
      first->second = Known{result.message_id, result.message_seq, attempt.payload};
    } else if (first->second.id != result.message_id || first->second.seq != result.message_seq) {
      return fail("a repeat answered another result than the first");
    } else if (first->second.payload != attempt.payload) {
      return fail("a repeat with another payload was accepted");
    }
  }
  if (raw(result.message_seq) == 0) return;
  const Known known{result.message_id, result.message_seq, attempt.payload};
  const auto [it, fresh] = acknowledged_[attempt.log].emplace(raw(result.message_seq), known);
  if (!fresh && (it->second.id != known.id || it->second.payload != known.payload)) {
    fail("a seq was given out twice");
  }
}

}  // namespace jindou::partition::simulation
