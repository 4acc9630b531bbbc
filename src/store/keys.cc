#include "store/keys.h"

#include "base/bytes.h"

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
  std::string key;
  begin_key(key, partition, KeyKind::device_token);
  append_be(key, static_cast<std::uint16_t>(uid.size()));
  key += uid;
  key.push_back(static_cast<char>(raw(flag)));
  return key;
}

std::string store_identity_key() { return std::string("\xff\xff\x00", 3); }

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
  if (key.size() <= 3 + kSeqBytes) return {};
  if (key[kKindOffset] != static_cast<char>(KeyKind::message)) return {};
  return key.substr(0, key.size() - kSeqBytes);
}

}  // namespace jindou::store
