// What every request passes on its way to a route: preflights, authentication, 404 and 405.
#pragma once

#include <boost/container_hash/hash.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "access/access.h"
#include "api/http_names.h"
#include "api/route.h"
#include "api/services.h"
#include "observe/line_rate.h"

namespace jindou::api {

// Thread-safe: but for a counter constant after construction.
class Router final : public http::RequestHandler {
 public:
  // What one port serves of `routes`. Borrows both.
  Router(Services& services, std::span<const Route> routes, Port port = Port::api);

  bool admit(Request& request, Response& response) override;
  Task<void> handle(Request& request, Response& response) override;
  void refuse(std::string_view detail, Response& response) override;
  void answering(const Request& request, const Response& response,
                 const http::ExchangeTimes& times) override;
  void answered(const Request& request, const Response& response,
                const http::ExchangeTimes& times) override;

 private:
  using RouteList = std::vector<const Route*>;
  // What stands before and behind the parts of a path that may be any, and how many these are:
  // "/things/", "/parts" and 1 of "/things/{name}/parts". Of a path without such a part: all of it,
  // nothing, and 0.
  struct Pattern {
    std::string_view before;
    std::string_view behind;
    std::size_t parts = 0;
    bool operator==(const Pattern&) const = default;
    friend std::size_t hash_value(const Pattern& pattern) {
      std::size_t seed = 0;
      boost::hash_combine(seed, pattern.before);
      boost::hash_combine(seed, pattern.behind);
      boost::hash_combine(seed, pattern.parts);
      return seed;
    }
  };
  static Pattern pattern_of(std::string_view path);
  // The patterns that a path may be of.
  static std::vector<Pattern> patterns_with(std::string_view path);

  // The routes of a path, by their methods; null: there are none.
  const RouteList* routes_of(std::string_view path) const;
  // Null when the path or the method is unknown; then `path_known` tells which.
  const Route* find(const Request& request, bool& path_known) const;

  // True when the page that sent the request, if it was one, may do so; otherwise `response` is the
  // answer.
  bool accept_page(const Route* route, const Request& request, Response& response);

  // True when the caller may use `route` (null: a path or method that does not exist); otherwise
  // `response` is the answer.
  bool authorise(const Route* route, Request& request, Response& response);

  // Only where requests are traced.
  void begin_trace(const Route* route, Request& request) const;

  // The same for who shows a key: by its scopes alone.
  bool may_call(const Route& route, const ApiKey& key, Response& response);

  // The same for who shows a read token.
  static bool may_read(const Route& route, Response& response);
  // Serves a caller with a read token.
  Task<void> serve_reader(const Route& route, Request& request, Response& response);

  // What is said about a path that this port does not serve.
  std::string unknown_path(std::string_view path) const;
  // Answers what the strict mode found.
  static Task<void> refuse_unknown(std::string problem, Response& response);
  // A line in the log when it took too long.
  void tell_if_slow(const Request& request, const Response& response,
                    const http::ExchangeTimes& times);
  // A line in the audit log if it has to have one.
  void audit(const Request& request, const Response& response, const http::ExchangeTimes& times);
  // False: a body is too large for a path that anybody may call; `response` is the answer.
  bool accepts_body(const Route& route, Request& request, Response& response) const;

  // False: `response` says that the core is full.
  bool core_has_room(const Route& route, Request& request, Response& response) const;

  Services& services_;
  Port port_;
  boost::unordered_flat_map<std::string_view, RouteList> by_path_;
  boost::unordered_flat_map<Pattern, RouteList> by_pattern_;  // those with such a part
  boost::unordered_flat_set<Pattern> elsewhere_;              // of the other port
  boost::unordered_flat_set<const Route*> audited_;
  observe::LineRate slow_lines_;
};

}  // namespace jindou::api
