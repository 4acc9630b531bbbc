#include "store/list_change.h"

#include "base/bytes.h"
#include "base/varint.h"

namespace jindou::store {

namespace {

constexpr char kListChangeFormat = 1;

Error unreadable() { return Error(Errc::storage, "unreadable list change record"); }

struct Head {
  ListChange change;
  std::uint64_t parts = 0;
};

Result<Head> decode_head(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = reader.read_u8() == kListChangeFormat;
  Head head;
  const std::uint8_t kind = reader.read_u8();
  const std::uint8_t list = reader.read_u8();
  head.change.kind = static_cast<ListChange::Kind>(kind);
  head.change.list = static_cast<KeyKind>(list);
  head.change.read_to = reader.read_varint();
  head.change.command_read_to = reader.read_varint();
  head.parts = reader.read_varint();
  const bool possible = kind <= static_cast<std::uint8_t>(ListChange::Kind::dissolve) &&
                        list >= static_cast<std::uint8_t>(KeyKind::subscriber) &&
                        list <= static_cast<std::uint8_t>(KeyKind::allowlist);
  if (!known || !possible || !reader.ok() || !reader.at_end()) return unreadable();
  return head;
}

Result<void> append_part(std::string_view bytes, std::vector<std::string>& uids) {
  ByteReader reader(bytes);
  if (reader.read_u8() != kListChangeFormat) return unreadable();
  while (reader.ok() && !reader.at_end()) uids.emplace_back(reader.read_string());
  if (!reader.ok()) return unreadable();
  return {};
}

}  // namespace

std::string encode_list_change(const ListChange& change, std::uint32_t parts) {
  std::string out(1, kListChangeFormat);
  out.push_back(static_cast<char>(change.kind));
  out.push_back(static_cast<char>(change.list));
  append_varint(out, change.read_to);
  append_varint(out, change.command_read_to);
  append_varint(out, parts);
  return out;
}

void add_to_list_change_part(std::string& part, std::string_view uid) {
  if (part.empty()) part.push_back(kListChangeFormat);
  append_string(part, uid);
}

Result<std::optional<ListChange>> load_list_change(PartitionCursor& cursor,
                                                   const ChannelKey& channel) {
  const PartitionId partition = cursor.partition();
  std::string value;
  JD_TRY(const bool decided, cursor.get(list_change_key(partition, channel, 0), value));
  if (!decided) return std::optional<ListChange>();
  JD_TRY(Head head, decode_head(value));
  std::uint64_t parts = 0;
  const std::string upper = after_prefix(list_change_prefix(partition, channel));
  for (bool found = cursor.seek(list_change_key(partition, channel, 1));
       found && cursor.key() < upper; found = cursor.next()) {
    JD_RETURN_IF_ERROR(append_part(cursor.value(), head.change.uids));
    ++parts;
  }
  JD_RETURN_IF_ERROR(cursor.status());
  if (head.parts != parts) return unreadable();
  return std::optional<ListChange>(std::move(head.change));
}

Result<std::vector<std::pair<ChannelKey, std::optional<ListChange>>>> load_list_changes(
    const PartitionReader& reader) {
  auto cursor = reader.open_cursor(Table::main);
  const std::string prefix = list_change_prefix(reader.partition());
  const std::string upper = after_prefix(prefix);
  std::vector<ChannelKey> channels;
  for (bool found = cursor.seek(prefix); found && cursor.key() < upper; found = cursor.next()) {
    ChannelKey channel = channel_of_list_change_key(cursor.key());
    if (channels.empty() || channels.back() != channel) channels.push_back(std::move(channel));
  }
  JD_RETURN_IF_ERROR(cursor.status());
  std::vector<std::pair<ChannelKey, std::optional<ListChange>>> changes;
  for (ChannelKey& channel : channels) {
    JD_TRY(auto change, load_list_change(cursor, channel));
    changes.emplace_back(std::move(channel), std::move(change));
  }
  return changes;
}

}  // namespace jindou::store
