#include "store/records.h"

#include <endian.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/varint.h"

namespace jindou::store {

namespace {

constexpr char kFirstFormat = 1;
// Since format 2 a partition state has no progress of the index of client_msg_no, since 3 flags.
constexpr char kStateWithoutIndex = 2;
constexpr char kStateFormat = 3;
// Since format 2 the bits of a message are as many as there may be, and the nanoseconds of its time
// are always there. Bits that are not known say what only a newer version understands.
constexpr char kMessageFormat = 2;
// Since format 2 an entry of a commit record has a kind, since 3 a change its number.
constexpr char kCommitWithKinds = 2;
constexpr char kCommitFormat = 3;
// Since format 2 a channel record also has the floor of its seqs and its retention.
constexpr char kChannelFormat = 2;
// Added to the format of a conversation record: messages of the user's own may follow; the time of
// activation stands at its end.
constexpr int kOpenConversation = 1;
constexpr int kActivatedConversation = 2;
// The gap of a message that expires; else as kFirstFormat.
constexpr char kExpiringGapFormat = 2;
// That of a message that is not in the list of its sender; it may expire, too.
constexpr char kUnlistedGapFormat = 3;

// Bits of a message record.
constexpr unsigned kNoPersist = 0x01;
constexpr unsigned kRedDot = 0x02;
constexpr unsigned kSyncOnce = 0x04;
constexpr unsigned kAddressed = 0x08;  // the addressed channel is spelled out
constexpr unsigned kTopic = 0x10;
constexpr unsigned kStream = 0x20;
constexpr unsigned kSubscribers = 0x40;
constexpr unsigned kBitsOfFormat1 = 0x7f;
constexpr unsigned kNanosecondsOfFormat1 = 0x80;
constexpr unsigned kRevised = 0x80;     // since format 2: edited or recalled
constexpr unsigned kModerated = 0x100;  // something was found in it
constexpr unsigned kUnlisted = 0x200;   // for its sender
constexpr unsigned kMessageBits = 0x3ff;

// Bits of what moderation did.
constexpr unsigned kMasked = 0x01;
constexpr unsigned kReplaced = 0x02;
constexpr unsigned kFlagged = 0x04;
constexpr unsigned kModerationBits = 0x07;

// Bits of a revision.
constexpr unsigned kRecalled = 0x01;

// Bits of an entry of a commit record; behind them its kind.
constexpr unsigned kIdempotent = 0x01;
constexpr unsigned kSameLog = 0x02;
constexpr unsigned kKindShift = 2;
constexpr unsigned kFingerprintBytes = 24;  // with the hash of the payload

Error unreadable(std::string_view what) {
  return Error(Errc::storage, "unreadable " + std::string(what) + " record");
}

bool has_format(ByteReader& reader) { return reader.read_u8() == kFirstFormat; }

// What the record of a message has in it.
struct MessageBits {
  unsigned bits = 0;
  bool nanoseconds = false;
};
// Leaves the reader behind them; none for a format or bits that are not known.
std::optional<MessageBits> read_message_bits(ByteReader& reader) {
  const unsigned format = reader.read_u8();
  if (format == kFirstFormat) {
    const unsigned bits = reader.read_u8();
    return MessageBits{bits & kBitsOfFormat1, (bits & kNanosecondsOfFormat1) != 0};
  }
  const std::uint64_t bits = reader.read_varint();
  if (format != kMessageFormat || (bits & ~std::uint64_t{kMessageBits}) != 0) return std::nullopt;
  return MessageBits{static_cast<unsigned>(bits), true};
}

void append_revision(std::string& out, const Revision& revision) {
  out.push_back(static_cast<char>(revision.recalled ? kRecalled : 0U));
  append_varint(out, revision.version);
  append_varint(out, static_cast<std::uint64_t>(revision.at));
  append_varint(out, revision.change);
  append_string(out, revision.operator_uid);
}

// None for bits that are not known.
std::optional<Revision> read_revision(ByteReader& reader) {
  const unsigned bits = reader.read_u8();
  if ((bits & ~kRecalled) != 0) return std::nullopt;
  Revision revision;
  revision.recalled = (bits & kRecalled) != 0;
  revision.version = reader.read_varint();
  revision.at = static_cast<std::int64_t>(reader.read_varint());
  revision.change = reader.read_varint();
  revision.operator_uid = std::string(reader.read_string());
  return revision;
}

void append_moderation(std::string& out, const Moderation& moderation) {
  unsigned bits = 0;
  if (moderation.masked) bits |= kMasked;
  if (moderation.replaced) bits |= kReplaced;
  if (moderation.flagged) bits |= kFlagged;
  out.push_back(static_cast<char>(bits));
  append_varint(out, moderation.found_by.size());
  for (const std::string& name : moderation.found_by) append_string(out, name);
}

// Null for bits that are not known.
ModerationPtr read_moderation(ByteReader& reader) {
  const unsigned bits = reader.read_u8();
  if ((bits & ~kModerationBits) != 0) return nullptr;
  auto moderation = std::make_shared<Moderation>();
  moderation->masked = (bits & kMasked) != 0;
  moderation->replaced = (bits & kReplaced) != 0;
  moderation->flagged = (bits & kFlagged) != 0;
  const std::uint64_t count = reader.read_varint();
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    moderation->found_by.emplace_back(reader.read_string());
  }
  return moderation;
}

// In one piece, not byte by byte: there is one for each message.
void append_hashes(std::string& out, const CommitEntry& entry) {
  const std::uint64_t words[] = {htobe64(entry.fingerprint.number),
                                 htobe64(entry.fingerprint.sender), htobe64(entry.payload)};
  static_assert(sizeof(words) == kFingerprintBytes);
  out.append(reinterpret_cast<const char*>(words), sizeof(words));
}

bool addressed_by_log(const Message& message, const ChannelKey& log) {
  return message.flags.sync_once ? command_log_of(message.channel) == log : message.channel == log;
}

// Whether what was encoded says what it was made of: what the core has acknowledged is what readers
// and the next start find.
bool reads_back(std::string_view bytes, const PartitionState& state) {
  const auto read = decode_partition_state(bytes);
  return read && read->position == state.position && read->id_bound == state.id_bound &&
         read->stamped_to_ns == state.stamped_to_ns;
}

bool same_content(const MessageContent& a, const MessageContent& b) {
  return a.from_uid == b.from_uid && a.client_msg_no == b.client_msg_no && a.topic == b.topic &&
         a.stream_no == b.stream_no && a.subscribers == b.subscribers && a.payload == b.payload &&
         a.expire == b.expire && a.setting == b.setting && a.flags == b.flags &&
         a.sender_conversation == b.sender_conversation;
}

// As far as it is stored.
bool same_moderation(const ModerationPtr& a, const ModerationPtr& b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->masked == b->masked && a->replaced == b->replaced && a->flagged == b->flagged &&
         a->found_by == b->found_by;
}

bool reads_back(std::string_view bytes, const Message& message, const ChannelKey& log) {
  const auto read = decode_message(bytes, log, message.seq);
  return read && same_content(*read, message) && read->id == message.id &&
         read->channel == message.channel && read->timestamp == message.timestamp &&
         read->timestamp_ns == message.timestamp_ns && read->revision == message.revision &&
         same_moderation(read->moderation, message.moderation);
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
  std::string out(1, kStateFormat);
  append_varint(out, 0);  // flags
  append_varint(out, state.position);
  append_varint(out, state.id_bound);
  append_varint(out, static_cast<std::uint64_t>(state.stamped_to_ns));
  JD_ASSERT_SLOW(reads_back(out, state));
  return out;
}

Result<PartitionState> decode_partition_state(std::string_view bytes) {
  ByteReader reader(bytes);
  const unsigned format = reader.read_u8();
  const bool has_flags = format == kStateFormat;
  // None is known.
  const bool known = has_flags ? reader.read_varint() == 0
                               : format == kFirstFormat || format == kStateWithoutIndex;
  PartitionState state;
  state.position = reader.read_varint();
  state.id_bound = reader.read_varint();
  if (format == kFirstFormat) state.indexed_to_of_format_1 = reader.read_varint();
  if (!reader.at_end()) state.stamped_to_ns = static_cast<std::int64_t>(reader.read_varint());
  if (!known || !reader.ok()) return unreadable("partition");
  return state;
}

std::string encode(const ChannelRecord& record) {
  std::string out(1, kChannelFormat);
  unsigned bits = 0;
  if (record.flags.large) bits |= 1U;
  if (record.flags.ban) bits |= 2U;
  if (record.flags.disband) bits |= 4U;
  if (record.flags.send_ban) bits |= 8U;
  if (record.flags.allow_stranger) bits |= 16U;
  out.push_back(static_cast<char>(bits));
  append_varint(out, record.cleared_to);
  append_varint(out, static_cast<std::uint64_t>(record.created_at));
  append_varint(out, record.seq_floor);
  unsigned more = 0;
  if (record.retention_seconds) more |= 1U;
  if (record.retention_count) more |= 2U;
  if (record.has_gaps) more |= 4U;
  if (record.disband_changed_at_ns != 0) more |= 8U;
  if (record.changes_to != 0) more |= 16U;
  if (record.revised_at_ns != 0) more |= 32U;
  out.push_back(static_cast<char>(more));
  if (record.retention_seconds) append_varint(out, *record.retention_seconds);
  if (record.retention_count) append_varint(out, *record.retention_count);
  if (record.disband_changed_at_ns != 0) {
    append_varint(out, static_cast<std::uint64_t>(record.disband_changed_at_ns));
  }
  if (record.changes_to != 0) {
    append_varint(out, record.changes_to);
    append_varint(out, record.changes_dropped_to);
  }
  if (record.revised_at_ns != 0) {
    append_varint(out, static_cast<std::uint64_t>(record.revised_at_ns));
  }
  return out;
}

Result<ChannelRecord> decode_channel(std::string_view bytes) {
  ByteReader reader(bytes);
  const unsigned format = reader.read_u8();
  const bool known = format == kFirstFormat || format == kChannelFormat;
  ChannelRecord record;
  const unsigned bits = reader.read_u8();
  record.flags.large = (bits & 1U) != 0;
  record.flags.ban = (bits & 2U) != 0;
  record.flags.disband = (bits & 4U) != 0;
  record.flags.send_ban = (bits & 8U) != 0;
  record.flags.allow_stranger = (bits & 16U) != 0;
  record.cleared_to = reader.read_varint();
  record.created_at = static_cast<std::int64_t>(reader.read_varint());
  if (format == kChannelFormat) {
    record.seq_floor = reader.read_varint();
    const unsigned more = reader.read_u8();
    if ((more & 1U) != 0) record.retention_seconds = reader.read_varint();
    if ((more & 2U) != 0) record.retention_count = reader.read_varint();
    record.has_gaps = (more & 4U) != 0;
    if ((more & 8U) != 0) {
      record.disband_changed_at_ns = static_cast<std::int64_t>(reader.read_varint());
    }
    if ((more & 16U) != 0) {
      record.changes_to = reader.read_varint();
      record.changes_dropped_to = reader.read_varint();
    }
    if ((more & 32U) != 0) record.revised_at_ns = static_cast<std::int64_t>(reader.read_varint());
  }
  if (!known || !reader.ok()) return unreadable("channel");
  return record;
}

std::string encode(const TokenRecord& record) {
  std::string out(1, kFirstFormat);
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

std::string encode(const RequestRecord& record) {
  std::string out(1, kFirstFormat);
  out.push_back(record.finished ? '\1' : '\0');
  append_string(out, record.fingerprint);
  append_be(out, record.claim);
  append_varint(out, static_cast<std::uint64_t>(record.until_ms));
  append_varint(out, static_cast<std::uint64_t>(record.expires_s));
  append_varint(out, record.status);
  append_string(out, record.headers);
  append_string(out, record.answer);
  append_be(out, record.numbers);
  return out;
}

Result<RequestRecord> decode_request(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  RequestRecord record;
  record.finished = reader.read_u8() == 1;
  record.fingerprint = std::string(reader.read_string());
  const auto claim = reader.read_bytes(sizeof(record.claim));
  if (!known || !reader.ok()) return unreadable("request");
  record.claim = read_be<std::uint64_t>(claim, 0);
  record.until_ms = static_cast<std::int64_t>(reader.read_varint());
  record.expires_s = static_cast<std::int64_t>(reader.read_varint());
  record.status = static_cast<std::uint16_t>(reader.read_varint());
  record.headers = std::string(reader.read_string());
  record.answer = std::string(reader.read_string());
  if (!reader.ok()) return unreadable("request");
  if (reader.at_end()) return record;  // as it was before
  const auto numbers = reader.read_bytes(sizeof(record.numbers));
  if (!reader.ok()) return unreadable("request");
  record.numbers = read_be<std::uint64_t>(numbers, 0);
  return record;
}

std::string encode(const ClientNumber& number) {
  std::string out(1, kFirstFormat);
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
  // Else the difference that is stored is none.
  JD_ASSERT(count_ == 0 || entry.counter > previous_counter_);
  if (count_ == 0) {
    first_counter_ = entry.counter;
    previous_counter_ = entry.counter;
    timestamp_ = timestamp;
    body_.reserve(4096);
  }
  const bool same_log = count_ > 0 && entry.log == previous_log_;
  body_.push_back(static_cast<char>((entry.idempotent ? kIdempotent : 0U) |
                                    (same_log ? kSameLog : 0U) |
                                    static_cast<unsigned>(entry.kind) << kKindShift));
  append_varint(body_, entry.counter - previous_counter_);
  if (!same_log) {
    body_.push_back(static_cast<char>(raw(entry.log.type)));
    append_string(body_, entry.log.id);
    previous_log_ = entry.log;
  }
  append_varint(body_, entry.seq);
  if (entry.kind == EntryKind::message) {
    append_hashes(body_, entry);
  } else {
    append_varint(body_, entry.change);
  }
  previous_counter_ = entry.counter;
  ++count_;
}

void CommitRecordBuilder::cut(const Mark& mark) {
  JD_ASSERT(mark.bytes <= body_.size());
  body_.resize(mark.bytes);
  count_ = mark.count;
  previous_counter_ = mark.previous_counter;
  previous_log_ = mark.previous_log;
}

std::string CommitRecordBuilder::before_entries() const {
  std::string out(1, kCommitFormat);
  append_varint(out, static_cast<std::uint64_t>(timestamp_));
  append_varint(out, count_);
  JD_ASSERT_SLOW(reads_back(out + body_));
  return out;
}

std::string CommitRecordBuilder::take() {
  std::string out = before_entries();
  out += body_;
  clear();
  return out;
}

void CommitRecordBuilder::clear() {
  body_.clear();
  count_ = 0;
}

bool CommitRecordBuilder::reads_back(std::string_view bytes) const {
  const auto read = decode_commit_record(bytes, first_counter_);
  if (!read || read->entries.size() != count_) return false;
  return count_ == 0 ||
         (read->timestamp == timestamp_ && read->entries.front().counter == first_counter_ &&
          read->entries.back().counter == previous_counter_ &&
          read->entries.back().log == previous_log_);
}

Result<CommitRecord> decode_commit_record(std::string_view bytes, std::uint64_t first_counter) {
  ByteReader reader(bytes);
  const unsigned format = reader.read_u8();
  if (format < kFirstFormat || format > kCommitFormat) return unreadable("commit");
  CommitRecord record;
  record.timestamp = static_cast<std::int64_t>(reader.read_varint());
  const std::uint64_t count = reader.read_varint();
  // An entry takes three bytes or more: a damaged count cannot make us reserve without end.
  if (!reader.ok() || count > bytes.size() / 3) return unreadable("commit");
  record.entries.reserve(count);
  std::uint64_t counter = first_counter;
  for (std::uint64_t i = 0; i < count; ++i) {
    const unsigned bits = reader.read_u8();
    const unsigned kind = bits >> kKindShift;
    // In format 1 there were no other bits.
    const unsigned last_kind = format == kFirstFormat ? 0U : static_cast<unsigned>(kLastEntryKind);
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
    if (!reader.ok() || kind > last_kind) return unreadable("commit");
    entry.kind = static_cast<EntryKind>(kind);
    if (entry.kind == EntryKind::message) {
      const auto fixed = reader.read_bytes(kFingerprintBytes);
      if (!reader.ok()) return unreadable("commit");
      entry.fingerprint.number = read_be<std::uint64_t>(fixed, 0);
      entry.fingerprint.sender = read_be<std::uint64_t>(fixed, 8);
      entry.payload = read_be<std::uint64_t>(fixed, 16);
    } else if (format > kCommitWithKinds) {
      entry.change = reader.read_varint();
      if (!reader.ok()) return unreadable("commit");
    }
    record.entries.push_back(std::move(entry));
  }
  return record;
}

std::string encode(const LogChangeRecord& record) {
  std::string out(1, kFirstFormat);
  out.push_back(static_cast<char>(record.kind));
  append_varint(out, record.seq);
  append_varint(out, static_cast<std::uint64_t>(record.timestamp));
  return out;
}

Result<LogChangeRecord> decode_log_change(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  LogChangeRecord record;
  const unsigned kind = reader.read_u8();
  record.seq = reader.read_varint();
  record.timestamp = static_cast<std::int64_t>(reader.read_varint());
  const bool change = kind != static_cast<unsigned>(EntryKind::message) &&
                      kind <= static_cast<unsigned>(kLastEntryKind);
  if (!known || !change || !reader.ok()) return unreadable("log change");
  record.kind = static_cast<EntryKind>(kind);
  return record;
}

std::string encode(const ConversationRecord& record) {
  const int added = (record.own_messages_follow ? kOpenConversation : 0) |
                    (record.activated_at_ns != 0 ? kActivatedConversation : 0);
  std::string out(1, static_cast<char>(kFirstFormat + added));
  append_varint(out, record.read_to);
  append_varint(out, record.deleted_to);
  append_varint(out, record.command_read_to);
  append_varint(out, static_cast<std::uint64_t>(record.created_at));
  append_varint(out, static_cast<std::uint64_t>(record.updated_at_ns));
  append_varint(out, record.manual_count);
  if (record.manual_count != 0) append_varint(out, record.manual_at);
  if (record.activated_at_ns != 0) {
    append_varint(out, static_cast<std::uint64_t>(record.activated_at_ns));
  }
  return out;
}

Result<ConversationRecord> decode_conversation(std::string_view bytes) {
  ByteReader reader(bytes);
  const int added = reader.read_u8() - kFirstFormat;
  const bool known = added >= 0 && added <= (kOpenConversation | kActivatedConversation);
  ConversationRecord record;
  record.own_messages_follow = (added & kOpenConversation) != 0;
  record.read_to = reader.read_varint();
  record.deleted_to = reader.read_varint();
  record.command_read_to = reader.read_varint();
  record.created_at = static_cast<std::int64_t>(reader.read_varint());
  record.updated_at_ns = static_cast<std::int64_t>(reader.read_varint());
  record.manual_count = reader.read_varint();
  if (record.manual_count != 0) record.manual_at = reader.read_varint();
  if ((added & kActivatedConversation) != 0) {
    record.activated_at_ns = static_cast<std::int64_t>(reader.read_varint());
  }
  if (!known || !reader.ok()) return unreadable("conversation");
  return record;
}

std::string encode(const TombstoneRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, static_cast<std::uint64_t>(record.deleted_at_ns));
  return out;
}

Result<TombstoneRecord> decode_tombstone(std::string_view bytes) {
  ByteReader reader(bytes);
  TombstoneRecord record;
  const bool known = has_format(reader);
  record.deleted_at_ns = static_cast<std::int64_t>(reader.read_varint());
  if (!known || !reader.ok()) return unreadable("tombstone");
  return record;
}

bool GapRecord::readable_by(std::string_view uid, std::int64_t now_seconds) const {
  if (is_over(expires_at, now_seconds)) return false;
  if (!unlisted.empty() && uid == unlisted) return false;
  return everybody || std::find(readers.begin(), readers.end(), uid) != readers.end();
}

std::string encode(const GapRecord& record) {
  const bool plain = record.expires_at == 0 && record.unlisted.empty();
  std::string out(1, plain                     ? kFirstFormat
                     : record.unlisted.empty() ? kExpiringGapFormat
                                               : kUnlistedGapFormat);
  if (!plain) {
    append_varint(out, static_cast<std::uint64_t>(record.expires_at));
    out.push_back(record.everybody ? 1 : 0);
  }
  if (!record.unlisted.empty()) append_string(out, record.unlisted);
  append_varint(out, record.readers.size());
  for (const auto& uid : record.readers) append_string(out, uid);
  if (record.seqs != 1 || record.run != 1) append_varint(out, record.seqs);
  if (record.run != 1) append_varint(out, record.run);
  return out;
}

Result<GapRecord> decode_gap(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto format = static_cast<char>(reader.read_u8());
  const bool known =
      format == kFirstFormat || format == kExpiringGapFormat || format == kUnlistedGapFormat;
  GapRecord record;
  if (format != kFirstFormat) {
    record.expires_at = static_cast<std::int64_t>(reader.read_varint());
    record.everybody = reader.read_u8() == 1;
  }
  if (format == kUnlistedGapFormat) record.unlisted = std::string(reader.read_string());
  const std::uint64_t count = reader.read_varint();
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    record.readers.emplace_back(reader.read_string());
  }
  if (reader.ok() && !reader.at_end()) record.seqs = reader.read_varint();
  if (reader.ok() && !reader.at_end()) record.run = reader.read_varint();
  if (!known || !reader.ok()) return unreadable("gap");
  return record;
}

