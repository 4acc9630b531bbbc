#include "partition/partition_history.h"

#include <algorithm>
#include <utility>

#include "partition/addressing.h"
#include "partition/event_lanes.h"
#include "store/index_progress.h"
#include "store/keys.h"
#include "store/read_position.h"
#include "store/records.h"

namespace jindou::partition {

namespace {

using store::Table;

constexpr std::int64_t kLimitDefault = 100;
constexpr std::int64_t kLimitMax = 10'000;
// What a message takes in memory besides its payload, about.
constexpr std::size_t kMessageBytes = 512;
// Messages with one number that are looked at when none of them is there any more.
constexpr std::size_t kTracesTriedMax = 100;

}  // namespace

// The readable part of a log: (cleared_to, last_seq].
struct PartitionHistory::Bounds {
  std::uint64_t cleared_to = 0;
  std::uint64_t seq_floor = 0;
  std::uint64_t last_seq = 0;
};

Result<PartitionHistory::Bounds> PartitionHistory::load_bounds(const ChannelKey& channel) const {
  Bounds bounds;
  std::string value;
  JD_TRY(const bool exists,
         reader_.get(Table::main, store::channel_key(partition_, channel), value));
  if (exists) {
    JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
    bounds.cleared_to = record.cleared_to;
    bounds.seq_floor = record.seq_floor;
  }
  bounds.last_seq = std::max(bounds.cleared_to, bounds.seq_floor);
  const std::string prefix = store::message_prefix(partition_, channel);
  JD_RETURN_IF_ERROR(reader_.scan_backward(
      Table::main, prefix, store::after_prefix(prefix), [&](std::string_view key, auto) {
        bounds.last_seq = std::max(bounds.last_seq, raw(store::seq_of_message_key(key)));
        return false;
      }));
  return bounds;
}

Result<MessageSeq> PartitionHistory::load_last_seq(const ChannelKey& channel) const {
  JD_TRY(const Bounds bounds, load_bounds(channel));
  return static_cast<MessageSeq>(bounds.last_seq);
}

Result<RangePage> PartitionHistory::load_range(const RangeQuery& query) const {
  JD_TRY(const Bounds bounds, load_bounds(query.channel));
  const std::size_t limit = std::min(
      static_cast<std::size_t>(query.limit <= 0 ? kLimitDefault : std::min(query.limit, kLimitMax)),
      std::max<std::size_t>(kLimitDefault, query.bytes_max / kMessageBytes));
  const std::uint64_t start = query.start_seq;
  const std::uint64_t end = query.end_seq;

  // Towards newer messages: the first `limit` of [low, high]; else the last `limit` of it. An end
  // beyond the start asks for a forward range, whatever the mode says; but start and end both 0 are
  // always "the newest".
  const bool newest = start == 0 && end == 0;
  const bool forward = !newest && (query.towards_newer || (start > 0 && end > start));
  std::uint64_t low = 0;
  std::uint64_t high = bounds.last_seq;
  if (forward) {
    low = std::max<std::uint64_t>(start, 1);
    if (end > 0) high = std::min(end - 1, high);
  } else {
    if (start > 0) high = std::min(start, high);
    if (end >= high) return RangePage();
    low = end + 1;
  }
  low = std::max(low, bounds.cleared_to + 1);
  RangePage page;
  page.forward = forward;
  if (low > high) return page;

  const std::int64_t now = clock_.wall_seconds();
  std::size_t bytes = 0;
  Result<void> decoded;
  const auto visit = [&](std::string_view key, std::string_view value) {
    auto message = store::decode_message(value, query.channel, store::seq_of_message_key(key));
    if (!message) {
      decoded = std::move(message).error();
      return false;
    }
    if (message->expired_at(now) || !message->visible_to(query.viewer)) return true;
    if (page.messages.size() == limit || bytes > query.bytes_max) {
      page.more = true;
      return false;
    }
    bytes += message->payload.size();
    page.messages.push_back(std::move(*message));
    return true;
  };
  const auto lower = store::message_key(partition_, query.channel, static_cast<MessageSeq>(low));
  // The key right behind that of `high`, which is itself part of the range.
  const auto upper =
      store::message_key(partition_, query.channel, static_cast<MessageSeq>(high)) + '\0';
  if (forward) {
    JD_RETURN_IF_ERROR(reader_.scan(Table::main, lower, upper, visit));
  } else {
    JD_RETURN_IF_ERROR(reader_.scan_backward(Table::main, lower, upper, visit));
    std::reverse(page.messages.begin(), page.messages.end());
  }
  JD_RETURN_IF_ERROR(decoded);
  return page;
}

Result<std::optional<Message>> PartitionHistory::load_by_seq(const ChannelKey& channel,
                                                             MessageSeq seq) const {
  using Found = std::optional<Message>;
  std::string value;
  JD_TRY(const bool stored,
         reader_.get(Table::main, store::message_key(partition_, channel, seq), value));
  if (!stored) return Found();
  JD_TRY(Message message, store::decode_message(value, channel, seq));
  if (message.expired_at(clock_.wall_seconds())) return Found();
  JD_TRY(const bool recorded,
         reader_.get(Table::main, store::channel_key(partition_, channel), value));
  if (recorded) {
    JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
    if (raw(seq) <= record.cleared_to) return Found();
  }
  return Found(std::move(message));
}

Result<bool> PartitionHistory::is_there(const Message& message) const {
  if (message.seq == MessageSeq{}) return true;
  JD_TRY(const auto found, load_by_seq(log_of(message), message.seq));
  return found.has_value();
}

Result<std::optional<Message>> PartitionHistory::load_by_id(MessageId id) const {
  using Found = std::optional<Message>;
  const std::uint64_t counter = counter_of(id);
  // The commit record that starts at this counter or before it.
  Result<store::CommitRecord> record = store::CommitRecord();
  JD_RETURN_IF_ERROR(reader_.scan_backward(Table::main, store::commit_record_prefix(partition_),
                                           store::commit_record_key(partition_, counter + 1),
                                           [&](std::string_view key, std::string_view value) {
                                             record = store::decode_commit_record(
                                                 value, store::counter_of_commit_record_key(key));
                                             return false;
                                           }));
  if (!record) return Error(std::move(record).error());
  for (const auto& entry : record->entries) {
    if (entry.counter != counter) continue;
    if (entry.kind != store::EntryKind::message || entry.seq == 0) return Found();
    return load_by_seq(entry.log, static_cast<MessageSeq>(entry.seq));
  }
  return Found();
}

Result<std::vector<PartitionHistory::Numbered>> PartitionHistory::find_numbered(
    const ChannelKey& log, std::string_view client_msg_no) const {
  std::vector<Numbered> found;
  const std::uint64_t wanted = store::number_hash(fingerprint_seed_, log, client_msg_no);
  // How far the table reaches, read before the table: a load meanwhile only makes both overlap.
  JD_TRY(const std::uint64_t indexed_to, store::load_index_progress(reader_));
  Result<void> decoded;
  const std::string prefix = store::client_number_prefix(partition_, wanted);
  JD_RETURN_IF_ERROR(reader_.scan(
      Table::client_numbers, prefix, store::after_prefix(prefix),
      [&](std::string_view key, std::string_view row) {
        const auto number = store::decode_client_number(row);
        if (!number) {
          decoded = number.error();
          return false;
        }
        const auto fingerprint = store::fingerprint_of_client_number_key(key);
        found.push_back({number->counter, number->seq, fingerprint.sender, number->timestamp});
        return true;
      }));
  JD_RETURN_IF_ERROR(decoded);
  // What is not in the table yet: the commit records after its last load, at most one or two
  // generations of the index.
  const std::string records = store::commit_record_prefix(partition_);
  std::string lower = store::commit_record_key(partition_, indexed_to + 1);
  JD_RETURN_IF_ERROR(
      reader_.scan_backward(Table::main, records, lower, [&](std::string_view key, auto) {
        lower = std::string(key);
        return false;
      }));
  JD_RETURN_IF_ERROR(reader_.scan(
      Table::main, lower, store::after_prefix(records),
      [&](std::string_view key, std::string_view bytes) {
        auto record = store::decode_commit_record(bytes, store::counter_of_commit_record_key(key));
        if (!record) {
          decoded = std::move(record).error();
          return false;
        }
        for (const auto& entry : record->entries) {
          const bool message = entry.kind == store::EntryKind::message;
          if (message && entry.fingerprint.number == wanted) {
            found.push_back(
                {entry.counter, entry.seq, entry.fingerprint.sender, record->timestamp});
          }
        }
        return true;
      }));
  JD_RETURN_IF_ERROR(decoded);
  std::ranges::sort(found, {}, &Numbered::counter);
  const auto same = [](const Numbered& a, const Numbered& b) { return a.counter == b.counter; };
  found.erase(std::unique(found.begin(), found.end(), same), found.end());
  return found;
}

Result<std::optional<Message>> PartitionHistory::load_by_client_msg_no(
    const ChannelKey& channel, std::string_view client_msg_no, std::string_view viewer) const {
  using Found = std::optional<Message>;
  JD_TRY(const std::vector<Numbered> numbered, find_numbered(channel, client_msg_no));
  // Those of one log have their seqs in the order of their ids.
  for (const Numbered& each : numbered) {
    if (each.seq == 0) continue;
    JD_TRY(auto message, load_by_seq(channel, static_cast<MessageSeq>(each.seq)));
    if (message && message->client_msg_no == client_msg_no && message->visible_to(viewer)) {
      return message;
    }
  }
  return Found();
}

Result<std::optional<Message>> PartitionHistory::load_sent(const ChannelKey& channel,
                                                           std::string_view client_msg_no,
                                                           std::string_view from_uid,
                                                           const SentWithin& within) const {
  using Found = std::optional<Message>;
  const std::uint64_t sender =
      store::fingerprint_of(fingerprint_seed_, channel, from_uid, client_msg_no).sender;
  JD_TRY(std::vector<Numbered> numbered, find_numbered(channel, client_msg_no));
  std::ranges::reverse(numbered);
  for (const Numbered& each : numbered) {
    const bool in_time = each.timestamp > within.after_s && each.timestamp <= within.until_s;
    if (each.sender != sender || each.seq == 0 || !in_time) continue;
    return load_by_seq(channel, static_cast<MessageSeq>(each.seq));
  }
  return Found();
}

Result<std::optional<MessageTrace>> PartitionHistory::load_trace(MessageId id) const {
  return load_message_trace(reader_, id, clock_.wall_seconds());
}

Result<std::optional<MessageTrace>> PartitionHistory::load_trace_by_client_msg_no(
    const ChannelKey& log, std::string_view client_msg_no, std::string_view viewer) const {
  using Found = std::optional<MessageTrace>;
  JD_TRY(const auto there, load_by_client_msg_no(log, client_msg_no, viewer));
  if (there) return load_trace(there->id);
  JD_TRY(std::vector<Numbered> numbered, find_numbered(log, client_msg_no));
  if (numbered.size() > kTracesTriedMax) numbered.resize(kTracesTriedMax);
  for (const Numbered& each : numbered) {
    JD_TRY(auto trace, load_trace(message_id_of(each.counter, partition_)));
    if (!trace) continue;
    // It has expired, or the viewer cannot read it, or the hash is that of another number.
    const Message* const row = trace->message ? &*trace->message : nullptr;
    if (row == nullptr || (row->client_msg_no == client_msg_no && row->visible_to(viewer))) {
      return trace;
    }
  }
  return Found();
}

Result<std::vector<std::uint64_t>> PartitionHistory::load_read_to(
    const Message& message, const std::vector<std::string>& uids) const {
  std::vector<std::uint64_t> positions(uids.size());
  const bool command = message.flags.sync_once;
  const ChannelKey channel = command ? position_channel_of(message) : message.channel;
  if (channel.id.empty()) return positions;
  store::PartitionCursor cursor = reader_.open_cursor(Table::main);
  std::string value;
  for (std::size_t i = 0; i < uids.size(); ++i) {
    JD_TRY(const bool known,
           cursor.get(store::conversation_key(partition_, uids[i], channel), value));
    if (!known) continue;
    JD_TRY(const store::ConversationRecord row, store::decode_conversation(value));
    if (command) {
      positions[i] = row.command_read_to;
    } else {
      JD_TRY(positions[i], store::load_read_position(cursor, channel, uids[i], row));
    }
  }
  return positions;
}

Result<std::optional<Message>> PartitionHistory::load_last(const ChannelKey& channel,
                                                           std::string_view viewer) const {
  RangeQuery query;
  query.channel = channel;
  query.viewer = std::string(viewer);
  query.limit = 1;
  JD_TRY(RangePage page, load_range(query));
  if (page.messages.empty()) return std::optional<Message>();
  return std::optional<Message>(std::move(page.messages.back()));
}

Result<MessageEvents> PartitionHistory::load_events(const ChannelKey& channel,
                                                    MessageSeq anchor) const {
  return read_events(reader_, channel, anchor);
}

Result<std::string> PartitionHistory::load_running_stream(const ChannelKey& channel) const {
  std::string value;
  JD_TRY(const bool running,
         reader_.get(Table::main, store::running_stream_key(partition_, channel), value));
  if (!running) return std::string();
  JD_TRY(store::RunningStreamRecord record, store::decode_running_stream(value));
  return std::move(record.client_msg_no);
}

Result<bool> PartitionHistory::is_known(const ChannelKey& channel) const {
  JD_TRY(const Bounds bounds, load_bounds(channel));
  if (bounds.last_seq > 0) return true;
  std::string value;
  return reader_.get(Table::main, store::channel_key(partition_, channel), value);
}

}  // namespace jindou::partition
