// Rows as the channel's partition writes them, put straight into a store in memory, and a reader
// over it. For the tests of this module.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "conversation/conversation_reader.h"
#include "model/channel.h"
#include "model/message.h"
#include "store/commit_horizon.h"
#include "store/keys.h"
#include "store/memory_reader.h"
#include "store/read_position.h"
#include "store/records.h"

namespace jindou::conversation {

class HandClock final : public Clock {
 public:
  std::int64_t ns = 1'700'000'000'000'000'000;
  std::int64_t wall_ms() const override { return ns / 1'000'000; }
  std::int64_t wall_ns() const override { return ns; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  void advance_seconds(std::int64_t seconds) { ns += seconds * 1'000'000'000; }
};

struct SendOptions {
  std::vector<std::string> subscribers;
  std::uint32_t expire = 0;
  std::string payload = "p";
  bool command = false;
  bool sender_conversation = true;
};

class TestStore {
 public:
  static constexpr std::uint16_t kPartitions = 4;

  explicit TestStore(std::size_t conversations_max = 1000)
      : horizon(clock, kPartitions),
        reader(readers(), horizon, clock, ReaderLimits{conversations_max}) {}

  // Stores a message at the clock's time, one second after the one before, and returns its seq. The
  // sender has read up to his own message; a restricted one is a gap for the others.
  std::uint64_t send(const ChannelKey& channel, const std::string& from, SendOptions options = {}) {
    clock.advance_seconds(1);
    const ChannelKey log = options.command ? store::command_log_of(channel) : channel;
    return append(log, channel, from, std::move(options));
  }
  // Into a log of its own, which each listed user has a row for.
  std::uint64_t send_targeted(const ChannelKey& log, const std::string& from,
                              std::vector<std::string> subscribers) {
    clock.advance_seconds(1);
    SendOptions options;
    options.command = true;
    options.subscribers = std::move(subscribers);
    for (const auto& uid : options.subscribers) {
      if (!find_row(uid, log)) put_row(uid, log, store::ConversationRecord());
    }
    return append(log, ChannelKey("shown", ChannelType::group), from, std::move(options));
  }
  void erase_message(const ChannelKey& channel, std::uint64_t seq) {
    store.erase(kMain, store::message_key(partition(channel), channel, MessageSeq{seq}));
    put_gap(channel, seq, {});
  }
  void put_gap(const ChannelKey& channel, std::uint64_t seq, std::vector<std::string> readers) {
    store::GapRecord gap;
    gap.readers = std::move(readers);
    put_gap_record(channel, seq, gap);
  }
  void put_gap_record(const ChannelKey& channel, std::uint64_t seq, const store::GapRecord& gap) {
    store.put(kMain, store::gap_key(partition(channel), channel, MessageSeq{seq}),
              store::encode(gap));
    change_channel(channel, [](store::ChannelRecord& record) { record.has_gaps = true; });
  }

  std::optional<store::ConversationRecord> find_row(std::string_view uid,
                                                    const ChannelKey& channel) const {
    std::string value;
    const auto found =
        store.get(kMain, store::conversation_key(partition(channel), uid, channel), value);
    if (!found.value()) return std::nullopt;
    return store::decode_conversation(value).value();
  }
  void put_row(std::string_view uid, const ChannelKey& channel,
               const store::ConversationRecord& record) {
    store.put(kMain, store::conversation_key(partition(channel), uid, channel),
              store::encode(record));
  }
  // A user's action: creates the row when missing and says when it happened.
  template <class Change>
  void change_row(std::string_view uid, const ChannelKey& channel, const Change& change) {
    auto record = find_row(uid, channel).value_or(store::ConversationRecord());
    change(record);
    record.updated_at_ns = clock.ns;
    put_row(uid, channel, record);
  }
  void join(std::string_view uid, const ChannelKey& channel, std::uint64_t read_to = 0) {
    change_row(uid, channel, [&](store::ConversationRecord& row) { row.read_to = read_to; });
  }
  void read(std::string_view uid, const ChannelKey& channel, std::uint64_t seq) {
    change_row(uid, channel, [&](store::ConversationRecord& row) {
      row.read_to = std::max(row.read_to, seq);
      row.manual_count = 0;
    });
  }
  void set_unread(std::string_view uid, const ChannelKey& channel, std::uint64_t count) {
    change_row(uid, channel, [&](store::ConversationRecord& row) {
      row.manual_count = std::min(count, last_seq(channel));
      row.manual_at = last_seq(channel);
    });
  }
  void remove(std::string_view uid, const ChannelKey& channel) {
    change_row(uid, channel, [&](store::ConversationRecord& row) {
      row.deleted_to = last_seq(channel);
      row.manual_count = 0;
    });
  }

  // Removed from the channel: a tombstone takes the place of the row.
  void lose(std::string_view uid, const ChannelKey& channel) {
    store.erase(kMain, store::conversation_key(partition(channel), uid, channel));
    leave_tombstone(uid, channel);
  }
  void leave_tombstone(std::string_view uid, const ChannelKey& channel) {
    const store::TombstoneRecord tombstone{clock.ns};
    store.put(kMain, store::tombstone_key(partition(channel), uid, channel),
              store::encode(tombstone));
  }

  template <class Change>
  void change_channel(const ChannelKey& channel, const Change& change) {
    const std::string key = store::channel_key(partition(channel), channel);
    std::string value;
    store::ChannelRecord record;
    if (store.get(kMain, key, value).value()) record = store::decode_channel(value).value();
    change(record);
    store.put(kMain, key, store::encode(record));
  }
  void set_disband(const ChannelKey& channel, bool disband) {
    change_channel(channel, [&](store::ChannelRecord& record) {
      record.flags.disband = disband;
      record.disband_changed_at_ns = clock.ns;
    });
  }
  std::uint64_t last_seq(const ChannelKey& log) const {
    const auto it = last_seqs_.find(log);
    return it == last_seqs_.end() ? 0 : it->second;
  }
  store::PartitionReaders readers() const {
    return store::PartitionReaders(store, PartitionMap(kPartitions));
  }
  static PartitionId partition(const ChannelKey& channel) {
    return partition_for(channel.id, kPartitions);
  }

  store::MemoryReader store;
  HandClock clock;
  store::CommitHorizon horizon;
  ConversationReader reader;

 private:
  static constexpr store::Table kMain = store::Table::main;

  std::uint64_t append(const ChannelKey& log, const ChannelKey& addressed, const std::string& from,
                       SendOptions options) {
    Message message;
    message.id = message_id_of(++counters_[raw(partition(log))], partition(log));
    message.seq = MessageSeq{++last_seqs_[log]};
    message.channel = addressed;
    message.from_uid = from;
    message.client_msg_no = log.id + "#" + std::to_string(last_seqs_[log]);
    message.subscribers = std::move(options.subscribers);
    message.payload = std::move(options.payload);
    message.timestamp = clock.ns / 1'000'000'000;
    message.timestamp_ns = static_cast<std::uint64_t>(clock.ns % 1'000'000'000);
    message.expire = options.expire;
    message.flags.sync_once = options.command;
    message.sender_conversation = options.sender_conversation;
    std::string bytes;
    store::encode_message(bytes, message, log);
    store.put(kMain, store::message_key(partition(log), log, message.seq), bytes);
    if (!options.command) {
      if (!message.subscribers.empty() || message.expire != 0 || !message.sender_conversation) {
        store::GapRecord gap;
        if (!message.sender_conversation) gap.unlisted = from;
        gap.readers = message.subscribers;
        gap.everybody = message.subscribers.empty();
        if (message.expire != 0) gap.expires_at = message.timestamp + message.expire;
        const bool in_run = !gap.unlisted.empty() && gap.everybody && gap.expires_at == 0;
        if (in_run) gap.run = run_up_to(log, from, raw(message.seq));
        put_gap_record(log, raw(message.seq), gap);
      }
      if (message.sender_conversation) send_moves_position(from, log, message);
    }
    return raw(message.seq);
  }

  // As a partition does.
  std::uint64_t run_up_to(const ChannelKey& log, const std::string& from, std::uint64_t seq) {
    UnlistedSeqs& run = unlisted_[log];
    if (run.uid != from || run.last + 1 != seq) run = {from, seq, 0};
    run.last = seq;
    return ++run.seqs;
  }

  // As a partition does; it knows where the user has read to without asking the store.
  void send_moves_position(const std::string& from, const ChannelKey& log, const Message& message) {
    auto row = find_row(from, log);
    if (!row) return;
    const std::uint64_t seq = raw(message.seq);
    const std::uint64_t read_to = position_of(from, log, *row, seq - 1);
    const bool implied = row->own_messages_follow && message.expire == 0 &&
                         store::is_implied(row->read_to, read_to, seq);
    if (implied) return;
    row->own_messages_follow = true;
    row->read_to = seq;
    put_row(from, log, *row);
  }
  std::uint64_t position_of(const std::string& uid, const ChannelKey& channel,
                            const store::ConversationRecord& row, std::uint64_t last) const {
    auto cursor = readers().of_channel(channel).open_cursor(kMain);
    return std::min(last, store::load_read_position(cursor, channel, uid, row).value());
  }

  struct UnlistedSeqs {
    std::string uid;
    std::uint64_t last = 0;
    std::uint64_t seqs = 0;
  };

  std::map<ChannelKey, std::uint64_t> last_seqs_;
  std::map<ChannelKey, UnlistedSeqs> unlisted_;
  std::map<std::uint16_t, std::uint64_t> counters_;
};

}  // namespace jindou::conversation