std::string encode(const BulkCountRecord& record) {
  std::string out(1, kFirstFormat);
  for (const std::uint64_t number : record.messages) {
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
  }
  return out;
}

Result<BulkCountRecord> decode_bulk_count(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  BulkCountRecord record;
  while (known && reader.ok() && !reader.at_end()) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof(number); ++i) number = number << 8 | reader.read_u8();
    record.messages.push_back(number);
  }
  if (!known || !reader.ok()) return unreadable("count of bulk messages");
  return record;
}

std::string encode(const DataLossRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, record.times);
  append_varint(out, static_cast<std::uint64_t>(record.last_at));
  append_varint(out, record.floor);
  append_varint(out, record.skipped);
  return out;
}

Result<DataLossRecord> decode_data_loss(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  DataLossRecord record;
  record.times = reader.read_varint();
  record.last_at = static_cast<std::int64_t>(reader.read_varint());
  record.floor = reader.read_varint();
  record.skipped = reader.read_varint();
  if (!known || !reader.ok()) return unreadable("data loss");
  return record;
}

std::string encode(const AnchorEventsRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, record.last_msg_event_seq);
  return out;
}

Result<AnchorEventsRecord> decode_anchor_events(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  AnchorEventsRecord record;
  record.last_msg_event_seq = reader.read_varint();
  if (!known || !reader.ok()) return unreadable("anchor");
  return record;
}

