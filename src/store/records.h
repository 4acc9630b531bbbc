// The values in the store, and their bytes. Each starts with a format version; a decoder refuses
// what it does not know. Golden bytes are pinned in records_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/device.h"
#include "model/ids.h"
#include "model/message.h"
#include "model/message_event.h"
#include "store/fingerprint.h"

namespace jindou::store {

// State of a partition; written with every commit that writes anything.
struct PartitionState {
  std::uint64_t position = 0;  // commits applied
  std::uint64_t id_bound = 0;  // message id counters up to here may have been handed out
  // What store/index_progress.h has since format 2; encode() leaves it out.
  std::uint64_t indexed_to_of_format_1 = 0;
  // No stamp behind it has been given to a change, and no time behind it named to a reader; whoever
  // opens the partition goes on behind it, whatever the clock says. 0: from before stamps were
  // kept.
  std::int64_t stamped_to_ns = 0;
};

struct ChannelRecord {
  ChannelFlags flags;
  std::uint64_t cleared_to = 0;  // messages up to this seq are hidden; seqs go on after it
  std::int64_t created_at = 0;   // seconds
  // The highest seq ever given, kept when messages were deleted; 0: the last message tells it.
  std::uint64_t seq_floor = 0;
  // Absent: the configured default of the channel type. 0: no limit.
  std::optional<std::uint64_t> retention_seconds;
  std::optional<std::uint64_t> retention_count;
  bool has_gaps = false;  // there are gap records, or seqs without a row
  // When `disband` was last set or cleared: with it, everybody's conversation went or came back.
  // 0: never, or by a version that did not keep it.
  std::int64_t disband_changed_at_ns = 0;
  // Changes of its log so far: the number of the last one. 0: none since they are counted.
  std::uint64_t changes_to = 0;
  // Up to here they are not kept any more.
  std::uint64_t changes_dropped_to = 0;
  // When a message was last edited or recalled: everybody's conversation shows another one, or
  // another count. 0: none was.
  std::int64_t revised_at_ns = 0;
};

// One user's view of one channel (docs/architecture.md, "conversations"). A seq of 0 is "before the
// first message".
struct ConversationRecord {
  std::uint64_t read_to = 0;     // of what the user sends see store/read_position.h
  std::uint64_t deleted_to = 0;  // hidden while the channel has nothing newer
  std::uint64_t command_read_to = 0;
  std::int64_t created_at = 0;     // seconds
  std::int64_t updated_at_ns = 0;  // of the last action of the user: read, unread, delete, join
  // Set by hand: `manual_count` unread when the last seq was `manual_at`. 0: none.
  std::uint64_t manual_count = 0;
  std::uint64_t manual_at = 0;
  bool own_messages_follow = false;  // behind read_to there may be messages of the user's own
  // When the user last opened it; 0: never since it was deleted. Orders the directory.
  std::int64_t activated_at_ns = 0;
};

// A conversation that a user lost: removed from the channel, denied, or the channel was deleted.
// Kept for those of his devices that have not heard of it; a conversation that is shown goes before
// it. As the record of how far tombstones were dropped: the latest of those.
struct TombstoneRecord {
  std::int64_t deleted_at_ns = 0;
};

// A message that not everybody can read, or not for ever, or that is not in the list of its sender;
// without readers: deleted or recalled. Its seq is in the key.
struct GapRecord {
  std::vector<std::string> readers;
  bool everybody = false;  // can read it, while it lasts; `readers` is empty
  // A sender who has it in his history, not in his list; he is none of the `readers`. Empty: none.
  std::string unlisted;
  std::int64_t expires_at = 0;  // as Message::expires_at()
  // So many seqs, that of the key being the last: more than one only where the seqs were skipped:
  // after a loss (store/data_loss.h), or because another server had no message there when its log
  // was imported.
  std::uint64_t seqs = 1;
  // Of an unlisted message that everybody else can read for ever: so many seqs up to it are of such
  // messages of the same sender, so that his list goes on behind all of them at once. What became
  // of one of them later (deleted, recalled) is in its own record.
  std::uint64_t run = 1;

