#include "store/keys.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "model/job.h"

namespace jindou::store {

namespace {

void begin_key(std::string& out, PartitionId partition, KeyKind kind) {
  append_be(out, raw(partition));
  out.push_back(static_cast<char>(kind));
}

void append_channel(std::string& out, const ChannelKey& channel) {
  out.push_back(static_cast<char>(raw(channel.type)));
  append_be(out, static_cast<std::uint16_t>(channel.id.size()));
  out += channel.id;
}

std::string channel_scoped(PartitionId partition, KeyKind kind, const ChannelKey& channel,
                           std::size_t extra) {
  std::string key;
  key.reserve(6 + channel.id.size() + extra);
  begin_key(key, partition, kind);
  append_channel(key, channel);
  return key;
}

std::string user_scoped(PartitionId partition, KeyKind kind, std::string_view uid) {
  std::string key;
  begin_key(key, partition, kind);
  append_be(key, static_cast<std::uint16_t>(uid.size()));
  key += uid;
  return key;
}

std::string seq_scoped(PartitionId partition, KeyKind kind, const ChannelKey& channel,
                       MessageSeq seq) {
  std::string key = channel_scoped(partition, kind, channel, kSeqBytes);
  append_be(key, raw(seq));
  return key;
}

// Where the partition and the kind end.
constexpr std::size_t kBodyOffset = 3;
constexpr std::size_t kCounterBytes = 8;
// Whose dead letters they are.
constexpr char kNotifyStream = '\0';

constexpr std::size_t kStartBytes = sizeof(std::uint16_t) + sizeof(std::uint64_t);

// What is not known has no place: so rows that were written without are found again.
void append_start(std::string& out, const NodeBoot& start) {
  if (start.node == 0) return;
  append_be(out, start.node);
  append_be(out, start.boot);
}

ChannelKey read_channel(std::string_view key, std::size_t offset) {
  const std::size_t id_bytes = read_be<std::uint16_t>(key, offset + 1);
  return ChannelKey(std::string(key.substr(offset + 3, id_bytes)),
                    static_cast<ChannelType>(key[offset]));
}

}  // namespace

std::string partition_state_key(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::partition_state);
  return key;
}

std::string channel_key(PartitionId partition, const ChannelKey& channel) {
  return channel_scoped(partition, KeyKind::channel, channel, 0);
}

std::string member_prefix(PartitionId partition, KeyKind kind, const ChannelKey& channel) {
  return channel_scoped(partition, kind, channel, 0);
}

std::string member_key(PartitionId partition, KeyKind kind, const ChannelKey& channel,
                       std::string_view uid) {
  std::string key = channel_scoped(partition, kind, channel, uid.size());
  key += uid;
  return key;
}

std::string message_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::message);
  return key;
}

std::string message_prefix(PartitionId partition, const ChannelKey& log) {
  return channel_scoped(partition, KeyKind::message, log, kSeqBytes);
}

void build_message_key(std::string& out, PartitionId partition, const ChannelKey& log,
                       MessageSeq seq) {
  out.clear();
  begin_key(out, partition, KeyKind::message);
  append_channel(out, log);
  append_be(out, raw(seq));
}

std::string message_key(PartitionId partition, const ChannelKey& log, MessageSeq seq) {
  std::string key;
  key.reserve(6 + log.id.size() + kSeqBytes);
  build_message_key(key, partition, log, seq);
  return key;
}

MessageSeq seq_of_message_key(std::string_view key) {
  return static_cast<MessageSeq>(read_be<std::uint64_t>(key, key.size() - kSeqBytes));
}

std::string commit_record_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::commit_record);
  return key;
}

std::string commit_record_key(PartitionId partition, std::uint64_t first_counter) {
  std::string key = commit_record_prefix(partition);
  append_be(key, first_counter);
  return key;
}

std::uint64_t counter_of_commit_record_key(std::string_view key) {
  return read_be<std::uint64_t>(key, key.size() - 8);
}

std::string device_token_key(PartitionId partition, std::string_view uid, DeviceFlag flag) {
  std::string key = device_token_prefix(partition, uid);
  key.push_back(static_cast<char>(raw(flag)));
  return key;
}

std::string device_token_prefix(PartitionId partition, std::string_view uid) {
  return user_scoped(partition, KeyKind::device_token, uid);
}

std::string conversation_prefix(PartitionId partition, std::string_view uid) {
  return user_scoped(partition, KeyKind::conversation, uid);
}

std::string conversation_key(PartitionId partition, std::string_view uid,
                             const ChannelKey& channel) {
  std::string key = conversation_prefix(partition, uid);
  append_channel(key, channel);
  return key;
}

ChannelKey channel_of_conversation_key(std::string_view key) {
  const std::size_t uid_bytes = read_be<std::uint16_t>(key, kBodyOffset);
  return read_channel(key, kBodyOffset + 2 + uid_bytes);
}