std::string encode(const LaneState& lane) {
  std::string out(1, kFirstFormat);
  out.push_back(static_cast<char>(lane.status));
  out.push_back(static_cast<char>(lane.visibility));
  out.push_back(static_cast<char>(lane.end_reason));
  out.push_back(lane.text ? '\1' : '\0');
  append_varint(out, lane.msg_event_seq);
  append_varint(out, static_cast<std::uint64_t>(lane.occurred_at_ms));
  append_string(out, lane.event_id);
  append_string(out, lane.event_type);
  append_string(out, lane.error);
  out += lane.snapshot;
  return out;
}

Result<LaneState> decode_lane(std::string_view bytes, std::string_view event_key) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  LaneState lane;
  lane.event_key = std::string(event_key);
  const unsigned status = reader.read_u8();
  const unsigned visibility = reader.read_u8();
  lane.end_reason = reader.read_u8();
  lane.text = reader.read_u8() == 1;
  lane.msg_event_seq = reader.read_varint();
  lane.occurred_at_ms = static_cast<std::int64_t>(reader.read_varint());
  lane.event_id = std::string(reader.read_string());
  lane.event_type = std::string(reader.read_string());
  lane.error = std::string(reader.read_string());
  const bool possible = status <= static_cast<unsigned>(LaneStatus::cancelled) &&
                        visibility <= static_cast<unsigned>(Visibility::restricted);
  if (!known || !possible || !reader.ok()) return unreadable("lane");
  lane.status = static_cast<LaneStatus>(status);
  lane.visibility = static_cast<Visibility>(visibility);
  lane.snapshot = std::string(reader.rest());
  return lane;
}

