#include "caller/page_walk.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "caller/server_call.h"
#include "caller/shown_text.h"
#include "codec/json_reader.h"

namespace jindou::caller {

namespace {

Error no_list() {
  return Error(Errc::invalid, "the server answers with what is no list; is it a Jindou server?");
}

}  // namespace

Result<ListPage> parse_list_page(std::string_view json) {
  const auto parsed = codec::parse_json(json);
  simdjson::dom::object from;
  simdjson::dom::array items;
  if (!parsed || parsed->get(from) != simdjson::SUCCESS) return no_list();
  if (from["items"].get(items) != simdjson::SUCCESS) return no_list();
  ListPage page;
  for (const simdjson::dom::element each : items) {
    simdjson::dom::object item;
    if (each.get(item) != simdjson::SUCCESS) return no_list();
    page.items.push_back(item);
  }
  bool more = false;
  if (from["has_more"].get(more) != simdjson::SUCCESS) return no_list();
  if (more) page.next = text_member(from, "next_cursor");
  if (more && page.next.empty()) return no_list();
  return page;
}

int walk_pages(const Asker& asker, const PageWalk& walk, const TakeItems& take) {
  std::uint64_t taken = 0;
  std::string cursor;
  do {
    const std::uint64_t wanted =
        walk.limit == 0 ? walk.page_max : std::min(walk.page_max, walk.limit - taken);
    std::string path = walk.path + "&limit=" + std::to_string(wanted);
    if (!cursor.empty()) path += "&cursor=" + escaped(cursor);
    int code = kAllSent;
    const auto body = asker.get(path, code);
    if (!body) return code;
    auto page = parse_list_page(*body);
    if (!page) return asker.fail(kNotFinished, page.error().detail());
    if (page->items.size() > wanted) return asker.fail(kNotFinished, no_list().detail());
    // A server that goes on where it was would be asked for ever.
    if (!page->next.empty() && page->next == cursor) {
      return asker.fail(kNotFinished, "the list of the server does not go on");
    }
    cursor = std::move(page->next);
    taken += page->items.size();
    if (code = take(page->items); code != kAllSent) return code;
  } while (!cursor.empty() && (walk.limit == 0 || taken < walk.limit));
  if (!cursor.empty()) asker.fail(kAllSent, "there are more than these " + std::to_string(taken));
  return kAllSent;
}

}  // namespace jindou::caller