std::string tombstone_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::tombstone);
  return key;
}

std::string tombstone_prefix(PartitionId partition, std::string_view uid) {
  return user_scoped(partition, KeyKind::tombstone, uid);
}

std::string tombstone_key(PartitionId partition, std::string_view uid, const ChannelKey& channel) {
  std::string key = tombstone_prefix(partition, uid);
  append_channel(key, channel);
  return key;
}

ChannelKey channel_of_tombstone_key(std::string_view key) {
  return channel_of_conversation_key(key);
}

std::string_view uid_of_tombstone_key(std::string_view key) {
  return key.substr(kBodyOffset + 2, read_be<std::uint16_t>(key, kBodyOffset));
}

std::string tombstones_dropped_key(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::tombstones_dropped);
  return key;
}

std::string expiry_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::expiry);
  return key;
}

std::string expiry_key(PartitionId partition, std::uint64_t at_seconds, const ChannelKey& log,
                       MessageSeq seq) {
  std::string key = expiry_prefix(partition);
  append_be(key, at_seconds);
  append_be(key, raw(seq));
  append_channel(key, log);
  return key;
}

Expiry expiry_of_key(std::string_view key) {
  Expiry expiry;
  expiry.at_seconds = read_be<std::uint64_t>(key, kBodyOffset);
  expiry.seq = static_cast<MessageSeq>(read_be<std::uint64_t>(key, kBodyOffset + 8));
  expiry.log = read_channel(key, kBodyOffset + 16);
  return expiry;
}

std::string gap_key(PartitionId partition, const ChannelKey& log, MessageSeq seq) {
  return seq_scoped(partition, KeyKind::gap, log, seq);
}

std::string event_lane_prefix(PartitionId partition, const ChannelKey& channel, MessageSeq anchor) {
  return seq_scoped(partition, KeyKind::event_lane, channel, anchor);
}

std::string event_lane_key(PartitionId partition, const ChannelKey& channel, MessageSeq anchor,
                           std::string_view event_key) {
  std::string key = event_lane_prefix(partition, channel, anchor);
  key += event_key;
  return key;
}

std::string event_text_prefix(PartitionId partition, const ChannelKey& channel, MessageSeq anchor) {
  return seq_scoped(partition, KeyKind::event_text, channel, anchor);
}

std::string event_text_prefix(PartitionId partition, const ChannelKey& channel, MessageSeq anchor,
                              std::string_view event_key) {
  std::string key = event_text_prefix(partition, channel, anchor);
  append_be(key, static_cast<std::uint16_t>(event_key.size()));
  key += event_key;
  return key;
}

std::string event_text_key(PartitionId partition, const ChannelKey& channel, MessageSeq anchor,
                           std::string_view event_key, std::uint64_t n) {
  std::string key = event_text_prefix(partition, channel, anchor, event_key);
  append_be(key, n);
  return key;
}

std::string running_stream_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::running_stream);
  return key;
}

std::string running_stream_key(PartitionId partition, const ChannelKey& channel) {
  return channel_scoped(partition, KeyKind::running_stream, channel, 0);
}

std::string list_change_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::list_change);
  return key;
}

std::string list_change_prefix(PartitionId partition, const ChannelKey& channel) {
  return channel_scoped(partition, KeyKind::list_change, channel, 0);
}

std::string list_change_key(PartitionId partition, const ChannelKey& channel, std::uint32_t n) {
  std::string key = channel_scoped(partition, KeyKind::list_change, channel, sizeof(n));
  append_be(key, n);
  return key;
}

ChannelKey channel_of_list_change_key(std::string_view key) {
  return read_channel(key, kBodyOffset);
}

ChannelKey channel_of_running_stream_key(std::string_view key) {
  return read_channel(key, kBodyOffset);
}

std::string log_change_prefix(PartitionId partition, const ChannelKey& log) {
  return channel_scoped(partition, KeyKind::log_change, log, 0);
}

std::string log_change_key(PartitionId partition, const ChannelKey& log, std::uint64_t number) {
  std::string key = channel_scoped(partition, KeyKind::log_change, log, sizeof(number));
  append_be(key, number);
  return key;
}

std::uint64_t number_of_log_change_key(std::string_view key) {
  return read_be<std::uint64_t>(key, key.size() - sizeof(std::uint64_t));
}

std::string system_account_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::system_account);
  return key;
}

std::string system_account_key(PartitionId partition, std::string_view uid) {
  std::string key = system_account_prefix(partition);
  key += uid;
  return key;
}

std::string_view uid_of_system_account_key(std::string_view key) { return key.substr(kBodyOffset); }

std::string command_sync_key(PartitionId partition, std::string_view uid) {
  return user_scoped(partition, KeyKind::command_sync, uid);
}

