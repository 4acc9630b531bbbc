#include "api/cluster_routes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/connection_routes.h"
#include "api/core_calls.h"
#include "api/created_offsets.h"
#include "api/listing_pages.h"
#include "api/loaded_answers.h"
#include "api/message_views.h"
#include "api/query_number.h"
#include "api/stored_details.h"
#include "api/text_formats.h"
#include "api/whole_lists.h"
#include "codec/json_writer.h"
#include "conversation/conversation_reader.h"
#include "model/id_rules.h"
#include "partition/listings.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using partition::ListedChannel;
using partition::ListedUser;
using partition::ListingPage;
using partition::MemberList;

constexpr PageLimits kClusterLimits{20, 1000};
// What one page of devices looks at, for an entry whose created_at goes on: pages of users, of whom
// none has a device, and users on them.
constexpr int kDevicePagesMax = 50;
constexpr std::size_t kDeviceUsersMax = 1000;
// Of what is not on a page and was never created: 0 would be the beginning of a list.
constexpr std::int64_t kNoCreationTime = 1;
constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::string_view kClusterChannelsPath = "/cluster/channels/";

// Where a page begins by offset_created_at and pre (created_offsets.h).
struct CreatedPlace {
  bool beyond = false;      // the page that was shown is the last, or the first: nothing comes
  std::int64_t before = 0;  // CreatedOffsets::Page::before of the page
};

// Has `page` begin where the request says. Errors: invalid.
Result<CreatedPlace> read_created_place(const Services& services, const Request& request,
                                        PageRequest& page) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  const auto given = query_number(request, "offset_created_at", kMost);
  if (!given) {
    return Error(Errc::invalid, "offset_created_at must be the created_at of an entry");
  }
  const auto offset = static_cast<std::int64_t>(*given);
  const bool back = request.query_value("pre") == "1";
  const bool by_cursor = !page.query().from.empty();
  CreatedPlace place;
  if (offset == 0) {
    if (back) {
      return Error(Errc::invalid,
                   "pre=1 wants offset_created_at, the created_at of the first entry of the page "
                   "behind the one that is asked for");
    }
    if (by_cursor) place.before = CreatedOffsets::kUnknown;
    return place;
  }
  if (by_cursor) {
    return Error(Errc::invalid,
                 "cursor and offset_created_at both say where the page begins: leave one out");
  }
  std::optional<CreatedOffsets::Page> found = services.created_offsets.find(page.name(), offset);
  if (found && !back) {
    place.before = offset;
    place.beyond = found->next.empty();
    if (!place.beyond) page.begin_at(std::move(found->next));
    return place;
  }
  if (found && found->before == 0) {
    place.beyond = true;
    return place;
  }
  if (found) found = services.created_offsets.find(page.name(), found->before);
  if (!found) {
    return Error(Errc::invalid,
                 "offset_created_at is of no page of this list that was answered lately: begin "
                 "anew without it, or go on by cursor, the next_cursor of the page before");
  }
  place.before = found->before;
  page.begin_at(std::move(found->begin));
  return place;
}

// What created_at of the entries of a page is to have below the second.
std::int64_t remember_page(Services& services, const PageRequest& page, const CreatedPlace& place,
                           const std::string& next) {
  return services.created_offsets.remember({page.name(), page.query().from, next, place.before});
}

void write_cluster_end(JsonWriter& json, const PageRequest& page, const std::string& next,
                       std::size_t count) {
  json.number("total", count);
  json.flag("more", !next.empty());
  page.write_end(json, next);
}

// ---- nodes --------------------------------------------------------------------------------------

Task<void> get_cluster_nodes(Services& services, Request&, Response& response) {
  const std::uint16_t partitions = services.options.partitions;
  const std::int64_t up_ms = services.deps.clock.wall_ms() - services.process.started_at_ms();
  JsonWriter json(response.body);
  json.begin_object();
  json.number("total", 1);
  json.begin_array("data");
  json.begin_object();
  json.number("id", services.options.node_id);
  json.number("is_leader", 1);
  json.number("role", 0);
  json.string("cluster_addr", "");
  json.string("api_server_addr", services.options.api_url);
  json.number("online", 1);
  json.number("allow_vote", 1);
  json.number("slot_count", partitions);
  json.number("slot_leader_count", partitions);
  json.string("uptime", uptime_text(std::chrono::milliseconds(up_ms)));
  json.string("app_version", services.options.version);
  json.end_object();
  json.end_array();
  json.end_object();
  co_return;
}