std::string encode(const RunningStreamRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, static_cast<std::uint64_t>(record.active_at_ms));
  append_string(out, record.client_msg_no);
  return out;
}

Result<RunningStreamRecord> decode_running_stream(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  RunningStreamRecord record;
  record.active_at_ms = static_cast<std::int64_t>(reader.read_varint());
  record.client_msg_no = std::string(reader.read_string());
  if (!known || !reader.ok()) return unreadable("stream");
  return record;
}

std::string encode(const CommandSyncRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, record.positions.size());
  for (const auto& position : record.positions) {
    out.push_back(static_cast<char>(raw(position.channel.type)));
    append_string(out, position.channel.id);
    append_varint(out, position.seq);
  }
  return out;
}

Result<CommandSyncRecord> decode_command_sync(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  CommandSyncRecord record;
  const std::uint64_t count = reader.read_varint();
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    CommandSyncRecord::Position position;
    position.channel.type = static_cast<ChannelType>(reader.read_u8());
    position.channel.id = std::string(reader.read_string());
    position.seq = reader.read_varint();
    record.positions.push_back(std::move(position));
  }
  if (!known || !reader.ok()) return unreadable("sync");
  return record;
}

std::string encode(const WebhookCursorRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, record.notified_to);
  append_varint(out, record.offline_to);
  return out;
}

