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
//   partition:u16 0x20 channel seq:u64                  message
//   partition:u16 0x30 counter:u64                      commit record; counter of its first message
//   id partition:u16 0x40 length:u16 uid device_flag:u8    device token 0xffff 0x00 identity of the
//   store
//
// Table client_numbers:
//   partition:u16 fingerprint:16 bytes                  one client_msg_no
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/channel.h"
#include "model/device.h"
#include "model/ids.h"
#include "store/fingerprint.h"

namespace jindou::store {

enum class KeyKind : std::uint8_t {
  partition_state = 0x01,
  channel = 0x10,
  subscriber = 0x11,
  denylist = 0x12,
  allowlist = 0x13,
  message = 0x20,
  commit_record = 0x30,
  device_token = 0x40,
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
std::string store_identity_key();

// In table client_numbers.
std::string client_number_key(PartitionId partition, const Fingerprint& fingerprint);
Fingerprint fingerprint_of_client_number_key(std::string_view key);
// All entries of a partition.
std::string client_number_prefix(PartitionId partition);
// All senders' entries of one (log, client_msg_no).
std::string client_number_prefix(PartitionId partition, std::uint64_t number_hash);

// The smallest key greater than every key that starts with `prefix`.
std::string after_prefix(std::string_view prefix);

// The part of a key that the memtable keeps an insert hint for: a message key without its seq,
// since the messages of one log ascend. Empty for all other keys.
std::string_view insert_hint_prefix(std::string_view key);

}  // namespace jindou::store