// ---- users and devices --------------------------------------------------------------------------

// The user called `uid`, or a page of all; of the devices those with `flag`, or all.
struct ClusterUsersRequest : PageRequest {
  std::string uid;
  std::optional<std::uint8_t> flag;
  CreatedPlace place;
};

// `devices`: they are what is listed. Errors: invalid.
Result<ClusterUsersRequest> read_cluster_users(const Services& services, const Request& request,
                                               bool devices) {
  const auto flag = query_number(request, "device_flag", 255);
  if (devices && !flag) {
    return Error(Errc::invalid, "device_flag must be a number from 0 to 255");
  }
  JD_TRY(PageRequest page, PageRequest::read(request, "cluster/users", kClusterLimits, {}));
  ClusterUsersRequest users{std::move(page), request.query_value("uid"), std::nullopt, {}};
  if (users.uid.empty()) {
    JD_TRY(users.place, read_created_place(services, request, users));
  }
  if (devices && !request.query_value("device_flag").empty()) {
    users.flag = static_cast<std::uint8_t>(*flag);
  }
  return users;
}

// Blocks. Errors: storage.
Result<ListingPage<ListedUser>> load_cluster_users(const ApiDeps& deps,
                                                   const ClusterUsersRequest& wanted) {
  ListingPage<ListedUser> page;
  if (wanted.place.beyond) return page;
  if (wanted.uid.empty()) return load_user_page(deps, wanted);
  JD_TRY(auto user, listings_of(deps).load_user(wanted.uid));
  if (user) page.entries.push_back(std::move(*user));
  return page;
}

// `only`: this device flag; empty: all.
bool is_listed(const partition::StoredDevice& device, std::optional<std::uint8_t> only) {
  return !only || raw(device.flag) == *only;
}

// The same, up to the first users of whom a device is listed, or as far as one page looks. Blocks.
// Errors: storage.
Result<ListingPage<ListedUser>> load_cluster_devices(const ApiDeps& deps,
                                                     const ClusterUsersRequest& wanted) {
  const auto has_device = [&wanted](const ListedUser& user) {
    return std::ranges::any_of(user.devices, [&wanted](const partition::StoredDevice& device) {
      return is_listed(device, wanted.flag);
    });
  };
  ClusterUsersRequest asked = wanted;
  std::size_t looked_at = 0;
  for (int pages = 1;; ++pages) {
    JD_TRY(ListingPage<ListedUser> page, load_cluster_users(deps, asked));
    if (page.next.empty() || pages == kDevicePagesMax) return page;
    looked_at += page.entries.size();
    if (looked_at + asked.query().limit > kDeviceUsersMax) return page;
    if (std::ranges::any_of(page.entries, has_device)) return page;
    asked.begin_at(std::move(page.next));
  }
}

std::size_t sessions_of(const Services& services, std::string_view uid) {
  return services.deps.sessions_of_user ? services.deps.sessions_of_user(uid).size() : 0;
}

// Of the users on a page, and of their devices.
std::int64_t created_at_on(Services& services, const ClusterUsersRequest& page,
                           const ListingPage<ListedUser>& found) {
  if (!page.uid.empty()) return kNoCreationTime;
  return remember_page(services, page, page.place, found.next);
}

void write_cluster_user(JsonWriter& json, const Services& services, const ListedUser& user,
                        std::int64_t created_at) {
  json.string("uid", user.uid);
  json.number("device_count", user.devices.size());
  json.number("online_device_count", online_flags(services, user.uid).size());
  json.number("conn_count", sessions_of(services, user.uid));
  json.number("slot", raw(services.deps.records.readers().map().of_user(user.uid)));
  json.number("created_at", created_at);
}

std::string cluster_flag_text(DeviceFlag flag) {
  switch (flag) {
    case DeviceFlag::app: return "APP";
    case DeviceFlag::web: return "WEB";
    case DeviceFlag::desktop: return "PC";
    default: return std::to_string(raw(flag));
  }
}

