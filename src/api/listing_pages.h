// What all answers that list something page by page share: what a request for a page says, its
// cursor, what is loaded for it, and the answer.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/http_names.h"
#include "api/loaded_answers.h"
#include "api/services.h"
#include "base/result.h"
#include "codec/json_writer.h"
#include "model/channel.h"
#include "partition/list_commands.h"
#include "partition/listings.h"

namespace jindou::api {

// Entries on a page unless the query says how many, and the most that it may ask for.
struct PageLimits {
  std::size_t usual = 100;
  std::size_t most = 1000;
};

// The query parameter `limit`. Errors: invalid.
Result<std::size_t> read_limit(const Request& request, const PageLimits& limits);

// A list that is asked for. `name` is that of the list and of everything that says what is on it: a
// cursor counts for that very list.
class PageRequest {
 public:
  // Reads `limit`, `cursor`, and the parameter called `prefix_name`. Errors: invalid.
  static Result<PageRequest> read(const Request& request, std::string name,
                                  const PageLimits& limits,
                                  std::string_view prefix_name = "prefix");

  const partition::ListingQuery& query() const { return query_; }
  // The name of the list, with all that decides what is on it.
  const std::string& name() const { return name_; }
  // Where the page begins: a ListingPage::next of this list.
  void begin_at(std::string place) { query_.from = std::move(place); }
  // The members `has_more` and `next_cursor`; without the latter it was the last page. `next` is
  // that of the page.
  void write_end(codec::JsonWriter& json, std::string_view next) const;

 private:
  std::string name_;
  partition::ListingQuery query_;
};

// Of channels of one type, or of all.
struct ChannelPageRequest : PageRequest {
  std::optional<ChannelType> type;
};
// `given_type`: what the request says of the type; empty: all. The list is `name` and that. Errors:
// invalid.
Result<ChannelPageRequest> read_channel_page(const Request& request, std::string name,
                                             std::string_view given_type, const PageLimits& limits,
                                             std::string_view prefix_name = "prefix");

// Of the members of one list of a channel, or of one of them.
struct MemberPageRequest : PageRequest {
  ChannelKey channel;  // as stored_channel() says
  partition::MemberList list{};
  std::string uid;  // empty: all
};
// `scope` is what the cursors of one group of routes are for. Errors: invalid.
Result<MemberPageRequest> read_member_page(const Request& request, std::string_view scope,
                                           ChannelKey channel, partition::MemberList list,
                                           const PageLimits& limits);

// A list's name for what is of one channel.
std::string list_of_channel(std::string_view list, const ChannelKey& channel);

// What the pages hold. All block. Errors: storage.
Result<partition::ListingPage<partition::ListedChannel>> load_channel_page(
    const ApiDeps& deps, const ChannelPageRequest& page);
Result<partition::ListingPage<partition::ListedUser>> load_user_page(const ApiDeps& deps,
                                                                     const PageRequest& page);
Result<partition::ListingPage<std::string>> load_member_page(const ApiDeps& deps,
                                                             const MemberPageRequest& page);

// Answers with `items`, an object for each entry with the members that `write(json, entry)` writes,
// and the end of the page. `asked` is a PageRequest or of a class below it; `load` and errors as in
// loaded_answers.h.
template <class Asked, class Load, class Write>
Task<void> answer_page(Services& services, Response& response, Result<Asked> asked, Load load,
                       Write write) {
  const auto write_items = [write](codec::JsonWriter& json, const Asked& page, const auto& found) {
    json.objects("items", found.entries, write);
    page.write_end(json, found.next);
  };
  return answer_loaded(services, response, std::move(asked), std::move(load), write_items);
}

// The members of an object that is a user and nothing else.
void write_uid(codec::JsonWriter& json, const std::string& uid);

// `place` as a cursor of the list `name`, and back. Errors: invalid, for what was given out for no
// list, or for another one.
std::string encode_place(std::string_view name, std::string_view place);
Result<std::string> decode_place(std::string_view name, std::string_view text);

// A part of the path with its escapes (%XX) resolved.
std::string decode_path_part(std::string_view part);

// The channel that an operator names by the id under which it is stored: for types 1 and 11 the
// internal id of a conversation, or, of type 1, a user, whose own flags and lists are meant.
// `type` is what read_query_type() or a path said. Errors: invalid.
Result<ChannelKey> stored_channel(std::string_view id, ChannelType type);

// The lists of what is stored.
inline partition::Listings listings_of(const ApiDeps& deps) {
  return partition::Listings(deps.records.readers());
}

}  // namespace jindou::api