  // Whether it counts for a user.
  bool readable_by(std::string_view uid, std::int64_t now_seconds) const;
};

// What was given up with storage.acceptDataLoss; the sum of all times.
struct DataLossRecord {
  std::uint64_t times = 0;
  std::int64_t last_at = 0;  // seconds
  // Every seq and every message id counter up to here may have been given out before.
  std::uint64_t floor = 0;
  std::uint64_t skipped = 0;  // at the last time, by the partition that was furthest
};

// The events of one anchor message, beside its lanes.
struct AnchorEventsRecord {
  std::uint64_t last_msg_event_seq = 0;
};

// The stream an older client endpoint has open in a channel.
struct RunningStreamRecord {
  std::string client_msg_no;
  std::int64_t active_at_ms = 0;
};

struct CommandSyncRecord {
  struct Position {
    ChannelKey channel;
    std::uint64_t seq = 0;
  };
  std::vector<Position> positions;
};

// Message id counters, inclusive.
struct WebhookCursorRecord {
  std::uint64_t notified_to = 0;
  std::uint64_t offline_to = 0;
};

// The versions of a template that there are, ascending; their payloads are in records of their own.
struct TemplateRecord {
  std::uint64_t last_version = 0;  // that was ever given to it
  std::vector<std::uint64_t> versions;
  bool operator==(const TemplateRecord&) const = default;
};

struct TemplateVersionRecord {
  std::int64_t created_at = 0;  // seconds
  std::string payload;          // plain bytes
};

// Numbers up to here may have been given to templates that were deleted.
struct TemplateFloorRecord {
  std::uint64_t version = 0;
};

struct TokenRecord {
  std::string token;
  DeviceLevel level = DeviceLevel::slave;
};

// A request that may be repeated.
struct RequestRecord {
  std::string fingerprint;     // 32 bytes: what was asked for
  std::uint64_t claim = 0;     // who executes or executed it
  std::int64_t until_ms = 0;   // wall clock; who has it by then is gone
  std::int64_t expires_s = 0;  // wall clock
  bool finished = false;
  std::uint16_t status = 0;  // of HTTP; this and the rest are empty before it is finished
  std::string headers;       // complete lines, each ending in CRLF
  std::string answer;
  // Random: what the numbers of its messages follow from. 0: of a version that had none.
  std::uint64_t numbers = 0;
};

// The bulk messages that a user was sent in a day, by hashes of them, in the order in which they
// came.
struct BulkCountRecord {
  std::vector<std::uint64_t> messages;
  bool has(std::uint64_t number) const {
    return std::find(messages.begin(), messages.end(), number) != messages.end();
  }
};

// What the client_msg_no index knows of one message.
struct ClientNumber {
  std::uint64_t counter = 0;   // of the message id
  std::uint64_t seq = 0;       // 0: not stored
  std::uint64_t payload = 0;   // payload_hash
  std::int64_t timestamp = 0;  // seconds
  bool idempotent = false;     // the number was given by the sender
};

// What an entry of a commit record tells. The values are stored: none is ever used for something
// else.
enum class EntryKind : std::uint8_t {
  message = 0,   // one that got an id
  removal = 1,   // the message at `seq` was deleted
  clearing = 2,  // everything up to `seq` was hidden
  recall = 3,    // the message at `seq` was recalled
  edit = 4,      // the message at `seq` has another payload
};
inline constexpr EntryKind kLastEntryKind = EntryKind::edit;

// Whether it is about the one message at its seq, not about all up to it.
constexpr bool is_of_one_message(EntryKind kind) { return kind != EntryKind::clearing; }

// One event of a commit, as the commit record lists it, in the order in which they happened: of a
// message enough to find it by id and to rebuild the client_msg_no index. Whoever reads the records
// passes over the kinds that say nothing to him.
struct CommitEntry {
  std::uint64_t counter = 0;  // of the message id; a change has a counter of its own
  ChannelKey log;
  std::uint64_t seq = 0;  // 0: a message that was not stored
  // Of a message only.
  Fingerprint fingerprint;
  std::uint64_t payload = 0;
  bool idempotent = false;
  EntryKind kind = EntryKind::message;
  // Of a change only: its number among those of its log, 1, 2, 3 …; 0: from before they were
  // numbered.
  std::uint64_t change = 0;
};

// Why the webhook has given up telling of something. The values are stored: none is ever used for
// something else.
enum class GiveUpCause : std::uint8_t {
  refused = 0,     // the receiver has refused it too often
  too_old = 1,     // it waited too long
  excess = 2,      // too many waited
  unreadable = 3,  // the message cannot be read
};
inline constexpr GiveUpCause kLastGiveUpCause = GiveUpCause::unreadable;

// A dead letter of the webhook. The counter of its entry is in the key; what is told of is read
// from the message when it is told again.
struct WebhookLetterRecord {
  EntryKind kind = EntryKind::message;  // of the entry: message, recall or edit
  ChannelKey log;
  std::uint64_t seq = 0;
  GiveUpCause cause = GiveUpCause::refused;
  std::int64_t at_ms = 0;      // when it was given up, since 1970
  std::uint64_t attempts = 0;  // requests that told of it; 0: there was none
  std::string error;           // of the last of them
  std::uint64_t redrives = 0;  // how often it was told again and given up again
  bool operator==(const WebhookLetterRecord&) const = default;
};

// Dead letters that are not there any more, because there were too many.
struct WebhookLettersDroppedRecord {
  std::uint64_t count = 0;
};

// One change of a log, kept under its number for those who ask what they missed.
struct LogChangeRecord {
  EntryKind kind = EntryKind::removal;
  std::uint64_t seq = 0;       // as that of the entry
  std::int64_t timestamp = 0;  // seconds
};

struct CommitRecord {
  std::int64_t timestamp = 0;  // seconds, of the whole commit
  std::vector<CommitEntry> entries;
};

// Collects the entries of one commit; the bytes are the value of its commit record.
class CommitRecordBuilder {
 public:
  bool empty() const { return count_ == 0; }
  std::uint64_t first_counter() const { return first_counter_; }
  std::uint64_t last_counter() const { return previous_counter_; }  // of one that is not empty
  std::size_t bytes() const { return body_.size(); }
  // Counters rise.
  void add(const CommitEntry& entry, std::int64_t timestamp);
  // The encoded record; the builder is empty afterwards.
  std::string take();
  // The same as two pieces that belong one behind the other, for whoever need not have them in one
  // string. The entries are valid until the builder is changed.
  std::string before_entries() const;
  std::string_view entries() const { return body_; }
  // Forgets the entries.
  void clear();

