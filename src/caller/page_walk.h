// Lists that a server answers page by page ("Lists" in docs/api.md).
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "caller/asker.h"

namespace jindou::caller {

// Of a page.
struct ListPage {
  // Valid until the next JSON is parsed.
  std::vector<simdjson::dom::object> items;
  std::string next;  // the cursor of the next one; empty: there is none
};
// Errors: invalid, for what is no page.
Result<ListPage> parse_list_page(std::string_view json);

struct PageWalk {
  std::string path;            // with the query, which has at least one parameter
  std::uint64_t page_max = 0;  // entries that the server gives at once
  std::uint64_t limit = 0;     // entries in all; 0: no limit
};
// Gets the entries of a page, which are valid during the call. Returns an exit code; another one
// than kAllSent ends the walk.
using TakeItems = std::function<int(const std::vector<simdjson::dom::object>& items)>;

// Asks for one page after the other and holds one at a time. Returns the exit code. What is not
// shown for the limit is told on standard error.
int walk_pages(const Asker& asker, const PageWalk& walk, const TakeItems& take);

}  // namespace jindou::caller
