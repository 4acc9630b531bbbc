// Every key in the store, built in one place. Keys are order-preserving byte strings and begin with
// their partition, so that a partition is one contiguous range (docs/architecture.md, "keys").
//
// Layout (integers big-endian; "channel" is type:u8, length:u16, id bytes):
//
//   partition:u16 0x01                                  partition state
//   partition:u16 0x10 channel                          channel record
//   partition:u16 0x11 channel uid                      subscriber
//   partition:u16 0x12 channel uid                      denylist entry
//   partition:u16 0x13 channel uid                      allowlist entry
//   partition:u16 0x14 user channel                     conversation; lives with its channel
//   partition:u16 0x15 user channel                     tombstone: the user lost the conversation
//   partition:u16 0x16                                  how far tombstones have been dropped
//   partition:u16 0x20 channel seq:u64                  message
//   partition:u16 0x21 at:u64 seq:u64 channel           message that expires at that second
//   partition:u16 0x22 channel seq:u64                  gap: a message that not everybody can read
//   partition:u16 0x23 channel seq:u64                  events of the anchor message with that seq
//   partition:u16 0x23 channel seq:u64 event_key        one lane of them
//   partition:u16 0x24 channel seq:u64 length:u16 event_key n:u64   text added to an open lane
//   partition:u16 0x25 channel                          stream running in the channel
//   partition:u16 0x26 channel n:u32                    long change of the channel's lists: the
//                                                       decision (n = 0), then its uids
//   partition:u16 0x27 channel n:u64                    the n-th change of a log
//   partition:u16 0x30 counter:u64                      commit record; counter of its first message
//                                                       id
//   partition:u16 0x40 user device_flag:u8              device token
//   partition:u16 0x41 uid                              system account
//   partition:u16 0x42 user                             what the last sync of commands returned
//   partition:u16 0x43 user device_flag:u8 start session:u64  session whose logout is still to be
//                                                       told
//   partition:u16 0x44 hash:32 bytes                    request that may be repeated
//   partition:u16 0x45 at:u64 hash:32 bytes             the same, forgotten at that second
//   partition:u16 0x46 day:u32 user                     bulk messages the user was sent that day
//   partition:u16 0x50 at_ns:u64 start session:u64 online:u8  presence event for the webhook
//   partition:u16 0x51                                  how far the webhook has got
//   partition:u16 0x52 stream:u8 counter:u64            dead letter: what the webhook has given up;
//                                                       of msg.notify and beside it: stream 0
//   partition:u16 0x53 stream:u8 counter:u64            one that is to be told again
//   partition:u16 0x54                                  dead letters that made room for others
//   partition:u16 0x60 name                             template: its versions
//   partition:u16 0x61 length:u16 name version:u64      one version of it
//   partition:u16 0x62                                  version that new templates begin behind
//   partition:u16 0x70 id:32 bytes                      job
//   partition:u16 0x71 id:32 bytes index:u64            chunk of its input; index of its first item
//   partition:u16 0x72 id:32 bytes index:u64            results of the items of that chunk
//   0xffff 0x00                                         identity of the store
//   0xffff 0x01                                         data loss that was accepted
//
// "user" is length:u16, uid bytes. "start" is node:u16, boot:u64: of the process that has the
// session. Rows of stores of format 3 and before have none.
//
// Table client_numbers:
//   partition:u16                                       how far the table has got
//   partition:u16 fingerprint:16 bytes                  one client_msg_no
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/channel.h"
#include "model/device.h"
#include "model/ids.h"
#include "model/message.h"
#include "model/node_boot.h"
#include "store/fingerprint.h"

