#include "caller/lookup.h"

#include <cstdint>

#include "caller/server_call.h"
#include "codec/json_writer.h"

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

std::optional<std::string> user_info(const Asker& asker, const std::string& uid, int& code) {
  return asker.get("/user/info?uid=" + escaped(uid), code);
}

int kick_user(const Asker& asker, const std::string& uid, int device_flag) {
  int code = kAllSent;
  const auto info = user_info(asker, uid, code);
  if (!info) return code;
  const auto found = parse_connections(*info, device_flag);
  if (!found) return asker.fail(kNotFinished, found.error().detail());
  for (const std::uint64_t id : found->ids) {
    std::string body;
    codec::JsonWriter json(body);
    json.begin_object();
    json.string("uid", uid);
    json.number("conn_id", id);
    json.end_object();
    if (!asker.post("/conn/kick", body, code)) return code;
  }
  if (!found->all) asker.fail(kAllSent, "there may be more connections: run the same again");
  return asker.print(uid + ": " + std::to_string(found->ids.size()) + " kicked\n");
}

}  // namespace jindou::caller