Result<WebhookCursorRecord> decode_webhook_cursor(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  WebhookCursorRecord record;
  record.notified_to = reader.read_varint();
  record.offline_to = reader.read_varint();
  if (!known || !reader.ok()) return unreadable("webhook");
  return record;
}

std::string encode(const WebhookLetterRecord& record) {
  std::string out(1, kFirstFormat);
  out.push_back(static_cast<char>(record.kind));
  out.push_back(static_cast<char>(record.cause));
  out.push_back(static_cast<char>(raw(record.log.type)));
  append_string(out, record.log.id);
  append_varint(out, record.seq);
  append_varint(out, static_cast<std::uint64_t>(record.at_ms));
  append_varint(out, record.attempts);
  append_string(out, record.error);
  append_varint(out, record.redrives);
  return out;
}

Result<WebhookLetterRecord> decode_webhook_letter(std::string_view bytes) {
  ByteReader reader(bytes);
  bool known = has_format(reader);
  WebhookLetterRecord record;
  record.kind = static_cast<EntryKind>(reader.read_u8());
  record.cause = static_cast<GiveUpCause>(reader.read_u8());
  known = known && record.kind <= kLastEntryKind && record.cause <= kLastGiveUpCause;
  record.log.type = static_cast<ChannelType>(reader.read_u8());
  record.log.id = std::string(reader.read_string());
  record.seq = reader.read_varint();
  record.at_ms = static_cast<std::int64_t>(reader.read_varint());
  record.attempts = reader.read_varint();
  record.error = std::string(reader.read_string());
  record.redrives = reader.read_varint();
  if (!known || !reader.ok()) return unreadable("dead letter");
  return record;
}