// `only`: as above. Returns how many there are.
std::size_t write_cluster_devices(JsonWriter& json, const ListedUser& user,
                                  std::optional<std::uint8_t> only, std::int64_t created_at) {
  std::size_t count = 0;
  for (const partition::StoredDevice& device : user.devices) {
    if (!is_listed(device, only)) continue;
    const bool master = device.level == DeviceLevel::master;
    json.begin_object();
    json.string("uid", user.uid);
    json.string("token", "");
    json.flag("token_set", device.token_set);
    json.number("device_flag", raw(device.flag));
    json.string("device_flag_format", cluster_flag_text(device.flag));
    json.number("device_level", raw(device.level));
    json.string("device_level_format", master ? "master" : "slave");
    json.number("created_at", created_at);
    json.end_object();
    ++count;
  }
  return count;
}

Task<void> get_cluster_users(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  auto wanted = read_cluster_users(services, request, false);
  const auto write = [&services](JsonWriter& json, const ClusterUsersRequest& page,
                                 const ListingPage<ListedUser>& found) {
    const std::int64_t created_at = created_at_on(services, page, found);
    json.objects("data", found.entries,
                 [&services, created_at](JsonWriter& out, const ListedUser& user) {
                   write_cluster_user(out, services, user, created_at);
                 });
    write_cluster_end(json, page, found.next, found.entries.size());
  };
  co_await answer_loaded(services, response, std::move(wanted), load_cluster_users, write);
}

Task<void> get_cluster_devices(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  auto wanted = read_cluster_users(services, request, true);
  const auto write = [&services](JsonWriter& json, const ClusterUsersRequest& page,
                                 const ListingPage<ListedUser>& found) {
    const std::int64_t created_at = created_at_on(services, page, found);
    std::size_t count = 0;
    json.begin_array("data");
    for (const ListedUser& user : found.entries) {
      count += write_cluster_devices(json, user, page.flag, created_at);
    }
    json.end_array();
    write_cluster_end(json, page, found.next, count);
  };
  co_await answer_loaded(services, response, std::move(wanted), load_cluster_devices, write);
}

// ---- channels -----------------------------------------------------------------------------------

struct ClusterChannel {
  ListedChannel listed;
  MessageSeq last_seq{};
};

// The channel called `channel`, or a page of all.
struct ClusterChannelsRequest : ChannelPageRequest {
  std::optional<ChannelKey> channel;
  CreatedPlace place;
};

// Errors: invalid.
Result<ClusterChannelsRequest> read_cluster_channels(const Services& services,
                                                     const Request& request) {
  std::string given_type = request.query_value("channel_type");
  if (given_type == "0") given_type.clear();
  JD_TRY(const ChannelType type, read_query_type(given_type));
  std::optional<ChannelKey> channel;
  if (const std::string id = request.query_value("channel_id"); !id.empty()) {
    JD_TRY(channel, stored_channel(id, type));
  }
  JD_TRY(ChannelPageRequest page,
         read_channel_page(request, "cluster/channels/", given_type, kClusterLimits, {}));
  ClusterChannelsRequest channels{std::move(page), std::move(channel), {}};
  if (!channels.channel) {
    JD_TRY(channels.place, read_created_place(services, request, channels));
  }
  return channels;
}

// Blocks. Errors: storage.
Result<ListingPage<ClusterChannel>> load_cluster_channels(const ApiDeps& deps,
                                                          const ClusterChannelsRequest& wanted) {
  if (wanted.place.beyond) return ListingPage<ClusterChannel>();
  ListingPage<ListedChannel> listed;
  if (wanted.channel) {
    JD_TRY(const ChannelKey channel, load_settled_channel(deps.history, *wanted.channel));
    JD_TRY(auto found, listings_of(deps).load_channel(channel));
    if (found) listed.entries.push_back(std::move(*found));
  } else {
    JD_TRY(listed, load_channel_page(deps, wanted));
  }
  ListingPage<ClusterChannel> page;
  page.next = std::move(listed.next);
  for (ListedChannel& entry : listed.entries) {
    JD_TRY(const MessageSeq last, deps.history.load_last_seq(entry.channel));
    page.entries.push_back({std::move(entry), last});
  }
  return page;
}