namespace jindou::store {

enum class KeyKind : std::uint8_t {
  partition_state = 0x01,
  channel = 0x10,
  subscriber = 0x11,
  denylist = 0x12,
  allowlist = 0x13,
  conversation = 0x14,
  tombstone = 0x15,
  tombstones_dropped = 0x16,
  message = 0x20,
  expiry = 0x21,
  gap = 0x22,
  event_lane = 0x23,
  event_text = 0x24,
  running_stream = 0x25,
  list_change = 0x26,
  log_change = 0x27,
  commit_record = 0x30,
  device_token = 0x40,
  system_account = 0x41,
  command_sync = 0x42,
  online_session = 0x43,
  request = 0x44,
  request_expiry = 0x45,
  bulk_count = 0x46,
  presence_event = 0x50,
  webhook_cursor = 0x51,
  webhook_letter = 0x52,
  webhook_redrive = 0x53,
  webhook_letters_dropped = 0x54,
  template_head = 0x60,
  template_version = 0x61,
  template_floor = 0x62,
  job = 0x70,
  job_input = 0x71,
  job_results = 0x72,
};

// Bytes after the partition and kind in a message key that form its channel; the last 8 are the
// seq.
inline constexpr std::size_t kSeqBytes = 8;

std::string partition_state_key(PartitionId partition);
std::string channel_key(PartitionId partition, const ChannelKey& channel);
// All entries of one list of a channel; `kind` is subscriber, denylist or allowlist.
std::string member_prefix(PartitionId partition, KeyKind kind, const ChannelKey& channel);
std::string member_key(PartitionId partition, KeyKind kind, const ChannelKey& channel,
                       std::string_view uid);
// All messages of a partition.
std::string message_prefix(PartitionId partition);
// All messages of one log.
std::string message_prefix(PartitionId partition, const ChannelKey& log);
std::string message_key(PartitionId partition, const ChannelKey& log, MessageSeq seq);
// Replaces the content of `out`: no allocation on the send path.
void build_message_key(std::string& out, PartitionId partition, const ChannelKey& log,
                       MessageSeq seq);
MessageSeq seq_of_message_key(std::string_view key);
std::string commit_record_prefix(PartitionId partition);
std::string commit_record_key(PartitionId partition, std::uint64_t first_counter);
std::uint64_t counter_of_commit_record_key(std::string_view key);
std::string device_token_key(PartitionId partition, std::string_view uid, DeviceFlag flag);
// All tokens of a user.
std::string device_token_prefix(PartitionId partition, std::string_view uid);
std::string store_identity_key();
std::string data_loss_key();

// All conversations of a user in one partition; the channel of such a key.
std::string conversation_prefix(PartitionId partition, std::string_view uid);
std::string conversation_key(PartitionId partition, std::string_view uid,
                             const ChannelKey& channel);
ChannelKey channel_of_conversation_key(std::string_view key);

// All tombstones of a partition; of one user in it; what such a key names.
std::string tombstone_prefix(PartitionId partition);
std::string tombstone_prefix(PartitionId partition, std::string_view uid);
std::string tombstone_key(PartitionId partition, std::string_view uid, const ChannelKey& channel);
ChannelKey channel_of_tombstone_key(std::string_view key);
std::string_view uid_of_tombstone_key(std::string_view key);
std::string tombstones_dropped_key(PartitionId partition);

std::string expiry_prefix(PartitionId partition);
std::string expiry_key(PartitionId partition, std::uint64_t at_seconds, const ChannelKey& log,
                       MessageSeq seq);
// What an expiry key says.
struct Expiry {
  std::uint64_t at_seconds = 0;
  ChannelKey log;
  MessageSeq seq{};
  bool over_at(std::int64_t now_seconds) const {
    return is_over(static_cast<std::int64_t>(at_seconds), now_seconds);
  }
};
Expiry expiry_of_key(std::string_view key);

// Gaps, like messages, are scanned by seq: seq_of_message_key() reads theirs too.
std::string gap_key(PartitionId partition, const ChannelKey& log, MessageSeq seq);

std::string event_lane_prefix(PartitionId partition, const ChannelKey& channel, MessageSeq anchor);
// An empty `event_key` names the record of the anchor itself, which sorts before its lanes.
std::string event_lane_key(PartitionId partition, const ChannelKey& channel, MessageSeq anchor,
                           std::string_view event_key);
std::string event_text_prefix(PartitionId partition, const ChannelKey& channel, MessageSeq anchor);
std::string event_text_prefix(PartitionId partition, const ChannelKey& channel, MessageSeq anchor,
                              std::string_view event_key);
std::string event_text_key(PartitionId partition, const ChannelKey& channel, MessageSeq anchor,
                           std::string_view event_key, std::uint64_t n);
std::string running_stream_prefix(PartitionId partition);
std::string running_stream_key(PartitionId partition, const ChannelKey& channel);
ChannelKey channel_of_running_stream_key(std::string_view key);

std::string list_change_prefix(PartitionId partition);
std::string list_change_prefix(PartitionId partition, const ChannelKey& channel);
std::string list_change_key(PartitionId partition, const ChannelKey& channel, std::uint32_t n);
ChannelKey channel_of_list_change_key(std::string_view key);

// All changes of a log; they are scanned by their number.
std::string log_change_prefix(PartitionId partition, const ChannelKey& log);
std::string log_change_key(PartitionId partition, const ChannelKey& log, std::uint64_t number);
std::uint64_t number_of_log_change_key(std::string_view key);

std::string system_account_prefix(PartitionId partition);
std::string system_account_key(PartitionId partition, std::string_view uid);
std::string_view uid_of_system_account_key(std::string_view key);
std::string command_sync_key(PartitionId partition, std::string_view uid);

std::string online_session_prefix(PartitionId partition);
std::string online_session_key(PartitionId partition, std::string_view uid, DeviceFlag flag,
                               const NodeBoot& start, std::uint64_t session_id);
struct OnlineSession {
  std::string uid;
  DeviceFlag device_flag = DeviceFlag::app;
  NodeBoot start;
  std::uint64_t session_id = 0;
};
OnlineSession online_session_of_key(std::string_view key);

// Requests that may be repeated. `key` is a hash of kRequestKeyBytes bytes.
inline constexpr std::size_t kRequestKeyBytes = 32;
std::string request_prefix(PartitionId partition);
std::string request_key(PartitionId partition, std::string_view key);
std::string request_expiry_prefix(PartitionId partition);
std::string request_expiry_key(PartitionId partition, std::int64_t at_s, std::string_view key);
// What such a key says. Precondition: it has the length of one.
struct RequestExpiry {
  std::int64_t at_s = 0;
  std::string key;
};
RequestExpiry request_expiry_of_key(std::string_view key);

// Bulk messages that users were sent. Days are counted from the epoch.
std::string bulk_count_prefix(PartitionId partition);
std::string bulk_count_day_prefix(PartitionId partition, std::uint32_t day);
std::string bulk_count_key(PartitionId partition, std::uint32_t day, std::string_view uid);
// Precondition: it is such a key.
std::uint32_t day_of_bulk_count_key(std::string_view key);

std::string presence_event_prefix(PartitionId partition);
std::string presence_event_key(PartitionId partition, std::int64_t at_ns, const NodeBoot& start,
                               std::uint64_t session_id, bool online);
std::string webhook_cursor_key(PartitionId partition);
// Dead letters of msg.notify, in the order in which they were to be told; the counter is that of
// the entry of the commit record. Whether one is to be told again is a row beside it.
std::string webhook_letter_prefix(PartitionId partition);
std::string webhook_letter_key(PartitionId partition, std::uint64_t counter);
std::string webhook_redrive_prefix(PartitionId partition);
std::string webhook_redrive_key(PartitionId partition, std::uint64_t counter);
// Of either of them. Precondition: it is such a key.
std::uint64_t counter_of_webhook_letter_key(std::string_view key);
std::string webhook_letters_dropped_key(PartitionId partition);

// Of a key of table main that is one of a partition.
PartitionId partition_of_key(std::string_view key);
// Of a key of table main; of one that is none of a partition, 0 as a number.
KeyKind kind_of_key(std::string_view key);
// Of a key that begins with a channel behind its kind.
ChannelType type_of_channel_scoped_key(std::string_view key);
ChannelKey channel_of_channel_scoped_key(std::string_view key);
// Whether a key of a partition is long enough to hold a channel behind its kind, and `behind` more
// bytes.
bool holds_channel(std::string_view key, std::size_t behind);

// All templates of a partition, sorted by name; the name of such a key.
std::string template_prefix(PartitionId partition);
std::string template_key(PartitionId partition, std::string_view name);
std::string_view name_of_template_key(std::string_view key);
// All versions of the templates of a partition.
std::string template_version_prefix(PartitionId partition);
std::string template_version_key(PartitionId partition, std::string_view name,
                                 std::uint64_t version);
std::string template_floor_key(PartitionId partition);

// All jobs of a partition, sorted by id, which is that of model/job.h; the id of such a key.
std::string job_prefix(PartitionId partition);
std::string job_key(PartitionId partition, std::string_view id);
std::string_view id_of_job_key(std::string_view key);
// All chunks of a job; `kind` is job_input or job_results. They are scanned by the index of their
// first item.
std::string job_chunk_prefix(PartitionId partition, KeyKind kind, std::string_view id);
std::string job_chunk_key(PartitionId partition, KeyKind kind, std::string_view id,
                          std::uint64_t first);
std::uint64_t first_of_job_chunk_key(std::string_view key);

// In table client_numbers.
std::string client_number_key(PartitionId partition, const Fingerprint& fingerprint);
Fingerprint fingerprint_of_client_number_key(std::string_view key);
// All entries of a partition lie from the first to behind the prefix.
std::string first_client_number(PartitionId partition);
std::string client_number_prefix(PartitionId partition);
std::string index_progress_key(PartitionId partition);
// All senders' entries of one (log, client_msg_no).
std::string client_number_prefix(PartitionId partition, std::uint64_t number_hash);

// The smallest key greater than every key that starts with `prefix`.
std::string after_prefix(std::string_view prefix);

// Where a range deletion of messages from `seq` on (1 or more) begins: before the key of `seq`,
// behind the one before it, and no message key itself. RocksDB keeps range deletions in a memtable
// of their own but shares the insert hints between the two, which an assertion of it catches; so
// the begin of a range must be a key without hint.
std::string message_range_begin(PartitionId partition, const ChannelKey& log, MessageSeq seq);

// The part of a key that the memtable keeps an insert hint for: keys with the same one are written
// in their order. A message key without its seq; a commit record's without its counter; the state
// of a partition, which is written again and again. Empty for all other keys.
std::string_view insert_hint_prefix(std::string_view key);

}  // namespace jindou::store
