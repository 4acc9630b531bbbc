// What all answers that list something page by page share: the query, the cursor, the end of the
// page.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "api/http_names.h"
#include "api/services.h"
#include "base/result.h"
#include "codec/json_writer.h"
#include "model/channel.h"
#include "partition/listings.h"

namespace jindou::api {

// Entries on a page unless the query says how many, and the most that it may ask for.
struct PageLimits {
  std::size_t usual = 100;
  std::size_t most = 1000;
};

// A list that is asked for. `name` is that of the list and of everything that says what is on it: a
// cursor counts for that very list.
class PageRequest {
 public:
  // Reads `limit`, `cursor`, and the parameter called `prefix_name`. Errors: invalid.
  static Result<PageRequest> read(const Request& request, std::string name,
                                  const PageLimits& limits,
                                  std::string_view prefix_name = "prefix");

  const partition::ListingQuery& query() const { return query_; }
  // The members `has_more` and `next_cursor`; without the latter it was the last page. `next` is
  // that of the page.
  void write_end(codec::JsonWriter& json, std::string_view next) const;

 private:
  std::string name_;
  partition::ListingQuery query_;
};

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
