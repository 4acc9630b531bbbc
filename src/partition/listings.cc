#include "partition/listings.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.h"
#include "partition/channel_cache.h"
#include "store/keys.h"
#include "store/list_change.h"
#include "store/records.h"

namespace jindou::partition {

namespace {

using store::KeyKind;
using store::Table;

// ---- walks over names ---------------------------------------------------------------------------

// A name is how an id lies in keys (store/keys.h): the type of a channel, or nothing for a user,
// then the length of the id, then the id. Names are compared as bytes.
class NameFilter {
 public:
  // `typed`: they begin with a type; `type`: which one, empty: any.
  NameFilter(bool typed, std::optional<ChannelType> type, std::string prefix,
             bool (*hides)(std::string_view id))
      : typed_(typed), type_(type), prefix_(std::move(prefix)), hides_(hides) {}

  // The smallest name that may be wanted.
  std::string first() const { return named(type_ ? raw(*type_) : std::uint8_t{0}, prefix_.size()); }

  // The name that the rest of a key begins with; empty: it is malformed.
  std::string_view name_in(std::string_view rest) const {
    const std::size_t begin = lead() + sizeof(std::uint16_t);
    if (rest.size() < begin) return {};
    const std::size_t bytes = begin + read_be<std::uint16_t>(rest, lead());
    return rest.size() < bytes ? std::string_view() : rest.substr(0, bytes);
  }
  std::string_view id_of(std::string_view name) const {
    return name.substr(lead() + sizeof(std::uint16_t));
  }

  // True when the name is wanted; otherwise `next` is where the next one may be, empty: nowhere.
  bool wants(std::string_view name, std::string& next) const {
    next.clear();
    const std::uint8_t type = typed_ ? static_cast<std::uint8_t>(name[0]) : std::uint8_t{0};
    if (type_ && type != raw(*type_)) {
      if (type < raw(*type_)) next = first();
      return false;
    }
    const std::string_view id = id_of(name);
    const int order = id.substr(0, prefix_.size()).compare(prefix_);
    if (id.size() < prefix_.size()) {
      next = named(type, prefix_.size());
    } else if (order < 0) {
      next = named(type, id.size());
    } else if (order > 0) {
      // No id is so long that there is no longer one; should a key say so, the walk goes on.
      next = std::max(named(type, id.size() + 1), store::after_prefix(name));
    } else if (hides_ != nullptr && hides_(id)) {
      next = store::after_prefix(name);
    } else {
      return true;
    }
    return false;
  }

 private:
  std::size_t lead() const { return typed_ ? 1 : 0; }
  // The smallest one with an id of that length that begins with the prefix.
  std::string named(std::uint8_t type, std::size_t id_bytes) const {
    std::string name;
    if (typed_) name.push_back(static_cast<char>(type));
    append_be(name, static_cast<std::uint16_t>(std::min<std::size_t>(id_bytes, 0xffff)));
    return name + prefix_;
  }

  bool typed_;
  std::optional<ChannelType> type_;
  std::string prefix_;
  bool (*hides_)(std::string_view id);
};

// One run of keys that begin alike, the rest being a name and whatever follows it.
struct NameSource {
  PartitionId partition{};
  std::string head;
  // The smallest name that it may still have; `found`: it has this one.
  std::string at = {};
  bool found = false;
};

// The names of all sources in ascending order, each once. Looks at one row of each source and at
// one for each name and source besides, at most `steps_max` in all.
class NameWalk {
 public:
  // Borrows `cursors`.
  NameWalk(store::PartitionCursors& cursors, std::vector<NameSource> sources, NameFilter filter,
           const std::string& from, std::size_t steps_max)
      : cursors_(cursors),
        sources_(std::move(sources)),
        filter_(std::move(filter)),
        // So that each source is looked at and there is something to go on from.
        steps_left_(std::max(steps_max, 2 * sources_.size() + 1)) {
    const std::string begin = std::max(from, filter_.first());
    for (NameSource& source : sources_) source.at = begin;
  }

