#include "api/listing_pages.h"

#include <utility>

#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/cursor_text.h"
#include "api/query_number.h"
#include "base/bytes.h"
#include "http/query.h"
#include "model/id_rules.h"

namespace jindou::api {

namespace {

using partition::ListedChannel;
using partition::ListedUser;
using partition::ListingPage;
using partition::MemberList;

// format:u8 check:u32 place. The check is of the list's name and the place.
constexpr char kPlaceFormat = 1;
constexpr std::size_t kPlaceHeaderBytes = 5;
// Two ids and what joins them.
constexpr std::size_t kPrefixBytesMax = 2 * kIdBytesMax + 1;

std::string place_header(std::string_view name, std::string_view place) {
  std::string checked(name);
  checked.push_back('\0');
  checked += place;
  std::string header(1, kPlaceFormat);
  append_be(header, crc32_ieee(checked));
  return header;
}

std::string_view name_of(MemberList list) {
  switch (list) {
    case MemberList::subscribers: return "subscribers";
    case MemberList::denylist: return "denylist";
    case MemberList::allowlist: break;
  }
  return "allowlist";
}

}  // namespace

std::string encode_place(std::string_view name, std::string_view place) {
  std::string bytes = place_header(name, place);
  bytes += place;
  return cursor_text(bytes);
}

Result<std::string> decode_place(std::string_view name, std::string_view text) {
  const auto bytes = cursor_bytes(text);
  if (!bytes || bytes->size() <= kPlaceHeaderBytes ||
      !bytes->starts_with(place_header(name, bytes->substr(kPlaceHeaderBytes)))) {
    return Error(Errc::invalid,
                 "cursor is none that this server gave out for this list; leave it out to begin "
                 "anew");
  }
  return bytes->substr(kPlaceHeaderBytes);
}

Result<std::size_t> read_limit(const Request& request, const PageLimits& limits) {
  if (request.query_value("limit").empty()) return limits.usual;
  const auto limit = query_number(request, "limit", limits.most);
  if (!limit || *limit == 0) {
    return Error(Errc::invalid, "limit must be a number from 1 to " + std::to_string(limits.most));
  }
  return static_cast<std::size_t>(*limit);
}

Result<PageRequest> PageRequest::read(const Request& request, std::string name,
                                      const PageLimits& limits, std::string_view prefix_name) {
  PageRequest page;
  page.query_.prefix = request.query_value(prefix_name);
  if (page.query_.prefix.size() > kPrefixBytesMax) {
    return Error(Errc::invalid, std::string(prefix_name) + " is longer than any id: at most " +
                                    std::to_string(kPrefixBytesMax) + " bytes");
  }
  page.name_ = std::move(name) + '\0' + page.query_.prefix;
  JD_TRY(page.query_.limit, read_limit(request, limits));
  const std::string cursor = request.query_value("cursor");
  if (cursor.empty()) return page;
  JD_TRY(page.query_.from, decode_place(page.name_, cursor));
  return page;
}

void PageRequest::write_end(codec::JsonWriter& json, std::string_view next) const {
  json.boolean("has_more", !next.empty());
  if (!next.empty()) json.string("next_cursor", encode_place(name_, next));
}

Result<ChannelPageRequest> read_channel_page(const Request& request, std::string name,
                                             std::string_view given_type, const PageLimits& limits,
                                             std::string_view prefix_name) {
  JD_TRY(const ChannelType type, read_query_type(given_type));
  name += given_type;
  JD_TRY(PageRequest page, PageRequest::read(request, std::move(name), limits, prefix_name));
  ChannelPageRequest channels{std::move(page), std::nullopt};
  if (type != ChannelType::none) channels.type = type;
  return channels;
}

Result<MemberPageRequest> read_member_page(const Request& request, std::string_view scope,
                                           ChannelKey channel, MemberList list,
                                           const PageLimits& limits) {
  std::string name = list_of_channel(std::string(scope) + std::string(name_of(list)), channel);
  JD_TRY(PageRequest page, PageRequest::read(request, std::move(name), limits));
  return MemberPageRequest{std::move(page), std::move(channel), list, {}};
}

std::string list_of_channel(std::string_view list, const ChannelKey& channel) {
  return std::string(list) + '/' + std::to_string(raw(channel.type)) + '/' + channel.id;
}

Result<ListingPage<ListedChannel>> load_channel_page(const ApiDeps& deps,
                                                     const ChannelPageRequest& page) {
  return listings_of(deps).load_channels(page.query(), page.type);
}

Result<ListingPage<ListedUser>> load_user_page(const ApiDeps& deps, const PageRequest& page) {
  return listings_of(deps).load_users(page.query());
}

Result<ListingPage<std::string>> load_member_page(const ApiDeps& deps,
                                                  const MemberPageRequest& page) {
  JD_TRY(const ChannelKey channel, load_settled_channel(deps.history, page.channel));
  if (page.uid.empty()) return listings_of(deps).load_members(channel, page.list, page.query());
  JD_TRY(const bool there, deps.records.has_member(channel, page.list, page.uid));
  ListingPage<std::string> found;
  if (there) found.entries.push_back(page.uid);
  return found;
}

void write_uid(codec::JsonWriter& json, const std::string& uid) { json.string("uid", uid); }

std::string decode_path_part(std::string_view part) {
  // Only in a query a plus stands for a space.
  std::string text;
  for (const char c : part) {
    if (c == '+') {
      text += "%2B";
    } else {
      text.push_back(c);
    }
  }
  return http::decode_query_text(text);
}

Result<ChannelKey> stored_channel(std::string_view id, ChannelType type) {
  if (is_blank(id)) return Error(Errc::invalid, "channel_id is required");
  if (type == ChannelType::none) {
    return Error(Errc::invalid, "channel_type is required, from 1 to 255");
  }
  const bool composed = type == ChannelType::person || type == ChannelType::agent ||
                        type == ChannelType::community_topic;
  const auto why_not = composed ? internal_id_problem(id) : id_problem(id);
  if (!why_not.empty()) return Error(Errc::invalid, "channel_id " + std::string(why_not));
  if (type == ChannelType::person) {
    const auto [a, b] = split_pair_id(id);
    if (!a.empty()) return ChannelKey(person_channel_id(a, b), type);
  }
  return ChannelKey(std::string(id), type);
}

}  // namespace jindou::api
