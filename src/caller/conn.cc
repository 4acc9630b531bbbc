#include "caller/conn.h"

#include <string>

#include "caller/lookup.h"
#include "caller/server_call.h"
#include "codec/json_reader.h"

namespace jindou::caller {

namespace {

std::string connections_path(const ConnOptions& options) {
  if (!options.uid.empty()) return "/user/info?uid=" + escaped(options.uid);
  return "/connz?sort=" + options.sort + "&offset=" + std::to_string(options.offset) +
         "&limit=" + std::to_string(options.limit);
}

int list_connections(const ConnOptions& options, const Asker& asker) {
  int code = kAllSent;
  const auto answer = asker.get(connections_path(options), code);
  if (!answer) return code;
  const auto parsed = codec::parse_json(*answer);
  simdjson::dom::object from;
  simdjson::dom::array listed;
  if (!parsed || parsed->get(from) != simdjson::SUCCESS ||
      from["connections"].get(listed) != simdjson::SUCCESS) {
    return asker.fail(kNotFinished,
                      "the server answers without connections; is it a Jindou server?");
  }
  const auto connections = objects_in(from, "connections");
  const std::uint64_t total = number_member(from, "total");
  const Listing listing = connection_listing();
  Columns columns(listing.names);
  code = print_entries(asker, columns, listing, connections, options.json);
  if (code == kAllSent && options.offset + connections.size() < total) {
    asker.fail(code, "there are " + std::to_string(total) + " connections: --limit, --offset");
  }
  return code;
}

int kick(const ConnOptions& options, const Asker& asker) {
  if (options.id == 0) return kick_user(asker, options.uid, options.device_flag);
  int code = kAllSent;
  const std::string id = std::to_string(options.id);
  if (!asker.post("/conn/kick", "{\"conn_id\":" + id + '}', code)) return code;
  return asker.print("connection " + id + ": kicked\n");
}

}  // namespace

int run_conn(ConnOptions options) {
  const auto run = [](const ConnOptions& given, const Asker& asker) {
    return given.command == ConnOptions::Command::list ? list_connections(given, asker)
                                                       : kick(given, asker);
  };
  return run_lookup(options, "jindou conn", run);
}

}  // namespace jindou::caller
