#include "store/records.h"

#include "base/bytes.h"
#include "base/varint.h"

namespace jindou::store {

namespace {

constexpr char kFormat = 1;

// Bits of a message record.
constexpr unsigned kNoPersist = 0x01;
constexpr unsigned kRedDot = 0x02;
constexpr unsigned kSyncOnce = 0x04;
constexpr unsigned kAddressed = 0x08;  // the addressed channel is spelled out
constexpr unsigned kTopic = 0x10;
constexpr unsigned kStream = 0x20;
constexpr unsigned kSubscribers = 0x40;

// Bits of an entry of a commit record.
constexpr unsigned kIdempotent = 0x01;
constexpr unsigned kSameLog = 0x02;

Error unreadable(std::string_view what) {
  return Error(Errc::storage, "unreadable " + std::string(what) + " record");
}

bool has_format(ByteReader& reader) { return reader.read_u8() == kFormat; }

bool addressed_by_log(const Message& message, const ChannelKey& log) {
  return message.flags.sync_once ? command_log_of(message.channel) == log : message.channel == log;
}

}  // namespace

ChannelKey command_log_of(const ChannelKey& channel) {
  std::string id;
  id.reserve(channel.id.size() + kCommandSuffix.size());
  id += channel.id;
  id += kCommandSuffix;
  return ChannelKey(std::move(id), channel.type);
}

std::string encode(const PartitionState& state) {
  std::string out(1, kFormat);
  append_varint(out, state.position);
  append_varint(out, state.id_bound);
  append_varint(out, state.indexed_to);
  return out;
}

Result<PartitionState> decode_partition_state(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  PartitionState state;
  state.position = reader.read_varint();
  state.id_bound = reader.read_varint();
  state.indexed_to = reader.read_varint();
  if (!known || !reader.ok()) return unreadable("partition");
  return state;
}

std::string encode(const ChannelRecord& record) {
  std::string out(1, kFormat);
  unsigned bits = 0;
  if (record.flags.large) bits |= 1U;
  if (record.flags.ban) bits |= 2U;
  if (record.flags.disband) bits |= 4U;
  if (record.flags.send_ban) bits |= 8U;
  if (record.flags.allow_stranger) bits |= 16U;
  out.push_back(static_cast<char>(bits));
  append_varint(out, record.cleared_to);
  append_varint(out, static_cast<std::uint64_t>(record.created_at));
  return out;
}

Result<ChannelRecord> decode_channel(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  ChannelRecord record;
  const unsigned bits = reader.read_u8();
  record.flags.large = (bits & 1U) != 0;
  record.flags.ban = (bits & 2U) != 0;
  record.flags.disband = (bits & 4U) != 0;
  record.flags.send_ban = (bits & 8U) != 0;
  record.flags.allow_stranger = (bits & 16U) != 0;
  record.cleared_to = reader.read_varint();
  record.created_at = static_cast<std::int64_t>(reader.read_varint());
  if (!known || !reader.ok()) return unreadable("channel");
  return record;
}

std::string encode(const TokenRecord& record) {
  std::string out(1, kFormat);
  out.push_back(static_cast<char>(raw(record.level)));
  append_string(out, record.token);
  return out;
}

Result<TokenRecord> decode_token(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  TokenRecord record;
  record.level =
      reader.read_u8() == raw(DeviceLevel::master) ? DeviceLevel::master : DeviceLevel::slave;
  record.token = std::string(reader.read_string());
  if (!known || !reader.ok()) return unreadable("token");
  return record;
}

std::string encode(const ClientNumber& number) {
  std::string out(1, kFormat);
  out.push_back(number.idempotent ? '\1' : '\0');
  append_be(out, number.payload);
  append_varint(out, static_cast<std::uint64_t>(number.timestamp));
  append_varint(out, number.counter);
  append_varint(out, number.seq);
  return out;
}

Result<ClientNumber> decode_client_number(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  ClientNumber number;
  number.idempotent = reader.read_u8() == 1;
  const auto payload = reader.read_bytes(8);
  if (!known || !reader.ok()) return unreadable("client number");
  number.payload = read_be<std::uint64_t>(payload, 0);
  number.timestamp = static_cast<std::int64_t>(reader.read_varint());
  number.counter = reader.read_varint();
  number.seq = reader.read_varint();
  if (!reader.ok()) return unreadable("client number");
  return number;
}

void CommitRecordBuilder::add(const CommitEntry& entry, std::int64_t timestamp) {
  if (count_ == 0) {
    first_counter_ = entry.counter;
    previous_counter_ = entry.counter;
    timestamp_ = timestamp;
    body_.reserve(4096);
  }
  const bool same_log = count_ > 0 && entry.log == previous_log_;
  body_.push_back(
      static_cast<char>((entry.idempotent ? kIdempotent : 0U) | (same_log ? kSameLog : 0U)));
  append_varint(body_, entry.counter - previous_counter_);
  if (!same_log) {
    body_.push_back(static_cast<char>(raw(entry.log.type)));
    append_string(body_, entry.log.id);
    previous_log_ = entry.log;
  }
  append_varint(body_, entry.seq);
  append_be(body_, entry.fingerprint.number);
  append_be(body_, entry.fingerprint.sender);
  append_be(body_, entry.payload);
  previous_counter_ = entry.counter;
  ++count_;
}

std::string CommitRecordBuilder::take() {
  std::string out(1, kFormat);
  append_varint(out, static_cast<std::uint64_t>(timestamp_));
  append_varint(out, count_);
  out += body_;
  body_.clear();
  count_ = 0;
  return out;
}

Result<CommitRecord> decode_commit_record(std::string_view bytes, std::uint64_t first_counter) {
  ByteReader reader(bytes);
  if (!has_format(reader)) return unreadable("commit");
  CommitRecord record;
  record.timestamp = static_cast<std::int64_t>(reader.read_varint());
  const std::uint64_t count = reader.read_varint();
  // An entry takes 27 bytes or more: a damaged count cannot make us reserve without end.
  if (!reader.ok() || count > bytes.size() / 27 + 1) return unreadable("commit");
  record.entries.reserve(count);
  std::uint64_t counter = first_counter;
  for (std::uint64_t i = 0; i < count; ++i) {
    const unsigned bits = reader.read_u8();
    counter += reader.read_varint();
    CommitEntry entry;
    if ((bits & kSameLog) != 0) {
      if (record.entries.empty()) return unreadable("commit");
      entry.log = record.entries.back().log;
    } else {
      entry.log.type = static_cast<ChannelType>(reader.read_u8());
      entry.log.id = std::string(reader.read_string());
    }
    entry.counter = counter;
    entry.idempotent = (bits & kIdempotent) != 0;
    entry.seq = reader.read_varint();
    const auto fixed = reader.read_bytes(24);
    if (!reader.ok()) return unreadable("commit");
    entry.fingerprint.number = read_be<std::uint64_t>(fixed, 0);
    entry.fingerprint.sender = read_be<std::uint64_t>(fixed, 8);
    entry.payload = read_be<std::uint64_t>(fixed, 16);
    record.entries.push_back(std::move(entry));
  }
  return record;
}

void encode_message(std::string& out, const Message& message, const ChannelKey& log) {
  out.clear();
  const bool addressed = !addressed_by_log(message, log);
  unsigned bits = 0;
  if (message.flags.no_persist) bits |= kNoPersist;
  if (message.flags.red_dot) bits |= kRedDot;
  if (message.flags.sync_once) bits |= kSyncOnce;
  if (addressed) bits |= kAddressed;
  if (!message.topic.empty()) bits |= kTopic;
  if (!message.stream_no.empty()) bits |= kStream;
  if (!message.subscribers.empty()) bits |= kSubscribers;
  out.push_back(kFormat);
  out.push_back(static_cast<char>(bits));
  out.push_back(static_cast<char>(message.setting));
  append_varint(out, raw(message.id));
  append_varint(out, static_cast<std::uint64_t>(message.timestamp));
  append_varint(out, message.expire);
  append_string(out, message.from_uid);
  append_string(out, message.client_msg_no);
  if (addressed) {
    out.push_back(static_cast<char>(raw(message.channel.type)));
    append_string(out, message.channel.id);
  }
  if (!message.topic.empty()) append_string(out, message.topic);
  if (!message.stream_no.empty()) append_string(out, message.stream_no);
  if (!message.subscribers.empty()) {
    append_varint(out, message.subscribers.size());
    for (const auto& uid : message.subscribers) append_string(out, uid);
  }
  out += message.payload;
}

Result<Message> decode_message(std::string_view bytes, const ChannelKey& log, MessageSeq seq) {
  ByteReader reader(bytes);
  if (!has_format(reader)) return unreadable("message");
  const unsigned bits = reader.read_u8();
  Message message;
  message.seq = seq;
  message.flags.no_persist = (bits & kNoPersist) != 0;
  message.flags.red_dot = (bits & kRedDot) != 0;
  message.flags.sync_once = (bits & kSyncOnce) != 0;
  message.setting = reader.read_u8();
  message.id = static_cast<MessageId>(reader.read_varint());
  message.timestamp = static_cast<std::int64_t>(reader.read_varint());
  message.expire = static_cast<std::uint32_t>(reader.read_varint());
  message.from_uid = std::string(reader.read_string());
  message.client_msg_no = std::string(reader.read_string());
  if ((bits & kAddressed) != 0) {
    message.channel.type = static_cast<ChannelType>(reader.read_u8());
    message.channel.id = std::string(reader.read_string());
  } else {
    message.channel = log;
    if (message.flags.sync_once && message.channel.id.ends_with(kCommandSuffix)) {
      message.channel.id.resize(message.channel.id.size() - kCommandSuffix.size());
    }
  }
  if ((bits & kTopic) != 0) message.topic = std::string(reader.read_string());
  if ((bits & kStream) != 0) message.stream_no = std::string(reader.read_string());
  if ((bits & kSubscribers) != 0) {
    const std::uint64_t count = reader.read_varint();
    for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
      message.subscribers.emplace_back(reader.read_string());
    }
  }
  if (!reader.ok()) return unreadable("message");
  message.payload = std::string(reader.rest());
  return message;
}

}  // namespace jindou::store
