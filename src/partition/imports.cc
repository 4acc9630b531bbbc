#include "partition/imports.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "model/message.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition {

namespace {

Result<void> check_messages(const ImportMessages& command) {
  std::uint64_t before = command.after_seq;
  for (const Message& message : command.messages) {
    if (raw(message.seq) <= before) {
      return Error(Errc::invalid,
                   "messages: the message_seq of each must be behind that of the one before it, "
                   "and that of the first behind after_seq");
    }
    before = raw(message.seq);
    if (raw(message.id) < kForeignIdMin || raw(message.id) > kForeignIdMax) {
      return Error(Errc::invalid,
                   "messages: message_id must be from " + std::to_string(kForeignIdMin) + " to " +
                       std::to_string(kForeignIdMax) + "; smaller ones are this server's own");
    }
  }
  return {};
}

}  // namespace

Result<bool> Imports::ends_with(const CachedChannel& channel, MessageId id) const {
  const store::PartitionReader& reader = deps_.reader;
  const auto last = static_cast<MessageSeq>(channel.last_seq);
  std::string value;
  JD_TRY(const bool stored,
         reader.get(store::Table::main, store::message_key(reader.partition(), channel.key, last),
                    value));
  if (!stored) {
    if (channel.touched_position <= channels_.durable()) return true;
    return Error(Errc::unavailable, "the channel is being changed; retry later");
  }
  JD_TRY(const store::MessageHead head, store::decode_message_head(value));
  return head.id == id;
}

Result<void> Imports::check_place(const ImportMessages& command,
                                  const CachedChannel& channel) const {
  // A sender's conversation may be among the rows that are still to be written.
  if (channel.list_job != nullptr) {
    return Error(Errc::unavailable, "the lists of the channel are being changed; retry later");
  }
  if (channel.last_seq != command.after_seq) {
    return Error(Errc::conflict, "the last message_seq of the channel is " +
                                     std::to_string(channel.last_seq) + ", not after_seq");
  }
  if (raw(command.messages.front().seq) <= deps_.seq_floor) {
    return Error(Errc::conflict, "every message_seq up to " + std::to_string(deps_.seq_floor) +
                                     " may have been given out before this server lost data: "
                                     "import into a new one");
  }
  if (command.after_seq == 0) return {};
  JD_TRY(const bool there, ends_with(channel, command.after_id));
  if (there) return {};
  return Error(Errc::conflict, "the last message of the channel is another one than after_id");
}

Result<void> Imports::load_senders(const ImportMessages& command, CachedChannel& channel) {
  if (!has_conversations(channel.key.type)) return {};
  for (const Message& message : command.messages) {
    if (message.from_uid == kSystemUid) continue;
    JD_RETURN_IF_ERROR(conversations_.load(channel, message.from_uid));
  }
  return {};
}

Result<void> Imports::evaluate(const ImportMessages& command, Txn& txn) {
  if (command.messages.empty()) return {};
  JD_RETURN_IF_ERROR(check_messages(command));
  ChannelKey key = command.channel;
  JD_RETURN_IF_ERROR(receivers_.resolve_agent_channel(key));
  JD_TRY(CachedChannel * channel, channels_.load(key));
  const Message& last = command.messages.back();
  if (channel->last_seq == raw(last.seq)) {
    JD_TRY(const bool done_before, ends_with(*channel, last.id));
    if (done_before) return {};
  }
  JD_RETURN_IF_ERROR(check_place(command, *channel));
  // Touched first: what is loaded of conversations stays until all of it was looked at.
  channels_.touch(*channel, txn);
  JD_TRY(const std::vector<std::string> unopened, conversations_.load_unopened(*channel));
  JD_RETURN_IF_ERROR(load_senders(command, *channel));

  // The rest cannot fail.
  // No channel has a seq above the counter of its partition: a floor after a loss of data relies on
  // that (store/data_loss.h).
  ids_.skip_to(raw(last.seq), txn);
  for (const std::string& uid : unopened) conversations_.put(*channel, uid, {}, txn);
  ChannelCache::remember(*channel, txn);
  channel->named_users_known = has_conversations(key.type);
  const std::int64_t now = deps_.clock.wall_seconds();
  for (const Message& given : command.messages) {
    Message message = given;
    message.channel = key;
    message.timestamp = std::min(given.timestamp, now);
    message.timestamp_ns = 0;
    message.flags = MessageFlags{.red_dot = given.flags.red_dot};
    // Its events are not imported: it is no anchor here.
    message.setting = static_cast<std::uint8_t>(message.setting & ~kSettingStream);
    log_.skip_to(*channel, raw(given.seq) - 1, txn);
    log_.append(message, key, channel, *channel, txn);
    JD_ASSERT(message.seq == given.seq);
  }
  return {};
}

}  // namespace jindou::partition