std::string encode(const WebhookLettersDroppedRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, record.count);
  return out;
}

Result<WebhookLettersDroppedRecord> decode_webhook_letters_dropped(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  WebhookLettersDroppedRecord record;
  record.count = reader.read_varint();
  if (!known || !reader.ok()) return unreadable("count of dead letters");
  return record;
}

std::string encode(const TemplateRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, record.last_version);
  append_varint(out, record.versions.size());
  std::uint64_t previous = 0;
  for (const std::uint64_t version : record.versions) {
    append_varint(out, version - previous);
    previous = version;
  }
  return out;
}

Result<TemplateRecord> decode_template(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  TemplateRecord record;
  record.last_version = reader.read_varint();
  std::uint64_t previous = 0;
  for (std::uint64_t n = reader.read_varint(); n > 0 && reader.ok(); --n) {
    previous += reader.read_varint();
    record.versions.push_back(previous);
  }
  if (!known || !reader.ok()) return unreadable("template");
  return record;
}

std::string encode(const TemplateVersionRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, static_cast<std::uint64_t>(record.created_at));
  append_string(out, record.payload);
  return out;
}

Result<TemplateVersionRecord> decode_template_version(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  TemplateVersionRecord record;
  record.created_at = static_cast<std::int64_t>(reader.read_varint());
  record.payload = std::string(reader.read_string());
  if (!known || !reader.ok()) return unreadable("template version");
  return record;
}