std::string_view channel_status(const ChannelFlags& flags) {
  if (flags.ban) return "banned";
  return flags.disband ? "disbanded" : "normal";
}

// `below_second`: of its page; 0: it is on none.
void write_cluster_channel(JsonWriter& json, const Services& services,
                           const ClusterChannel& channel, std::int64_t below_second) {
  const ListedChannel& listed = channel.listed;
  json.number("slot", raw(services.deps.records.readers().map().of_channel(listed.channel)));
  json.string("channel_id", listed.channel.id);
  json.number("channel_type", raw(listed.channel.type));
  json.flag("ban", listed.flags.ban);
  json.flag("disband", listed.flags.disband);
  json.number("last_msg_seq", raw(channel.last_seq));
  json.string("status_format", channel_status(listed.flags));
  json.number("created_at",
              std::max(listed.created_at * kNanoseconds + below_second, kNoCreationTime));
  json.string("created_at_format",
              listed.created_at == 0 ? "" : rfc3339(listed.created_at * 1'000));
}

Task<void> get_cluster_channels(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  auto wanted = read_cluster_channels(services, request);
  const auto write = [&services](JsonWriter& json, const ClusterChannelsRequest& page,
                                 const ListingPage<ClusterChannel>& found) {
    const std::int64_t below_second =
        page.channel ? 0 : remember_page(services, page, page.place, found.next);
    json.objects("data", found.entries,
                 [&services, below_second](JsonWriter& out, const ClusterChannel& one) {
                   write_cluster_channel(out, services, one, below_second);
                 });
    json.number("running", 0);
    write_cluster_end(json, page, found.next, found.entries.size());
  };
  co_await answer_loaded(services, response, std::move(wanted), load_cluster_channels, write);
}

// The channel of "/cluster/channels/{channel_id}/{channel_type}". Errors: invalid.
Result<ChannelKey> channel_in_cluster_path(const Request& request) {
  JD_TRY(const ChannelType type,
         read_query_type(second_path_parameter(request, kClusterChannelsPath)));
  return stored_channel(decode_path_part(path_parameter(request, kClusterChannelsPath)), type);
}

template <MemberList kList>
Task<void> get_cluster_members(Services& services, Request& request, Response& response) {
  const auto named = channel_in_cluster_path(request);
  if (!named) {
    answer_error(response, named.error());
    co_return;
  }
  const auto settled = co_await settle_channel(services, *named);
  if (!settled) {
    answer_error(response, settled.error());
    co_return;
  }
  const auto list = co_await members_or_answer(services, response, *settled, kList);
  if (!list) co_return;
  JsonWriter json(response.body);
  json.begin_array();
  for (const std::string& uid : list->uids) json.string(uid);
  json.end_array();
}

// ---- messages and conversations -----------------------------------------------------------------

void write_cluster_message(JsonWriter& json, const Message& message) {
  json.number_string("message_id", raw(message.id));
  json.number("message_seq", raw(message.seq));
  json.string("client_msg_no", message.client_msg_no);
  json.number("timestamp", message.timestamp);
  json.string("timestamp_format", rfc3339(message.timestamp * 1'000));
  json.string("channel_id", message.channel.id);
  json.number("channel_type", raw(message.channel.type));
  json.string("topic", message.topic);
  json.string("from_uid", message.from_uid);
  json.base64("payload", message.payload);
  json.number("expire", message.expire);
}

// Errors: invalid.
Result<MessageWish> read_cluster_wish(const Services& services, const Request& request) {
  for (const std::string_view other : {"from_uid", "payload", "offset_message_id"}) {
    const std::string given = request.query_value(other);
    if (given.empty() || given == "0") continue;
    return Error(Errc::invalid,
                 std::string(other) + " is no way to find messages here: there is no index of it");
  }
  JD_TRY(MessageWish wish, read_message_wish(services, request));
  constexpr std::uint64_t kAny = ~std::uint64_t{0} >> 1;
  const auto message_id = query_number(request, "message_id", kAny);
  if (!message_id) return Error(Errc::invalid, "message_id must be the id of a message");
  if (*message_id != 0) wish.id = static_cast<MessageId>(*message_id);
  const auto offset = query_number(request, "offset_message_seq", kAny);
  if (!offset) return Error(Errc::invalid, "offset_message_seq must be a number");
  (request.query_value("pre") == "1" ? wish.after_seq : wish.before_seq) = *offset;
  JD_TRY(const PageRequest page,
         PageRequest::read(request, "cluster/messages", kClusterLimits, {}));
  wish.limit = page.query().limit;
  return wish;
}

Task<void> get_cluster_messages(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  auto wish = read_cluster_wish(services, request);
  const auto write = [](JsonWriter& json, const MessageWish&, const MessageView& found) {
    json.number("total", found.messages.size());
    json.flag("more", found.more);
    json.objects("data", found.messages, write_cluster_message);
  };
  co_await answer_large(services, response, services.options.page_read_bytes(), std::move(wish),
                        load_message_view, write);
}

// Errors: invalid.
Result<conversation::ListQuery> read_cluster_conversations(const Request& request) {
  conversation::ListQuery query;
  query.uid = request.query_value("uid");
  if (const auto problem = id_problem(query.uid); !problem.empty()) {
    return Error(Errc::invalid, "uid " + std::string(problem));
  }
  JD_TRY(const PageRequest page,
         PageRequest::read(request, "cluster/conversations", {20, 500}, {}));
  const auto number = query_number(request, "current_page", 100'000);
  if (!number) return Error(Errc::invalid, "current_page must be a number from 1 to 100000");
  query.page = std::max<std::size_t>(1, static_cast<std::size_t>(*number));
  query.page_size = page.query().limit;
  return query;
}

Task<void> get_cluster_conversations(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  auto wanted = read_cluster_conversations(request);
  const auto load = [](const ApiDeps& deps, const conversation::ListQuery& query) {
    return deps.conversations.load_list(query);
  };
  const auto write = [](JsonWriter& json, const conversation::ListQuery& query,
                        const std::vector<conversation::Conversation>& found) {
    json.number("total", found.size());
    json.objects("data", found, [&query](JsonWriter& out, const conversation::Conversation& one) {
      out.string("uid", query.uid);
      out.number("type", 0);
      out.string("type_format", "chat");
      out.string("channel_id", one.channel.id);
      out.number("channel_type", raw(one.channel.type));
      out.number("unread_count", one.unread);
      out.number("last_msg_seq", one.last_seq);
      out.number("readed_to_msg_seq", one.read_to);
    });
  };
  co_await answer_loaded(services, response, std::move(wanted), load, write);
}

}  // namespace

std::span<const Route> cluster_routes() {
  static constexpr std::array<Route, 10> routes = {{
      {Verb::get, "/cluster/nodes", get_cluster_nodes, Auth::read,
       "The nodes, as the v2 manager lists them", Ports::both},
      {Verb::get, "/cluster/simpleNodes", get_cluster_nodes, Auth::read,
       "The same as /cluster/nodes", Ports::both},
      {Verb::get, "/cluster/users", get_cluster_users, Auth::read,
       "The stored users, as the v2 manager lists them", Ports::both},
      {Verb::get, "/cluster/devices", get_cluster_devices, Auth::read,
       "The stored devices, as the v2 manager lists them", Ports::both},
      {Verb::get, "/cluster/messages", get_cluster_messages, Auth::read,
       "The messages of a channel, as the v2 manager lists them", Ports::both},
      {Verb::get, "/cluster/channels", get_cluster_channels, Auth::read,
       "The stored channels, as the v2 manager lists them", Ports::both},
      {Verb::get, "/cluster/channels/{channel_id}/{channel_type}/subscribers",
       get_cluster_members<MemberList::subscribers>, Auth::read, "The subscribers of a channel",
       Ports::both},
      {Verb::get, "/cluster/channels/{channel_id}/{channel_type}/denylist",
       get_cluster_members<MemberList::denylist>, Auth::read, "The denylist of a channel",
       Ports::both},
      {Verb::get, "/cluster/channels/{channel_id}/{channel_type}/allowlist",
       get_cluster_members<MemberList::allowlist>, Auth::read, "The allowlist of a channel",
       Ports::both},
      {Verb::get, "/cluster/conversations", get_cluster_conversations, Auth::read,
       "The recent conversations of a user, as the v2 manager lists them", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
