#include "partition/simulation/sync_client.h"

#include <algorithm>
#include <utility>

#include "store/keys.h"
#include "store/list_change.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition::simulation {

using store::Table;

Result<SyncClient::Shown> SyncClient::load_shown(const store::Reader& reader, PartitionId partition,
                                                 const ChannelKey& channel,
                                                 std::string_view row) const {
  Shown shown;
  JD_TRY(const store::ConversationRecord record, store::decode_conversation(row));
  shown.deleted_to = record.deleted_to;
  shown.manual_count = record.manual_count;
  shown.changed_at_ns = record.updated_at_ns;
  std::string value;
  JD_TRY(const bool has_settings,
         reader.get(Table::main, store::channel_key(partition, channel), value));
  if (has_settings) {
    JD_TRY(const store::ChannelRecord settings, store::decode_channel(value));
    shown.changed_at_ns = std::max(shown.changed_at_ns, settings.revised_at_ns);
  }
  const std::string log = store::message_prefix(partition, channel);
  Result<void> decoded;
  JD_RETURN_IF_ERROR(reader.scan_backward(Table::main, log, store::after_prefix(log),
                                          [&](std::string_view key, std::string_view bytes) {
                                            const MessageSeq seq = store::seq_of_message_key(key);
                                            const auto head =
                                                store::decode_message(bytes, channel, seq);
                                            if (!head) {
                                              decoded = Error(head.error());
                                              return false;
                                            }
                                            if (!head->listed_for(uid_)) return true;
                                            shown.last_seq = raw(seq);
                                            shown.last_payload = head->payload.str();
                                            shown.changed_at_ns =
                                                std::max(shown.changed_at_ns, head->stored_at_ns());
                                            return false;
                                          }));
  JD_RETURN_IF_ERROR(decoded);
  return shown;
}

Result<SyncClient::Everything> SyncClient::load(const store::Reader& reader,
                                                std::uint16_t partitions) const {
  Everything all;
  for (std::uint16_t i = 0; i < partitions; ++i) {
    const auto partition = static_cast<PartitionId>(i);
    std::map<ChannelKey, std::string> rows;
    const std::string prefix = store::conversation_prefix(partition, uid_);
    JD_RETURN_IF_ERROR(reader.scan(Table::main, prefix, store::after_prefix(prefix),
                                   [&rows](std::string_view key, std::string_view value) {
                                     rows.emplace(store::channel_of_conversation_key(key), value);
                                     return true;
                                   }));
    for (const auto& [channel, row] : rows) {
      if (channel.id.ends_with(kCommandSuffix)) continue;
      JD_TRY(all.shown[channel], load_shown(reader, partition, channel, row));
    }
    const std::string tombstones = store::tombstone_prefix(partition, uid_);
    JD_RETURN_IF_ERROR(reader.scan(Table::main, tombstones, store::after_prefix(tombstones),
                                   [&all](std::string_view key, std::string_view value) {
                                     all.lost_at[store::channel_of_tombstone_key(key)] =
                                         store::decode_tombstone(value)->deleted_at_ns;
                                     return true;
                                   }));
    std::string mark;
    JD_TRY(const bool dropped,
           reader.get(Table::main, store::tombstones_dropped_key(partition), mark));
    if (!dropped) continue;
    JD_TRY(const store::TombstoneRecord record, store::decode_tombstone(mark));
    all.dropped_to = std::max(all.dropped_to, record.deleted_at_ns);
  }
  return all;
}

void SyncClient::take(const Everything& all, std::int64_t stable_ns) {
  // As an answer tells: begin anew.
  if (version_ < all.dropped_to) {
    version_ = 0;
    copy_.clear();
  }
  std::int64_t version = version_;
  for (const auto& [channel, at_ns] : all.lost_at) {
    if (at_ns <= version_) continue;
    copy_.erase(channel);
    version = std::max(version, std::min(at_ns, stable_ns));
  }
  for (const auto& [channel, shown] : all.shown) {
    if (shown.changed_at_ns <= version_) continue;
    copy_[channel] = shown;
    version = std::max(version, std::min(shown.changed_at_ns, stable_ns));
  }
  version_ = version;
}

Result<std::string> SyncClient::sync(const store::Reader& reader, std::int64_t stable_ns,
                                     std::uint16_t partitions) {
  JD_TRY(const Everything all, load(reader, partitions));
  take(all, stable_ns);
  auto cursors =
      store::PartitionReaders(reader, PartitionMap(partitions)).open_cursors(Table::main);
  const auto is_changing = [&](const ChannelKey& channel) -> Result<bool> {
    auto cursor = cursors.of(partition_for(channel.id, partitions));
    JD_TRY(const auto change, store::load_list_change(cursor, channel));
    return change.has_value();
  };
  for (const auto& [channel, shown] : all.shown) {
    const auto known = copy_.find(channel);
    // A head that is gone is no change that is told.
    const bool same_head = known != copy_.end() && known->second.last_seq == shown.last_seq &&
                           known->second.last_payload == shown.last_payload;
    const bool same = known != copy_.end() &&
                      (same_head || known->second.last_seq > shown.last_seq) &&
                      known->second.deleted_to == shown.deleted_to &&
                      known->second.manual_count == shown.manual_count;
    if (same) continue;
    JD_TRY(const bool changing, is_changing(channel));
    if (!changing) return channel.id;
  }
  for (const auto& [channel, known] : copy_) {
    if (all.shown.contains(channel)) continue;
    JD_TRY(const bool changing, is_changing(channel));
    if (!changing) return channel.id;
  }
  return std::string();
}

}  // namespace jindou::partition::simulation