std::string encode(const TemplateFloorRecord& record) {
  std::string out(1, kFirstFormat);
  append_varint(out, record.version);
  return out;
}

Result<TemplateFloorRecord> decode_template_floor(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = has_format(reader);
  TemplateFloorRecord record;
  record.version = reader.read_varint();
  if (!known || !reader.ok()) return unreadable("template floor");
  return record;
}

void encode_message(std::string& out, const Message& message, const ChannelKey& log) {
  encode_before_payload(out, message, log);
  out += message.payload;
}

void encode_before_payload(std::string& out, const Message& message, const ChannelKey& log) {
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
  if (message.revision) bits |= kRevised;
  if (message.moderation) bits |= kModerated;
  if (!message.sender_conversation) bits |= kUnlisted;
  out.push_back(kMessageFormat);
  append_varint(out, bits);
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
  append_varint(out, message.timestamp_ns);
  if (message.revision) append_revision(out, *message.revision);
  if (message.moderation) append_moderation(out, *message.moderation);
  JD_ASSERT_SLOW(reads_back(out + std::string(message.payload), message, log));
}

std::optional<GapRecord> gap_of(const Message& message) {
  if (message.is_recalled()) return GapRecord();
  if (message.subscribers.empty() && message.expire == 0 && message.sender_conversation) {
    return std::nullopt;
  }
  GapRecord gap;
  gap.everybody = message.subscribers.empty();
  gap.expires_at = message.expires_at();
  if (!gap.everybody) {
    gap.readers = message.subscribers;
    if (message.sender_conversation) gap.readers.push_back(message.from_uid);
  }
  if (!message.sender_conversation) gap.unlisted = message.from_uid;
  return gap;
}

