#include "conversation/store_view.h"

#include <algorithm>
#include <utility>

#include "store/read_position.h"

namespace jindou::conversation {

bool has_conversation(const ChannelKey& channel, std::string_view uid) {
  switch (channel.type) {
    case ChannelType::none:
    case ChannelType::data:
    case ChannelType::temp:
    case ChannelType::live: return false;
    case ChannelType::person: return peer_in_pair(channel.id, uid) != kSystemUid;
    default: return true;
  }
}

std::int64_t take_lost(LostAt& lost, const ChannelKey& channel) {
  const auto it = lost.find(channel);
  if (it == lost.end()) return 0;
  const std::int64_t at_ns = it->second;
  lost.erase(it);
  return at_ns;
}

std::int64_t gone_at_ns(const store::ConversationRecord& row, const store::ChannelRecord& channel,
                        std::int64_t lost_at_ns) {
  if (channel.flags.disband) {
    return channel.disband_changed_at_ns != 0 ? channel.disband_changed_at_ns : kSinceUnknown;
  }
  return row.deleted_to > 0 ? std::max(lost_at_ns, row.updated_at_ns) : lost_at_ns;
}

Head head_of(std::uint64_t seq, const store::MessageHead& message) {
  Head head;
  head.seq = seq;
  head.timestamp = message.timestamp;
  head.stored_at_ns = message.stored_at_ns();
  head.client_msg_no = message.client_msg_no;
  return head;
}

StoreView::StoreView(const store::PartitionReaders& readers, std::string_view uid,
                     std::int64_t now_seconds)
    : map_(readers.map()),
      cursors_(readers.open_cursors(store::Table::main)),
      uid_(uid),
      now_seconds_(now_seconds) {}

Result<bool> StoreView::moved(const store::PartitionCursor& cursor, bool valid) {
  if (!valid) JD_RETURN_IF_ERROR(cursor.status());
  return valid;
}

Result<std::vector<Row>> StoreView::load_rows(Rows wanted) {
  std::vector<Row> rows;
  for (const PartitionId partition : map_.ids()) {
    auto cursor = cursors_.of(partition);
    const std::string prefix = store::conversation_prefix(partition, uid_);
    JD_TRY(bool at, moved(cursor, cursor.seek(prefix)));
    while (at && cursor.key().starts_with(prefix)) {
      Row row;
      row.channel = store::channel_of_conversation_key(cursor.key());
      if (wanted == Rows::all || has_conversation(row.channel, uid_)) {
        JD_TRY(row.record, store::decode_conversation(cursor.value()));
        rows.push_back(std::move(row));
      }
      JD_TRY(at, moved(cursor, cursor.next()));
    }
  }
  return rows;
}

Result<LostAt> StoreView::load_lost() {
  LostAt lost;
  for (const PartitionId partition : map_.ids()) {
    auto cursor = cursors_.of(partition);
    const std::string prefix = store::tombstone_prefix(partition, uid_);
    JD_TRY(bool at, moved(cursor, cursor.seek(prefix)));
    while (at && cursor.key().starts_with(prefix)) {
      ChannelKey channel = store::channel_of_tombstone_key(cursor.key());
      JD_TRY(const auto tombstone, store::decode_tombstone(cursor.value()));
      if (has_conversation(channel, uid_)) {
        lost.emplace(std::move(channel), tombstone.deleted_at_ns);
      }
      JD_TRY(at, moved(cursor, cursor.next()));
    }
  }
  return lost;
}

Result<std::optional<Row>> StoreView::load_row(const ChannelKey& channel) {
  const auto cursor = cursor_of(channel);
  const std::string key = store::conversation_key(cursor.partition(), uid_, channel);
  JD_TRY(const bool exists, cursor.get(key, value_));
  if (!exists) return std::optional<Row>();
  Row row;
  row.channel = channel;
  JD_TRY(row.record, store::decode_conversation(value_));
  return std::optional<Row>(std::move(row));
}

Result<std::int64_t> StoreView::load_deletions_since() {
  std::int64_t since = 0;
  for (const PartitionId partition : map_.ids()) {
    JD_TRY(const bool any,
           cursors_.of(partition).get(store::tombstones_dropped_key(partition), value_));
    if (!any) continue;
    JD_TRY(const store::TombstoneRecord dropped, store::decode_tombstone(value_));
    since = std::max(since, dropped.deleted_at_ns);
  }
  return since;
}

Result<store::ChannelRecord> StoreView::load_channel(const ChannelKey& channel) {
  const auto cursor = cursor_of(channel);
  JD_TRY(const bool exists, cursor.get(store::channel_key(cursor.partition(), channel), value_));
  if (!exists) return store::ChannelRecord();
  return store::decode_channel(value_);
}

Result<std::uint64_t> StoreView::load_read_position(const ChannelKey& channel,
                                                    const store::ConversationRecord& row) {
  auto cursor = cursor_of(channel);
  return store::load_read_position(cursor, channel, uid_, row);
}

Result<Head> StoreView::load_head(const ChannelKey& log, std::uint64_t floor) {
  Head head;
  JD_RETURN_IF_ERROR(walk_listed(log, kNewest, floor,
                                 [&](std::uint64_t seq, std::string_view /*bytes*/,
                                     const store::MessageHead& message) -> Result<bool> {
                                   head = head_of(seq, message);
                                   return false;
                                 }));
  return head;
}

Result<std::uint64_t> StoreView::count_readable(const ChannelKey& log,
                                                const store::ChannelRecord& record,
                                                std::uint64_t after, std::uint64_t to) {
  if (to <= after) return std::uint64_t{0};
  std::uint64_t count = to - after;
  if (!record.has_gaps) return count;
  auto cursor = cursor_of(log);
  const PartitionId partition = cursor.partition();
  const std::string first = store::gap_key(partition, log, MessageSeq{after + 1});
  // Runs of the user's own that stand at the end; one step down costs as much as many up.
  std::uint64_t top = to;
  for (;;) {
    const std::string behind = store::gap_key(partition, log, MessageSeq{top + 1});
    JD_TRY(const bool any, moved(cursor, cursor.seek_before(behind)));
    if (!any || cursor.key() < first) return count;
    JD_TRY(const store::GapRecord gap, store::decode_gap(cursor.value()));
    if (gap.run == 1 || gap.unlisted != uid_) break;
    const std::uint64_t end = raw(store::seq_of_message_key(cursor.key()));
    // It may have begun before what is counted.
    count -= std::min({gap.run, end - after, count});
    top = end - std::min(end, gap.run);
    if (top <= after) return count;
  }
  const std::string last = store::gap_key(partition, log, MessageSeq{top});
  JD_TRY(bool at, moved(cursor, cursor.seek(first)));
  while (at && cursor.key() <= last) {
    JD_TRY(const store::GapRecord gap, store::decode_gap(cursor.value()));
    if (!gap.readable_by(uid_, now_seconds_)) {
      const std::uint64_t end = raw(store::seq_of_message_key(cursor.key()));
      // As above, of a long gap.
      count -= std::min({gap.seqs, end - after, count});
    }
    JD_TRY(at, moved(cursor, cursor.next()));
  }
  return count;
}

Result<std::uint64_t> StoreView::load_run(const store::PartitionCursor& cursor,
                                          const ChannelKey& log, std::uint64_t seq) {
  JD_TRY(const bool exists,
         cursor.get(store::gap_key(cursor.partition(), log, MessageSeq{seq}), value_));
  if (!exists) return std::uint64_t{1};
  JD_TRY(const store::GapRecord gap, store::decode_gap(value_));
  return gap.unlisted == uid_ ? gap.run : std::uint64_t{1};
}

}  // namespace jindou::conversation