  // Empty at the end, and when the steps are used up. Errors: storage.
  Result<std::optional<std::string>> next() {
    using Found = std::optional<std::string>;
    while (!sources_.empty()) {
      std::pop_heap(sources_.begin(), sources_.end(), comes_later);
      NameSource& source = sources_.back();
      if (source.found) {
        std::string name = std::move(source.at);
        source.at = store::after_prefix(name);
        source.found = false;
        put_back();
        if (name == last_) continue;
        last_ = name;
        return Found(std::move(name));
      }
      if (steps_left_ == 0) {
        place_ = source.at;
        put_back();
        return Found();
      }
      --steps_left_;
      JD_RETURN_IF_ERROR(look(source));
      put_back();
    }
    place_.clear();
    return Found();
  }
  // When next() was empty: the name that the next walk is to begin with; empty: this was the end.
  const std::string& place() const { return place_; }

 private:
  // The smallest name first; of equal ones first those that have still to be looked for.
  static bool comes_later(const NameSource& a, const NameSource& b) {
    if (const int order = a.at.compare(b.at); order != 0) return order > 0;
    return a.found && !b.found;
  }
  void put_back() {
    if (sources_.back().at.empty()) {
      sources_.pop_back();
    } else {
      std::push_heap(sources_.begin(), sources_.end(), comes_later);
    }
  }
  // Moves to the next row at or behind `at`.
  Result<void> look(NameSource& source) {
    store::PartitionCursor cursor = cursors_.of(source.partition);
    const bool there = cursor.seek(source.head + source.at);
    JD_RETURN_IF_ERROR(cursor.status());
    if (!there || !cursor.key().starts_with(source.head)) {
      source.at.clear();
      return {};
    }
    const std::string_view name = filter_.name_in(cursor.key().substr(source.head.size()));
    if (name.empty()) return Error(Errc::storage, "a key of the store is malformed");
    std::string next;
    source.found = filter_.wants(name, next);
    if (source.found) next = name;
    source.at = std::move(next);
    return {};
  }

