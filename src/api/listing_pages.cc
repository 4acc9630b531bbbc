#include "api/listing_pages.h"

#include <utility>

#include "api/cursor_text.h"
#include "api/query_number.h"
#include "base/bytes.h"
#include "http/query.h"
#include "model/id_rules.h"

namespace jindou::api {

namespace {

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

Result<PageRequest> PageRequest::read(const Request& request, std::string name,
                                      const PageLimits& limits, std::string_view prefix_name) {
  PageRequest page;
  page.query_.prefix = request.query_value(prefix_name);
  if (page.query_.prefix.size() > kPrefixBytesMax) {
    return Error(Errc::invalid, std::string(prefix_name) + " is longer than any id: at most " +
                                    std::to_string(kPrefixBytesMax) + " bytes");
  }
  page.name_ = std::move(name) + '\0' + page.query_.prefix;
  page.query_.limit = limits.usual;
  if (!request.query_value("limit").empty()) {
    const auto limit = query_number(request, "limit", limits.most);
    if (!limit || *limit == 0) {
      return Error(Errc::invalid,
                   "limit must be a number from 1 to " + std::to_string(limits.most));
    }
    page.query_.limit = static_cast<std::size_t>(*limit);
  }
  const std::string cursor = request.query_value("cursor");
  if (cursor.empty()) return page;
  JD_TRY(page.query_.from, decode_place(page.name_, cursor));
  return page;
}

void PageRequest::write_end(codec::JsonWriter& json, std::string_view next) const {
  json.boolean("has_more", !next.empty());
  if (!next.empty()) json.string("next_cursor", encode_place(name_, next));
}

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
