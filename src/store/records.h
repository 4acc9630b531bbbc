// The values in the store, and their bytes. Each starts with a format version; a decoder refuses
// what it does not know. Golden bytes are pinned in records_test.cc.
#pragma once

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
#include "store/fingerprint.h"

namespace jindou::store {

// State of a partition; written with every commit that writes anything.
struct PartitionState {
  std::uint64_t position = 0;    // commits applied
  std::uint64_t id_bound = 0;    // message id counters up to here may have been handed out
  std::uint64_t indexed_to = 0;  // counters up to here are in table client_numbers
};

struct ChannelRecord {
  ChannelFlags flags;
  std::uint64_t cleared_to = 0;  // messages up to this seq are hidden; seqs go on after it
  std::int64_t created_at = 0;   // seconds
};

struct TokenRecord {
  std::string token;
  DeviceLevel level = DeviceLevel::slave;
};

// What the client_msg_no index knows of one message.
struct ClientNumber {
  std::uint64_t counter = 0;   // of the message id
  std::uint64_t seq = 0;       // 0: not stored
  std::uint64_t payload = 0;   // payload_hash
  std::int64_t timestamp = 0;  // seconds
  bool idempotent = false;     // the number was given by the sender
};

// One message of a commit, as the commit record lists it: enough to find the message by id and to
// rebuild the client_msg_no index.
struct CommitEntry {
  std::uint64_t counter = 0;
  ChannelKey log;
  std::uint64_t seq = 0;
  Fingerprint fingerprint;
  std::uint64_t payload = 0;
  bool idempotent = false;
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
  void add(const CommitEntry& entry, std::int64_t timestamp);
  // The encoded record; the builder is empty afterwards.
  std::string take();

 private:
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
std::string encode(const ClientNumber& number);
Result<ClientNumber> decode_client_number(std::string_view bytes);
Result<CommitRecord> decode_commit_record(std::string_view bytes, std::uint64_t first_counter);

// Replaces the content of `out`. The log and the seq are in the key; the addressed channel is in
// the value only where it cannot be told from the log.
void encode_message(std::string& out, const Message& message, const ChannelKey& log);
Result<Message> decode_message(std::string_view bytes, const ChannelKey& log, MessageSeq seq);

// The log a channel's command messages are stored in.
ChannelKey command_log_of(const ChannelKey& channel);

}  // namespace jindou::store