  // How much there is; everything behind a mark can be taken back.
  struct Mark {
    std::size_t bytes = 0;
    std::uint64_t count = 0;
    std::uint64_t previous_counter = 0;
    ChannelKey previous_log;
    bool operator==(const Mark&) const = default;
  };
  Mark mark() const { return {body_.size(), count_, previous_counter_, previous_log_}; }
  void cut(const Mark& mark);

 private:
  // Whether the record holds as many entries as were added, up to the last one.
  bool reads_back(std::string_view bytes) const;

  std::string body_;
  std::uint64_t count_ = 0;
  std::uint64_t first_counter_ = 0;
  std::uint64_t previous_counter_ = 0;
  std::int64_t timestamp_ = 0;
  ChannelKey previous_log_;
};

// All decoders answer `storage` for bytes they cannot read.
std::string encode(const PartitionState& state);
Result<PartitionState> decode_partition_state(std::string_view bytes);
std::string encode(const ChannelRecord& record);
Result<ChannelRecord> decode_channel(std::string_view bytes);
std::string encode(const TokenRecord& record);
Result<TokenRecord> decode_token(std::string_view bytes);
std::string encode(const RequestRecord& record);
Result<RequestRecord> decode_request(std::string_view bytes);
std::string encode(const ClientNumber& number);
Result<ClientNumber> decode_client_number(std::string_view bytes);
Result<CommitRecord> decode_commit_record(std::string_view bytes, std::uint64_t first_counter);

std::string encode(const ConversationRecord& record);
Result<ConversationRecord> decode_conversation(std::string_view bytes);
std::string encode(const TombstoneRecord& record);
Result<TombstoneRecord> decode_tombstone(std::string_view bytes);
std::string encode(const LogChangeRecord& record);
Result<LogChangeRecord> decode_log_change(std::string_view bytes);
std::string encode(const GapRecord& record);
Result<GapRecord> decode_gap(std::string_view bytes);
std::string encode(const BulkCountRecord& record);
Result<BulkCountRecord> decode_bulk_count(std::string_view bytes);
std::string encode(const DataLossRecord& record);
Result<DataLossRecord> decode_data_loss(std::string_view bytes);
std::string encode(const AnchorEventsRecord& record);
Result<AnchorEventsRecord> decode_anchor_events(std::string_view bytes);
// The event_key is in the key.
std::string encode(const LaneState& lane);
Result<LaneState> decode_lane(std::string_view bytes, std::string_view event_key);
std::string encode(const RunningStreamRecord& record);
Result<RunningStreamRecord> decode_running_stream(std::string_view bytes);
std::string encode(const CommandSyncRecord& record);
Result<CommandSyncRecord> decode_command_sync(std::string_view bytes);
std::string encode(const WebhookCursorRecord& record);
Result<WebhookCursorRecord> decode_webhook_cursor(std::string_view bytes);
std::string encode(const WebhookLetterRecord& record);
Result<WebhookLetterRecord> decode_webhook_letter(std::string_view bytes);
std::string encode(const WebhookLettersDroppedRecord& record);
Result<WebhookLettersDroppedRecord> decode_webhook_letters_dropped(std::string_view bytes);
std::string encode(const TemplateRecord& record);
Result<TemplateRecord> decode_template(std::string_view bytes);
std::string encode(const TemplateVersionRecord& record);
Result<TemplateVersionRecord> decode_template_version(std::string_view bytes);
std::string encode(const TemplateFloorRecord& record);
Result<TemplateFloorRecord> decode_template_floor(std::string_view bytes);

// Replaces the content of `out`. The log and the seq are in the key; the addressed channel is in
// the value only where it cannot be told from the log.
void encode_message(std::string& out, const Message& message, const ChannelKey& log);
// The same without the payload, which is the end of the record: for whoever puts one behind the
// other where they are to stay (store/batch_put.h), and copies the payload once.
void encode_before_payload(std::string& out, const Message& message, const ChannelKey& log);
// What stands beside a message as long as it is there: none, when everybody can read it for ever
// and its sender has it in his list. Of an unlisted one the run is left at 1.
std::optional<GapRecord> gap_of(const Message& message);
// Only the time, in seconds.
Result<std::int64_t> message_timestamp(std::string_view bytes);
Result<Message> decode_message(std::string_view bytes, const ChannelKey& log, MessageSeq seq);

// What tells who may read a message, read from its record without copying anything: for readers
// that pass many messages by. The views are into the record.
struct MessageHead {
  MessageId id{};
  std::int64_t timestamp = 0;      // seconds
  std::uint64_t timestamp_ns = 0;  // as in Message
  std::uint32_t expire = 0;
  std::string_view from_uid;
  std::string_view client_msg_no;
  std::string_view subscribers;  // as stored; empty: everybody
  bool recalled = false;
  bool sender_conversation = true;
  std::size_t payload_bytes = 0;

  // As those of Message.
  std::int64_t stored_at_ns() const {
    return timestamp * 1'000'000'000 + static_cast<std::int64_t>(timestamp_ns);
  }
  bool visible_to(std::string_view viewer) const;
  bool listed_for(std::string_view viewer) const {
    return sender_conversation || from_uid != viewer;
  }
  bool expired_at(std::int64_t now_seconds) const {
    return expire != 0 && is_over(timestamp + static_cast<std::int64_t>(expire), now_seconds);
  }
};
Result<MessageHead> decode_message_head(std::string_view bytes);

// The log a channel's command messages are stored in.
ChannelKey command_log_of(const ChannelKey& channel);

}  // namespace jindou::store