Result<std::int64_t> message_timestamp(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = read_message_bits(reader).has_value();
  reader.read_u8();      // setting
  reader.read_varint();  // id
  const auto timestamp = static_cast<std::int64_t>(reader.read_varint());
  if (!known || !reader.ok()) return unreadable("message");
  return timestamp;
}

Result<Message> decode_message(std::string_view bytes, const ChannelKey& log, MessageSeq seq) {
  ByteReader reader(bytes);
  const auto has = read_message_bits(reader);
  if (!has) return unreadable("message");
  const unsigned bits = has->bits;
  Message message;
  message.seq = seq;
  message.flags.no_persist = (bits & kNoPersist) != 0;
  message.flags.red_dot = (bits & kRedDot) != 0;
  message.flags.sync_once = (bits & kSyncOnce) != 0;
  message.sender_conversation = (bits & kUnlisted) == 0;
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
  if (has->nanoseconds) {
    message.timestamp_ns = reader.read_varint();
  }
  if ((bits & kRevised) != 0) {
    message.revision = read_revision(reader);
    if (!message.revision) return unreadable("message");
  }
  if ((bits & kModerated) != 0) {
    message.moderation = read_moderation(reader);
    if (!message.moderation) return unreadable("message");
  }
  if (!reader.ok()) return unreadable("message");
  message.payload = std::string(reader.rest());
  return message;
}

bool MessageHead::visible_to(std::string_view viewer) const {
  if (subscribers.empty() || viewer.empty() || from_uid == viewer) return true;
  ByteReader reader(subscribers);
  while (!reader.at_end() && reader.ok()) {
    if (reader.read_string() == viewer) return reader.ok();
  }
  return false;
}

Result<MessageHead> decode_message_head(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto has = read_message_bits(reader);
  if (!has) return unreadable("message");
  const unsigned bits = has->bits;
  reader.read_u8();  // setting
  MessageHead head;
  head.sender_conversation = (bits & kUnlisted) == 0;
  head.id = static_cast<MessageId>(reader.read_varint());
  head.timestamp = static_cast<std::int64_t>(reader.read_varint());
  head.expire = static_cast<std::uint32_t>(reader.read_varint());
  head.from_uid = reader.read_string();
  head.client_msg_no = reader.read_string();
  if ((bits & kAddressed) != 0) {
    reader.read_u8();
    reader.read_string();
  }
  if ((bits & kTopic) != 0) reader.read_string();
  if ((bits & kStream) != 0) reader.read_string();
  if ((bits & kSubscribers) != 0) {
    const std::uint64_t count = reader.read_varint();
    const std::string_view from_first = reader.rest();
    for (std::uint64_t i = 0; i < count && reader.ok(); ++i) reader.read_string();
    head.subscribers = from_first.substr(0, from_first.size() - reader.rest().size());
  }
  if (has->nanoseconds) {
    head.timestamp_ns = reader.read_varint();
  }
  if ((bits & kRevised) != 0) {
    const auto revision = read_revision(reader);
    if (!revision) return unreadable("message");
    head.recalled = revision->recalled;
  }
  if ((bits & kModerated) != 0 && !read_moderation(reader)) return unreadable("message");
  if (!reader.ok()) return unreadable("message");
  head.payload_bytes = reader.rest().size();
  return head;
}

}  // namespace jindou::store
