#include "partition/sending.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "partition/addressing.h"
#include "partition/send_facts.h"

namespace jindou::partition {

namespace {

// What is around the ids, the lists and the payload of a message: heads of keys and values, the row
// that expires it, the gap, its entry in the commit record, the state of the partition.
constexpr std::size_t kMessageOverhead = 512;
// The length before a name in it.
constexpr std::size_t kNameOverhead = 4;

// What the number of a message is bound to: the payload that its sender gave.
std::uint64_t sent_payload_of(const SendCommand& command) {
  if (command.moderation && command.moderation->sent_payload) {
    return *command.moderation->sent_payload;
  }
  return store::payload_hash(command.payload);
}

SendResult refused_by_moderation(const SendCommand& command) {
  const Errc code = command.moderation->code;
  SendResult result =
      SendResult::refuse(code == Errc::denied ? Reason::moderated : Reason::system_error, code);
  result.moderation = command.moderation;
  return result;
}

SendResult refused_by_rule(const SendCommand& command, Reason reason) {
  SendResult result = SendResult::refuse(reason, Errc::denied);
  if (reason == Reason::not_allow_send && lists_outsider(command)) {
    result.cause = SendResult::Cause::listed_outsider;
  }
  return result;
}

SendResult last_seq_differs(std::uint64_t last_seq) {
  SendResult result = SendResult::refuse(Reason::last_seq_differs, Errc::conflict);
  result.last_seq = last_seq;
  return result;
}

// Whether somebody may receive it.
bool has_receivers(const Recipients& recipients, ChannelType type) {
  return !recipients.listed.empty() ||
         (recipients.subscribers && !recipients.subscribers->empty()) ||
         allows_session_subscriptions(type);
}

}  // namespace

std::size_t bytes_at_most(const SendCommand& command) {
  const std::string& channel = command.channel.id;
  // The sender's conversation, and that of the other one in a person channel.
  std::size_t rows = 2 * conversation_bytes_at_most(channel, channel);
  for (const auto& uid : command.subscribers) {
    rows += 2 * uid.size() + conversation_bytes_at_most(channel, uid);
  }
  if (command.moderation) {
    for (const auto& name : command.moderation->found_by) rows += kNameOverhead + name.size();
  }
  return kMessageOverhead + 4 * channel.size() + 2 * command.from_uid.size() +
         command.client_msg_no.size() + command.topic.size() + command.stream_no.size() +
         command.payload.size() + rows;
}

Sending::Sending(PartitionId partition, const Deps& deps, const Options& options)
    : partition_(partition), deps_(deps), options_(options) {}

Result<SendResult> Sending::evaluate(SendCommand& command, Txn& txn) {
  Prepared prepared;
  prepared.stamp_ns = deps_.stamps.upcoming_ns();
  // People see the wall clock's time, whatever has become of it.
  prepared.now = std::min(deps_.clock.wall_ns(), prepared.stamp_ns) / 1'000'000'000;
  JD_RETURN_IF_ERROR(deps_.receivers.resolve_agent_channel(command.channel));
  const bool targeted = is_targeted_command(command);
  prepared.log = log_of(command);
  prepared.number = {store::fingerprint_of(options_.fingerprint_seed, prepared.log,
                                           command.from_uid, command.client_msg_no),
                     sent_payload_of(command)};
  if (command.idempotent) {
    JD_TRY(const auto repeated, find_repeat(command, prepared.number, prepared.now));
    if (repeated) return *repeated;
  }
  if (command.moderation && command.moderation->refused) return refused_by_moderation(command);
  if (command.bulk_count == BulkCount::over) {
    return SendResult::refuse(Reason::receiver_cap, Errc::denied);
  }
  if (command.bulk_count == BulkCount::failed) {
    return SendResult::refuse(Reason::system_error, Errc::unavailable);
  }

  if (!targeted) {
    JD_TRY(prepared.channel, deps_.channels.load(command.channel));
  }
  SendFacts facts(deps_.receivers, deps_.channels, deps_.accounts, prepared.channel, command);
  JD_TRY(const Reason reason, check_send(command, options_.permission, facts));
  if (reason != Reason::success) return refused_by_rule(command, reason);

  // Everything that can fail comes before the first change of state.
  if (targeted) {
    prepared.recipients.listed = command.subscribers;
  } else {
    JD_TRY(prepared.recipients, deps_.receivers.of(*prepared.channel, command.subscribers));
  }
  if (command.if_last_seq) {
    JD_TRY(const std::uint64_t last_seq, load_last_seq(prepared, targeted, command));
    if (last_seq != *command.if_last_seq) return last_seq_differs(last_seq);
  }
  if (!command.flags.no_persist) {
    prepared.log_state = prepared.channel;
    if (targeted || prepared.log != command.channel) {
      // May move entries of the cache, not the channels behind them.
      JD_TRY(prepared.log_state, deps_.channels.load(prepared.log));
    }
    JD_RETURN_IF_ERROR(load_conversations(command, targeted, prepared, txn));
  }
  return accept(command, prepared, targeted, txn);
}

Result<std::uint64_t> Sending::load_last_seq(const Prepared& prepared, bool targeted,
                                             const SendCommand& command) {
  if (!targeted && prepared.log == command.channel) return prepared.channel->last_seq;
  JD_TRY(const CachedChannel* log, deps_.channels.load(prepared.log));
  return log->last_seq;
}

Result<std::optional<SendResult>> Sending::find_repeat(const SendCommand& command,
                                                       const Number& number,
                                                       std::int64_t now) const {
  using Repeat = std::optional<SendResult>;
  JD_TRY(const auto known, deps_.index.find(number.fingerprint));
  // A first send that was not to be stored is no answer to one that is.
  const bool answers = known && known->idempotent && (known->seq != 0 || command.flags.no_persist);
  if (!answers || now - known->timestamp >= options_.idempotency_window_seconds) return Repeat();
  if (known->payload != number.payload) {
    return Repeat(SendResult::refuse(Reason::not_allow_send, Errc::conflict));
  }
  SendResult first;
  first.state = SendResult::State::duplicate;
  first.message_id = message_id_of(known->counter, partition_);
  first.message_seq = static_cast<MessageSeq>(known->seq);
  first.reason = Reason::success;
  first.timestamp = known->timestamp;
  return Repeat(first);
}

Result<void> Sending::load_conversations(const SendCommand& command, bool targeted,
                                         Prepared& prepared, Txn& txn) {
  CachedChannel& channel = targeted ? *prepared.log_state : *prepared.channel;
  // Touched first: what is loaded of conversations stays until all of it was looked at, and there
  // may be more of them than are kept.
  const std::uint64_t touched_position = channel.touched_position;
  if (targeted || !channel.named_users_known) deps_.channels.touch(channel, txn);
  const auto loaded = targeted ? load_receivers(command, channel)
                               : load_sender_and_named(command, channel, prepared);
  // A message that is not accepted changes nothing.
  if (!loaded) channel.touched_position = touched_position;
  return loaded;
}

Result<void> Sending::load_receivers(const SendCommand& command, CachedChannel& log) {
  // What is new in a log made for these users is new to each of them.
  for (const auto& uid : command.subscribers)
    JD_RETURN_IF_ERROR(deps_.conversations.load(log, uid));
  return {};
}

Result<void> Sending::load_sender_and_named(const SendCommand& command, CachedChannel& channel,
                                            Prepared& prepared) {
  JD_TRY(prepared.unopened, deps_.conversations.load_unopened(channel));
  if (!command.subscribers.empty()) {
    // It is nothing to those whom its list leaves out.
    const auto is_left_out = [&command](const std::string& uid) {
      return uid != command.from_uid &&
             std::ranges::find(command.subscribers, uid) == command.subscribers.end();
    };
    prepared.leaves_unopened = std::erase_if(prepared.unopened, is_left_out) > 0;
  }
  if (!command.sender_conversation) {
    if (std::erase(prepared.unopened, command.from_uid) > 0) prepared.leaves_unopened = true;
    return {};
  }
  // The sender's view, which his message moves; also of one who is no subscriber: he may have
  // looked at the channel all the same. That he has not is remembered, too.
  if (has_conversations(channel.key.type) && command.from_uid != kSystemUid) {
    JD_RETURN_IF_ERROR(deps_.conversations.load(channel, command.from_uid));
  }
  JD_TRY(prepared.share, deps_.slices.prepare_share(channel, command.from_uid));
  return {};
}

SendResult Sending::accept(SendCommand& command, Prepared& prepared, bool targeted, Txn& txn) {
  deps_.stamps.take(prepared.stamp_ns, txn);
  CachedChannel* const channel = prepared.channel;
  const bool stored = prepared.log_state != nullptr;
  if (stored && channel != nullptr) {
    if (!channel->named_users_known) {
      for (const auto& uid : prepared.unopened) deps_.conversations.put(*channel, uid, {}, txn);
      ChannelCache::remember(*channel, txn);
      channel->named_users_known =
          has_conversations(channel->key.type) && !prepared.leaves_unopened;
    }
    deps_.slices.take_share(*channel, prepared.share, txn);
  }
  auto message = make_message(command, prepared, targeted, txn);
  if (stored) deps_.log.append(*message, prepared.log, channel, *prepared.log_state, txn);
  if (stored || command.idempotent) remember(*message, command.idempotent, prepared, txn);
  txn.count_message();

  SendResult result;
  result.state = SendResult::State::accepted;
  result.message_id = message->id;
  result.message_seq = message->seq;
  result.reason = Reason::success;
  result.timestamp = prepared.now;
  result.moderation = message->moderation;
  // A job counts also those that nobody receives.
  if (command.job || has_receivers(prepared.recipients, message->channel.type)) {
    auto pushes = command.job ? std::make_shared<JobPushes>(command.job) : nullptr;
    txn.add_effect({CommittedMessage{std::move(message), command.origin_session, std::move(pushes)},
                    std::move(prepared.recipients)});
  } else {
    txn.add_unheard(std::move(message));
  }
  return result;
}

std::shared_ptr<Message> Sending::make_message(SendCommand& command, const Prepared& prepared,
                                               bool targeted, Txn& txn) {
  auto message = std::make_shared<Message>();
  message->id = message_id_of(deps_.ids.next(txn), partition_);
  message->timestamp = prepared.now;
  message->timestamp_ns =
      static_cast<std::uint64_t>(prepared.stamp_ns - prepared.now * 1'000'000'000);
  message->channel = std::move(command.channel);
  if (targeted && message->channel.id.empty()) message->channel = prepared.log;
  message->content() = std::move(command.content());
  message->moderation = std::move(command.moderation);
  return message;
}

void Sending::remember(const Message& message, bool idempotent, Prepared& prepared, Txn& txn) {
  store::CommitEntry entry;
  entry.counter = counter_of(message.id);
  entry.log = std::move(prepared.log);
  entry.seq = raw(message.seq);
  entry.fingerprint = prepared.number.fingerprint;
  entry.payload = prepared.number.payload;
  entry.idempotent = idempotent;
  txn.add_entry(entry, prepared.now);
  store::ClientNumber number;
  number.counter = entry.counter;
  number.seq = entry.seq;
  number.payload = entry.payload;
  number.timestamp = prepared.now;
  number.idempotent = idempotent;
  deps_.index.insert(entry.fingerprint, number, txn);
}

}  // namespace jindou::partition