std::string online_session_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::online_session);
  return key;
}

std::string online_session_key(PartitionId partition, std::string_view uid, DeviceFlag flag,
                               const NodeBoot& start, std::uint64_t session_id) {
  std::string key = user_scoped(partition, KeyKind::online_session, uid);
  key.push_back(static_cast<char>(raw(flag)));
  append_start(key, start);
  append_be(key, session_id);
  return key;
}

OnlineSession online_session_of_key(std::string_view key) {
  OnlineSession session;
  const std::size_t uid_bytes = read_be<std::uint16_t>(key, kBodyOffset);
  const std::size_t after_uid = kBodyOffset + 2 + uid_bytes;
  session.uid = std::string(key.substr(kBodyOffset + 2, uid_bytes));
  session.device_flag = static_cast<DeviceFlag>(key[after_uid]);
  std::size_t at = after_uid + 1;
  if (key.size() > at + sizeof(session.session_id)) {
    session.start.node = read_be<std::uint16_t>(key, at);
    session.start.boot = read_be<std::uint64_t>(key, at + sizeof(std::uint16_t));
    at += kStartBytes;
  }
  session.session_id = read_be<std::uint64_t>(key, at);
  return session;
}

std::string request_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::request);
  return key;
}

std::string request_key(PartitionId partition, std::string_view key) {
  std::string row = request_prefix(partition);
  row += key;
  return row;
}

std::string request_expiry_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::request_expiry);
  return key;
}

std::string request_expiry_key(PartitionId partition, std::int64_t at_s, std::string_view key) {
  std::string row = request_expiry_prefix(partition);
  append_be(row, static_cast<std::uint64_t>(at_s));
  row += key;
  return row;
}

RequestExpiry request_expiry_of_key(std::string_view key) {
  JD_ASSERT(key.size() == kBodyOffset + sizeof(std::uint64_t) + kRequestKeyBytes);
  RequestExpiry expiry;
  expiry.at_s = static_cast<std::int64_t>(read_be<std::uint64_t>(key, kBodyOffset));
  expiry.key = std::string(key.substr(kBodyOffset + sizeof(std::uint64_t)));
  return expiry;
}

std::string bulk_count_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::bulk_count);
  return key;
}

std::string bulk_count_day_prefix(PartitionId partition, std::uint32_t day) {
  std::string key = bulk_count_prefix(partition);
  append_be(key, day);
  return key;
}

std::string bulk_count_key(PartitionId partition, std::uint32_t day, std::string_view uid) {
  std::string key = bulk_count_day_prefix(partition, day);
  append_be(key, static_cast<std::uint16_t>(uid.size()));
  key += uid;
  return key;
}

std::uint32_t day_of_bulk_count_key(std::string_view key) {
  return read_be<std::uint32_t>(key, kBodyOffset);
}

std::string presence_event_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::presence_event);
  return key;
}

std::string presence_event_key(PartitionId partition, std::int64_t at_ns, const NodeBoot& start,
                               std::uint64_t session_id, bool online) {
  std::string key = presence_event_prefix(partition);
  append_be(key, static_cast<std::uint64_t>(at_ns));
  append_start(key, start);
  append_be(key, session_id);
  key.push_back(online ? '\1' : '\0');
  return key;
}

std::string webhook_cursor_key(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::webhook_cursor);
  return key;
}

std::string webhook_letter_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::webhook_letter);
  key.push_back(kNotifyStream);
  return key;
}

std::string webhook_letter_key(PartitionId partition, std::uint64_t counter) {
  std::string key = webhook_letter_prefix(partition);
  append_be(key, counter);
  return key;
}

std::string webhook_redrive_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::webhook_redrive);
  key.push_back(kNotifyStream);
  return key;
}

std::string webhook_redrive_key(PartitionId partition, std::uint64_t counter) {
  std::string key = webhook_redrive_prefix(partition);
  append_be(key, counter);
  return key;
}

std::uint64_t counter_of_webhook_letter_key(std::string_view key) {
  return read_be<std::uint64_t>(key, kBodyOffset + 1);
}

std::string webhook_letters_dropped_key(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::webhook_letters_dropped);
  return key;
}

PartitionId partition_of_key(std::string_view key) {
  JD_ASSERT(key.size() >= kBodyOffset);
  return static_cast<PartitionId>(read_be<std::uint16_t>(key, 0));
}

KeyKind kind_of_key(std::string_view key) {
  return static_cast<KeyKind>(key.size() >= kBodyOffset ? key[kBodyOffset - 1] : '\0');
}

ChannelType type_of_channel_scoped_key(std::string_view key) {
  return static_cast<ChannelType>(key[kBodyOffset]);
}