  store::PartitionCursors& cursors_;
  std::vector<NameSource> sources_;  // a heap
  NameFilter filter_;
  std::size_t steps_left_;
  std::string last_;
  std::string place_;
};

bool is_command_log(std::string_view id) { return id.ends_with(kCommandSuffix); }
bool is_pair(std::string_view id) { return id.find('@') != std::string_view::npos; }

std::string head_of(PartitionId partition, KeyKind kind) {
  std::string head;
  append_be(head, raw(partition));
  head.push_back(static_cast<char>(kind));
  return head;
}

// Flags and lists of users' own.
std::string inbox_head(PartitionId partition) {
  std::string head = head_of(partition, KeyKind::channel);
  head.push_back(static_cast<char>(raw(ChannelType::person)));
  return head;
}

// The names of a page, one more than it may have so that it is known whether there are more.
Result<ListingPage<std::string>> take_names(NameWalk& walk, std::size_t limit) {
  ListingPage<std::string> page;
  for (;;) {
    JD_TRY(auto name, walk.next());
    if (!name) {
      page.next = walk.place();
      return page;
    }
    if (page.entries.size() == limit) {
      page.next = std::move(*name);
      return page;
    }
    page.entries.push_back(std::move(*name));
  }
}

}  // namespace

Listings::Listings(const store::PartitionReaders& readers, std::size_t steps_max)
    : readers_(readers), steps_max_(steps_max) {}

// ---- channels -----------------------------------------------------------------------------------

Result<ListedChannel> Listings::read_channel(store::PartitionCursors& cursors,
                                             ChannelKey channel) const {
  const PartitionId partition = readers_.map().of_channel(channel);
  const store::PartitionCursor cursor = cursors.of(partition);
  std::string value;
  JD_TRY(const bool recorded, cursor.get(store::channel_key(partition, channel), value));
  ListedChannel listed;
  listed.channel = std::move(channel);
  if (!recorded) return listed;
  JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
  listed.flags = record.flags;
  listed.created_at = record.created_at;
  return listed;
}

Result<ListingPage<ListedChannel>> Listings::load_channels(const ListingQuery& query,
                                                           std::optional<ChannelType> type) const {
  store::PartitionCursors cursors = readers_.open_cursors(Table::main);
  std::vector<NameSource> sources;
  for (const PartitionId partition : readers_.map().ids()) {
    for (const KeyKind kind : {KeyKind::channel, KeyKind::message}) {
      sources.push_back({.partition = partition, .head = head_of(partition, kind)});
    }
  }
  const NameFilter filter(true, type, query.prefix, is_command_log);
  NameWalk walk(cursors, std::move(sources), filter, query.from, steps_max_);
  JD_TRY(auto names, take_names(walk, query.limit));
  ListingPage<ListedChannel> page;
  page.next = std::move(names.next);
  for (const std::string& name : names.entries) {
    ChannelKey channel(std::string(filter.id_of(name)), static_cast<ChannelType>(name[0]));
    JD_TRY(ListedChannel listed, read_channel(cursors, std::move(channel)));
    page.entries.push_back(std::move(listed));
  }
  return page;
}

Result<std::optional<ListedChannel>> Listings::load_channel(const ChannelKey& channel) const {
  using Found = std::optional<ListedChannel>;
  const PartitionId partition = readers_.map().of_channel(channel);
  store::PartitionCursors cursors = readers_.open_cursors(Table::main);
  store::PartitionCursor cursor = cursors.of(partition);
  std::string value;
  JD_TRY(bool there, cursor.get(store::channel_key(partition, channel), value));
  if (!there) {
    const std::string messages = store::message_prefix(partition, channel);
    there = cursor.seek(messages) && cursor.key().starts_with(messages);
    JD_RETURN_IF_ERROR(cursor.status());
  }
  if (!there) return Found();
  JD_TRY(ListedChannel listed, read_channel(cursors, channel));
  return Found(std::move(listed));
}

// ---- users --------------------------------------------------------------------------------------

Result<ListedUser> Listings::read_user(store::PartitionCursors& cursors, std::string uid) const {
  const PartitionId partition = readers_.map().of_user(uid);
  ListedUser user;
  store::PartitionCursor cursor = cursors.of(partition);
  const std::string prefix = store::device_token_prefix(partition, uid);
  bool there = cursor.seek(prefix);
  for (; there && cursor.key().starts_with(prefix); there = cursor.next()) {
    JD_TRY(const store::TokenRecord record, store::decode_token(cursor.value()));
    StoredDevice& device = user.devices.emplace_back();
    device.flag = static_cast<DeviceFlag>(cursor.key().back());
    device.level = record.level;
    device.token_set = !record.token.empty();
  }
  JD_RETURN_IF_ERROR(cursor.status());
  JD_TRY(const ListedChannel inbox, read_channel(cursors, ChannelKey(uid, ChannelType::person)));
  user.banned = inbox.flags.ban || inbox.flags.disband;
  const PartitionId accounts = readers_.of_system_accounts().partition();
  std::string ignored;
  JD_TRY(user.system_account,
         cursors.of(accounts).get(store::system_account_key(accounts, uid), ignored));
  user.uid = std::move(uid);
  return user;
}

Result<ListingPage<ListedUser>> Listings::load_users(const ListingQuery& query) const {
  store::PartitionCursors cursors = readers_.open_cursors(Table::main);
  std::vector<NameSource> sources;
  for (const PartitionId partition : readers_.map().ids()) {
    for (const KeyKind kind : {KeyKind::device_token, KeyKind::conversation}) {
      sources.push_back({.partition = partition, .head = head_of(partition, kind)});
    }
    sources.push_back({.partition = partition, .head = inbox_head(partition)});
  }
  const NameFilter filter(false, std::nullopt, query.prefix, is_pair);
  NameWalk walk(cursors, std::move(sources), filter, query.from, steps_max_);
  JD_TRY(auto names, take_names(walk, query.limit));
  ListingPage<ListedUser> page;
  page.next = std::move(names.next);
  for (const std::string& name : names.entries) {
    JD_TRY(ListedUser user, read_user(cursors, std::string(filter.id_of(name))));
    page.entries.push_back(std::move(user));
  }
  return page;
}

Result<std::optional<ListedUser>> Listings::load_user(std::string_view uid) const {
  using Found = std::optional<ListedUser>;
  store::PartitionCursors cursors = readers_.open_cursors(Table::main);
  JD_TRY(ListedUser user, read_user(cursors, std::string(uid)));
  if (!user.devices.empty()) return Found(std::move(user));
  std::string value;
  const PartitionId own = readers_.map().of_user(uid);
  const ChannelKey inbox(std::string(uid), ChannelType::person);
  JD_TRY(bool there, cursors.of(own).get(store::channel_key(own, inbox), value));
  for (const PartitionId partition : readers_.map().ids()) {
    if (there) break;
    store::PartitionCursor cursor = cursors.of(partition);
    const std::string prefix = store::conversation_prefix(partition, uid);
    there = cursor.seek(prefix) && cursor.key().starts_with(prefix);
    JD_RETURN_IF_ERROR(cursor.status());
  }
  return there ? Found(std::move(user)) : Found();
}

// ---- members ------------------------------------------------------------------------------------

namespace {

// Of the users of a change those that a page of the list may show, sorted.
std::vector<std::string> changed_from(const store::ListChange& change, std::string_view from,
                                      std::string_view prefix) {
  std::vector<std::string> uids;
  for (const std::string& uid : change.uids) {
    if (uid >= from && uid.starts_with(prefix)) uids.push_back(uid);
  }
  std::sort(uids.begin(), uids.end());
  return uids;
}

}  // namespace

Result<ListingPage<std::string>> Listings::load_members(const ChannelKey& channel, MemberList list,
                                                        const ListingQuery& query) const {
  const store::PartitionReader reader = readers_.of_channel(channel);
  const KeyKind kind = key_kind(list);
  // A long change may be under way: its rows as they are at the moment of its record.
  store::PartitionCursor cursor = reader.open_cursor(Table::main);
  JD_TRY(const auto change, store::load_list_change(cursor, channel));
  const bool changes = change && change->concerns(kind);
  const std::string from = std::max(query.from, query.prefix);
  std::vector<std::string> changed;
  if (changes) changed = changed_from(*change, from, query.prefix);
  const bool removes = changes && change->kind == store::ListChange::Kind::remove;
  ListingPage<std::string> page;
  const std::size_t wanted = query.limit + 1;  // one more tells whether there are more
  if (!changes || !change->is_whole()) {
    const std::string begin = store::member_prefix(reader.partition(), kind, channel);
    const std::string all = begin + query.prefix;
    bool there = cursor.seek(begin + from);
    for (; there && cursor.key().starts_with(all) && page.entries.size() < wanted;
         there = cursor.next()) {
      std::string uid(cursor.key().substr(begin.size()));
      if (removes && std::binary_search(changed.begin(), changed.end(), uid)) continue;
      page.entries.push_back(std::move(uid));
    }
    JD_RETURN_IF_ERROR(cursor.status());
  }
  if (changes && !removes) {
    std::vector<std::string> both;
    std::set_union(page.entries.begin(), page.entries.end(), changed.begin(), changed.end(),
                   std::back_inserter(both));
    page.entries = std::move(both);
  }
  if (page.entries.size() > query.limit) {
    page.next = std::move(page.entries[query.limit]);
    page.entries.resize(query.limit);
  }
  return page;
}

}  // namespace jindou::partition
