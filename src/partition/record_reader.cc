#include "partition/record_reader.h"

#include <algorithm>
#include <utility>

#include "partition/addressing.h"
#include "partition/channel_cache.h"
#include "partition/inbox_directory.h"
#include "store/keys.h"
#include "store/list_change.h"
#include "store/records.h"

namespace jindou::partition {

namespace {

using store::Table;

// What a list is when the change under way is done.
void apply_to(UidSet& uids, const store::ListChange& change) {
  if (change.is_whole()) uids.clear();
  for (const auto& uid : change.uids) {
    if (change.kind == store::ListChange::Kind::remove) {
      uids.erase(uid);
    } else {
      uids.insert(uid);
    }
  }
}

}  // namespace

Result<std::vector<std::string>> RecordReader::load_members(const ChannelKey& channel,
                                                            MemberList list) const {
  const store::PartitionReader reader = readers_.of_channel(channel);
  // A long change may be under way: its rows as they are at the moment of its record.
  auto cursor = reader.open_cursor(Table::main);
  JD_TRY(const auto change, store::load_list_change(cursor, channel));
  const std::string prefix = store::member_prefix(reader.partition(), key_kind(list), channel);
  const std::string upper = store::after_prefix(prefix);
  UidSet uids;
  for (bool found = cursor.seek(prefix); found && cursor.key() < upper; found = cursor.next()) {
    uids.emplace(cursor.key().substr(prefix.size()));
  }
  JD_RETURN_IF_ERROR(cursor.status());
  if (change && change->concerns(key_kind(list))) apply_to(uids, *change);
  std::vector<std::string> sorted(uids.begin(), uids.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

Result<bool> RecordReader::has_member(const ChannelKey& channel, MemberList list,
                                      std::string_view uid) const {
  const store::PartitionReader reader = readers_.of_channel(channel);
  const std::string row = store::member_key(reader.partition(), key_kind(list), channel, uid);
  std::string value;
  JD_TRY(const bool changing,
         reader.get(Table::main, store::list_change_key(reader.partition(), channel, 0), value));
  if (!changing) return reader.get(Table::main, row, value);
  auto cursor = reader.open_cursor(Table::main);
  JD_TRY(const auto change, store::load_list_change(cursor, channel));
  JD_TRY(const bool has_row, cursor.get(row, value));
  if (!change || !change->concerns(key_kind(list))) return has_row;
  UidSet uids;
  if (has_row) uids.emplace(uid);
  apply_to(uids, *change);
  return uids.contains(uid);
}

Result<RetentionLimits> RecordReader::load_retention(const ChannelKey& channel) const {
  RetentionLimits limits;
  std::string value;
  const store::PartitionReader reader = readers_.of_channel(channel);
  JD_TRY(const bool exists,
         reader.get(Table::main, store::channel_key(reader.partition(), channel), value));
  if (!exists) return limits;
  JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
  limits.max_age_seconds = record.retention_seconds;
  limits.max_count = record.retention_count;
  return limits;
}

Result<std::vector<std::string>> RecordReader::load_system_accounts(std::size_t most) const {
  const store::PartitionReader reader = readers_.of_system_accounts();
  const std::string prefix = store::system_account_prefix(reader.partition());
  std::vector<std::string> sorted;  // as the keys lie
  JD_RETURN_IF_ERROR(reader.scan(Table::main, prefix, store::after_prefix(prefix),
                                 [&](std::string_view key, std::string_view) {
                                   if (sorted.size() >= most) return false;
                                   sorted.emplace_back(key.substr(prefix.size()));
                                   return true;
                                 }));
  return sorted;
}

Result<std::vector<CommandPosition>> RecordReader::load_command_sync(std::string_view uid) const {
  std::vector<CommandPosition> positions;
  std::string value;
  const store::PartitionReader reader = readers_.of_user(uid);
  JD_TRY(const bool known,
         reader.get(Table::main, store::command_sync_key(reader.partition(), uid), value));
  if (!known) return positions;
  JD_TRY(store::CommandSyncRecord record, store::decode_command_sync(value));
  for (auto& position : record.positions) {
    positions.push_back(CommandPosition{std::move(position.channel), position.seq});
  }
  return positions;
}

Result<std::optional<ChannelFlags>> RecordReader::load_flags(const ChannelKey& channel) const {
  using Found = std::optional<ChannelFlags>;
  std::string value;
  const store::PartitionReader reader = readers_.of_channel(channel);
  JD_TRY(const bool exists,
         reader.get(Table::main, store::channel_key(reader.partition(), channel), value));
  if (!exists) return Found();
  JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
  return Found(record.flags);
}

Result<std::optional<DeviceToken>> RecordReader::load_token(std::string_view uid,
                                                            DeviceFlag flag) const {
  using Found = std::optional<DeviceToken>;
  std::string value;
  const store::PartitionReader reader = readers_.of_user(uid);
  JD_TRY(const bool exists,
         reader.get(Table::main, store::device_token_key(reader.partition(), uid, flag), value));
  if (!exists) return Found();
  JD_TRY(store::TokenRecord record, store::decode_token(value));
  DeviceToken token;
  token.token = std::move(record.token);
  token.level = record.level;
  return Found(std::move(token));
}

Result<std::optional<store::RequestRecord>> RecordReader::load_request(std::string_view key) const {
  using Found = std::optional<store::RequestRecord>;
  std::string value;
  const store::PartitionReader reader = readers_.of_request(key);
  JD_TRY(const bool exists,
         reader.get(Table::main, store::request_key(reader.partition(), key), value));
  if (!exists) return Found();
  JD_TRY(store::RequestRecord record, store::decode_request(value));
  return Found(std::move(record));
}

Result<std::optional<TemplateVersion>> RecordReader::load_template_version(
    std::string_view name, std::uint64_t version) const {
  using Found = std::optional<TemplateVersion>;
  const store::PartitionReader reader = readers_.of_template(name);
  // As it was at one moment: the newest version may be deleted meanwhile.
  const store::PartitionCursor cursor = reader.open_cursor(Table::main);
  std::string value;
  JD_TRY(const bool exists, cursor.get(store::template_key(reader.partition(), name), value));
  if (!exists) return Found();
  JD_TRY(store::TemplateRecord record, store::decode_template(value));
  TemplateVersion found;
  found.version = version;
  if (version == 0 && !record.versions.empty()) found.version = record.versions.back();
  JD_TRY(const bool there,
         cursor.get(store::template_version_key(reader.partition(), name, found.version), value));
  if (!there) return Found();
  JD_TRY(store::TemplateVersionRecord stored, store::decode_template_version(value));
  found.created_at = stored.created_at;
  found.payload = std::move(stored.payload);
  found.versions = std::move(record.versions);
  return Found(std::move(found));
}

Result<std::uint64_t> RecordReader::load_next_template_version(std::string_view name) const {
  const store::PartitionReader reader = readers_.of_template(name);
  const store::PartitionCursor cursor = reader.open_cursor(Table::main);
  std::string value;
  JD_TRY(const bool exists, cursor.get(store::template_key(reader.partition(), name), value));
  if (exists) {
    JD_TRY(const store::TemplateRecord record, store::decode_template(value));
    return record.last_version + 1;
  }
  JD_TRY(const bool has_floor, cursor.get(store::template_floor_key(reader.partition()), value));
  if (!has_floor) return std::uint64_t{1};
  JD_TRY(const store::TemplateFloorRecord floor, store::decode_template_floor(value));
  return floor.version + 1;
}

Result<std::vector<TemplateInfo>> RecordReader::load_templates(std::string_view after,
                                                               std::size_t count) const {
  std::vector<TemplateInfo> found;
  const auto keep_first = [&found, count] {
    std::sort(found.begin(), found.end(),
              [](const TemplateInfo& a, const TemplateInfo& b) { return a.name < b.name; });
    if (found.size() > count) found.resize(count);
  };
  for (const PartitionId partition : readers_.map().ids()) {
    store::PartitionCursor cursor = readers_.of(partition).open_cursor(Table::main);
    const std::string prefix = store::template_prefix(partition);
    // Behind the key of that name, which is the smallest that begins with it.
    const std::string from = after.empty() ? prefix : store::template_key(partition, after) + '\0';
    std::size_t taken = 0;
    for (bool there = cursor.seek(from); there && taken < count && cursor.key().starts_with(prefix);
         there = cursor.next()) {
      JD_TRY(store::TemplateRecord record, store::decode_template(cursor.value()));
      TemplateInfo& info = found.emplace_back();
      info.name = store::name_of_template_key(cursor.key());
      info.versions = std::move(record.versions);
      ++taken;
    }
    JD_RETURN_IF_ERROR(cursor.status());
    if (found.size() >= 2 * count) keep_first();
  }
  keep_first();
  return found;
}

Result<LogChanges> RecordReader::load_changes(const ChannelKey& log, std::uint64_t after,
                                              std::size_t count) const {
  const store::PartitionReader reader = readers_.of_channel(log);
  const PartitionId partition = reader.partition();
  store::PartitionCursor cursor = reader.open_cursor(Table::main);
  LogChanges page;
  std::string value;
  JD_TRY(const bool exists, cursor.get(store::channel_key(partition, log), value));
  if (exists) {
    JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
    page.last = record.changes_to;
    page.complete = after >= record.changes_dropped_to;
  }
  // Of a number that was never given: it is from before data was lost.
  page.complete = page.complete && after <= page.last;
  if (!page.complete || after == page.last) return page;
  const std::string prefix = store::log_change_prefix(partition, log);
  bool found = cursor.seek(store::log_change_key(partition, log, after + 1));
  for (; found && cursor.key().starts_with(prefix); found = cursor.next()) {
    const std::uint64_t number = store::number_of_log_change_key(cursor.key());
    if (number > page.last || page.changes.size() == count) break;
    JD_TRY(const store::LogChangeRecord change, store::decode_log_change(cursor.value()));
    page.changes.push_back({number, change.kind, change.seq, change.timestamp});
  }
  JD_RETURN_IF_ERROR(cursor.status());
  page.more = (page.changes.empty() ? after : page.changes.back().number) < page.last;
  return page;
}

}  // namespace jindou::partition