bool holds_channel(std::string_view key, std::size_t behind) {
  constexpr std::size_t kHeadBytes =
      kBodyOffset + 1 + sizeof(std::uint16_t);  // to the channel's id
  if (key.size() < kHeadBytes) return false;
  return key.size() >= kHeadBytes + read_be<std::uint16_t>(key, kBodyOffset + 1) + behind;
}

ChannelKey channel_of_channel_scoped_key(std::string_view key) {
  return read_channel(key, kBodyOffset);
}

std::string template_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::template_head);
  return key;
}

std::string template_key(PartitionId partition, std::string_view name) {
  std::string key = template_prefix(partition);
  key += name;
  return key;
}

std::string_view name_of_template_key(std::string_view key) { return key.substr(kBodyOffset); }

std::string template_version_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::template_version);
  return key;
}

std::string template_version_key(PartitionId partition, std::string_view name,
                                 std::uint64_t version) {
  std::string key = user_scoped(partition, KeyKind::template_version, name);
  append_be(key, version);
  return key;
}

std::string template_floor_key(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::template_floor);
  return key;
}

std::string job_prefix(PartitionId partition) {
  std::string key;
  begin_key(key, partition, KeyKind::job);
  return key;
}

std::string job_key(PartitionId partition, std::string_view id) {
  JD_ASSERT(id.size() == kJobIdBytes);
  std::string key = job_prefix(partition);
  key += id;
  return key;
}

std::string_view id_of_job_key(std::string_view key) { return key.substr(kBodyOffset); }

std::string job_chunk_prefix(PartitionId partition, KeyKind kind, std::string_view id) {
  JD_ASSERT(kind == KeyKind::job_input || kind == KeyKind::job_results);
  JD_ASSERT(id.size() == kJobIdBytes);
  std::string key;
  begin_key(key, partition, kind);
  key += id;
  return key;
}

std::string job_chunk_key(PartitionId partition, KeyKind kind, std::string_view id,
                          std::uint64_t first) {
  std::string key = job_chunk_prefix(partition, kind, id);
  append_be(key, first);
  return key;
}

std::uint64_t first_of_job_chunk_key(std::string_view key) {
  return read_be<std::uint64_t>(key, key.size() - sizeof(std::uint64_t));
}

std::string store_identity_key() { return std::string("\xff\xff\x00", 3); }

std::string data_loss_key() { return std::string("\xff\xff\x01", 3); }

std::string client_number_key(PartitionId partition, const Fingerprint& fingerprint) {
  std::string key = client_number_prefix(partition, fingerprint.number);
  append_be(key, fingerprint.sender);
  return key;
}

Fingerprint fingerprint_of_client_number_key(std::string_view key) {
  constexpr std::size_t kPartitionBytes = 2;
  Fingerprint fingerprint;
  fingerprint.number = read_be<std::uint64_t>(key, kPartitionBytes);
  fingerprint.sender = read_be<std::uint64_t>(key, kPartitionBytes + 8);
  return fingerprint;
}

std::string index_progress_key(PartitionId partition) { return client_number_prefix(partition); }

std::string first_client_number(PartitionId partition) {
  return client_number_prefix(partition) + '\0';  // longer than the key of the progress
}

std::string client_number_prefix(PartitionId partition) {
  std::string key;
  append_be(key, raw(partition));
  return key;
}

std::string client_number_prefix(PartitionId partition, std::uint64_t number_hash) {
  std::string key;
  key.reserve(18);
  append_be(key, raw(partition));
  append_be(key, number_hash);
  return key;
}

std::string after_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    const auto last = static_cast<unsigned char>(end.back());
    if (last != 0xff) {
      end.back() = static_cast<char>(last + 1);
      return end;
    }
    end.pop_back();
  }
  return end;
}

std::string_view insert_hint_prefix(std::string_view key) {
  constexpr std::size_t kKindOffset = 2;
  constexpr std::size_t kLengthOffset = kBodyOffset + 1;
  constexpr std::size_t kIdOffset = kLengthOffset + 2;
  if (key.size() < kBodyOffset) return {};
  const auto kind = static_cast<KeyKind>(key[kKindOffset]);
  if (kind == KeyKind::partition_state && key.size() == kBodyOffset) return key;
  if (kind == KeyKind::commit_record && key.size() == kBodyOffset + kCounterBytes) {
    return key.substr(0, kBodyOffset);
  }
  if (key.size() < kIdOffset + kSeqBytes || kind != KeyKind::message) return {};
  const std::size_t id_bytes = read_be<std::uint16_t>(key, kLengthOffset);
  if (key.size() != kIdOffset + id_bytes + kSeqBytes) return {};
  return key.substr(0, key.size() - kSeqBytes);
}

std::string message_range_begin(PartitionId partition, const ChannelKey& log, MessageSeq seq) {
  return message_key(partition, log, static_cast<MessageSeq>(raw(seq) - 1)) + '\0';
}

}  // namespace jindou::store
