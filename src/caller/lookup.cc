#include "caller/lookup.h"

#include <string>

namespace jindou::caller {

int print_entries(const Asker& asker, Columns& columns, const Listing& listing,
                  const std::vector<simdjson::dom::object>& entries, bool json) {
  if (!json) return asker.print(columns.text(rows_of(listing, entries)));
  std::string lines;
  for (const simdjson::dom::object& entry : entries) lines += simdjson::minify(entry) + '\n';
  return asker.print(lines);
}

int print_list(const Asker& asker, const PageWalk& walk, const Listing& listing, bool json) {
  Columns columns(listing.names);
  return walk_pages(asker, walk, [&](const std::vector<simdjson::dom::object>& entries) {
    return print_entries(asker, columns, listing, entries, json);
  });
}

}  // namespace jindou::caller
