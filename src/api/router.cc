#include "api/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "api/answers.h"
#include "api/audit.h"
#include "api/core_calls.h"
#include "api/reader_gate.h"
#include "api/request_id.h"
#include "base/edit_distance.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "openapi/strict_check.h"

namespace jindou::api {

namespace {

bool served(const Route& route, Port port) {
  if (route.ports == Ports::both) return true;
  return (route.ports == Ports::manager) == (port == Port::manager);
}

// Lines about slow requests: with every request slow, more tell nothing.
constexpr std::size_t kSlowLinesPerSecond = 10;

double seconds_of(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

// What never became a request.
constexpr std::string_view kRefusedRoute = "refused";

// What is the server's doing and no mistake of the caller.
constexpr int kServersStatuses[] = {429, 500, 503};

// What anybody may call.
bool is_open(const Route& route, Port port) {
  return route.auth == Auth::open || (route.auth == Auth::open_on_manager && port == Port::manager);
}

// Name and password of a login; the only body that comes without a credential.
constexpr std::size_t kOpenBodyBytesMax = std::size_t{16} << 10;

// "/conn/kick": "conn".
std::string_view first_part(std::string_view path) {
  path.remove_prefix(1);
  return path.substr(0, path.find('/'));
}

// What the caller needs a permission for; an empty resource: for nothing.
struct Needed {
  std::string_view resource;
  char action = 'w';
};

Needed needed(const Route& route, Port port) {
  if (!route.resource.empty()) return Needed{route.resource, route.action};
  if (port == Port::manager && !is_open(route, port) && route.method != Verb::get) {
    return Needed{first_part(route.path), 'w'};
  }
  return Needed{};
}

}  // namespace

Router::Router(Services& services, std::span<const Route> routes, Port port)
    : services_(services), port_(port) {
  observe::Metrics& metrics = services_.deps.metrics;
  // What rises from a number that is not there is not seen to rise.
  const auto show_failures = [&metrics](std::string_view route) {
    for (const int status : kServersStatuses) metrics.show_http_requests(route, status);
  };
  show_failures(kRefusedRoute);
  for (const Route& route : routes) {
    const Pattern pattern = pattern_of(route.path);
    if (!served(route, port)) {
      elsewhere_.insert(pattern);
      continue;
    }
    (pattern.parts == 0 ? by_path_[route.path] : by_pattern_[pattern]).push_back(&route);
    metrics.show_http_requests(route.path, 200);
    show_failures(route.path);
    // Of the others with the first request: each has as many series as buckets.
    if (route.sends != Sends::nothing) metrics.show_http_seconds(route.path);
    if (is_audited(route)) audited_.insert(&route);
    services_.route_stats.add_route(route.path);
  }
}

Router::Pattern Router::pattern_of(std::string_view path) {
  const std::size_t open = path.find('{');
  if (open == std::string_view::npos) return {path, {}, 0};
  const std::size_t close = path.rfind('}');
  const std::string_view any = path.substr(open, close - open);
  const auto slashes = static_cast<std::size_t>(std::ranges::count(any, '/'));
  return {path.substr(0, open), path.substr(close + 1), slashes + 1};
}

std::vector<Router::Pattern> Router::patterns_with(std::string_view path) {
  std::vector<Pattern> found;
  // Where the last parts begin, the last one first.
  std::array<std::size_t, 3> slashes{};
  std::size_t known = 0;
  for (std::size_t end = path.size(); known < slashes.size(); end = slashes[known++]) {
    const std::size_t slash = path.substr(0, end).rfind('/');
    // None has a parameter right behind the first slash, where the front page is.
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == end) break;
    slashes[known] = slash;
  }
  const auto before = [path, &slashes](std::size_t n) { return path.substr(0, slashes[n] + 1); };
  const std::string_view last = known > 0 ? path.substr(slashes[0]) : std::string_view();
  if (known > 0) found.push_back({before(0), {}, 1});
  if (known > 1) found.push_back({before(1), last, 1});
  if (known > 1) found.push_back({before(1), {}, 2});
  if (known > 2) found.push_back({before(2), last, 2});
  return found;
}

const Router::RouteList* Router::routes_of(std::string_view path) const {
  if (const auto found = by_path_.find(path); found != by_path_.end()) return &found->second;
  for (const Pattern& pattern : patterns_with(path)) {
    if (const auto found = by_pattern_.find(pattern); found != by_pattern_.end()) {
      return &found->second;
    }
  }
  return nullptr;
}

const Route* Router::find(const Request& request, bool& path_known) const {
  const RouteList* const routes = routes_of(request.path());
  path_known = routes != nullptr;
  if (!path_known) return nullptr;
  const Verb method = request.method() == Verb::head ? Verb::get : request.method();
  for (const Route* route : *routes) {
    if (route->method == method) return route;
  }
  return nullptr;
}

bool Router::authorise(const Route* route, Request& request, Response& response) {
  access::Access& access = services_.access;
  if (route != nullptr && is_open(*route, port_)) return true;
  const access::Caller caller = access.identify(request, port_);
  if (!caller.admitted) {
    response.refusal = caller.key_expired ? "expired_key" : "credential";
    if (caller.key_expired) {
      services_.deps.metrics.key_refusals.with("expired").Increment();
      request.user = caller.user;
      request.caller_kind = CallerIdentity::Kind::key;
    }
    answer_error(response, 401, "unauthorized", access::unauthorized_text(request, port_, caller));
    return false;
  }
  request.user = caller.user;
  if (caller.reader != nullptr) {
    request.caller_kind = CallerIdentity::Kind::reader;
    request.reader = caller.reader;
    return route == nullptr || may_read(*route, response);
  }
  if (caller.key != nullptr) {
    request.caller_kind = CallerIdentity::Kind::key;
    request.key = caller.key;
    return route == nullptr || may_call(*route, *caller.key, response);
  }
  if (!caller.user.empty()) {
    request.caller_kind =
        caller.by_token ? CallerIdentity::Kind::token : CallerIdentity::Kind::login;
  }
  if (route == nullptr) return true;
  const Needed need = needed(*route, port_);
  if (need.resource.empty() || caller.may(need.resource, need.action)) return true;
  response.route = route->path;
  response.refusal = "permission";
  answer_error(response, 403, errc_name(Errc::denied),
               "permission " + std::string(need.resource) + ':' + need.action + " is needed");
  return false;
}

bool Router::may_call(const Route& route, const ApiKey& key, Response& response) {
  const Scopes needed = scopes_of(route.auth);
  if (needed.empty() || key.may(needed)) return true;
  services_.deps.metrics.key_refusals.with("scope").Increment();
  response.route = route.path;
  response.refusal = "scope";
  answer_error(
      response, 403, errc_name(Errc::denied),
      "the API key " + key.name + " may not do this: it needs the scope " + scope_names(needed));
  return false;
}

bool Router::may_read(const Route& route, Response& response) {
  if (route.auth == Auth::read_own) return true;
  response.route = route.path;
  response.refusal = "read_token";
  answer_not_for_readers(response, route.path);
  return false;
}

Task<void> Router::serve_reader(const Route& route, Request& request, Response& response) {
  const bool admitted = co_await admit_reader(services_, route, request, response);
  if (admitted) co_await route.handler(services_, request, response);
}

bool Router::accept_page(const Route* route, const Request& request, Response& response) {
  access::PageVerdict verdict = services_.access.judge_page(request, port_);
  response.allow_origin = std::move(verdict.allow_origin);
  // Probes are for everybody who asks under whatever name; a page cannot read their answers.
  if (verdict.refusal.empty() || (route != nullptr && route->auth == Auth::open)) return true;
  response.route = "foreign_page";
  response.refusal = "page";
  answer_error(response, 403, errc_name(Errc::denied), verdict.refusal);
  return false;
}

bool Router::core_has_room(const Route& route, Request& request, Response& response) const {
  partition::CommandRouter& core = services_.deps.router;
  switch (route.sends) {
    case Sends::nothing: return true;
    case Sends::message:
      if (core.has_room()) return true;
      break;
    case Sends::batch:
      request.announced = core.announce(request.body_declared);
      if (request.announced) return true;
      break;
  }
  response.route = route.path;
  response.keep = true;
  answer_overloaded(response);
  if (route.sends == Sends::batch) add_batch_advice(services_, request, response);
  return false;
}

bool Router::accepts_body(const Route& route, Request& request, Response& response) const {
  if (!request.has_body) return true;
  response.route = route.path;
  const http::ServerOptions& http =
      port_ == Port::api ? services_.options.http : services_.options.manager_http;
  if (request.body_declared > http.limits.body_bytes) {
    answer_error(response, 413, errc_name(Errc::too_large),
                 "the request body is larger than " + std::to_string(http.limits.body_bytes) +
                     " bytes (api.maxBodyBytes)");
    return false;
  }
  if (is_open(route, port_)) {
    if (request.body_declared > kOpenBodyBytesMax) {
      answer_error(response, 413, errc_name(Errc::too_large),
                   "the request body is too large: this path takes at most " +
                       std::to_string(kOpenBodyBytesMax) + " bytes");
      return false;
    }
    request.body_bytes_max = kOpenBodyBytesMax;
  }
  return true;
}

void Router::begin_trace(const Route* route, Request& request) const {
  // Probes and scrapes come all the time and have nothing to tell, on either port.
  if (route != nullptr && (route->auth == Auth::open || route->auth == Auth::open_on_manager)) {
    return;
  }
  services_.deps.tracer->begin(request);
}

bool Router::admit(Request& request, Response& response) {
  bool path_known = false;
  const Route* route = find(request, path_known);
  if (!accept_page(route, request, response)) return false;
  if (request.method() == Verb::options) {
    response.status = 204;
    response.route = "preflight";
    return false;
  }
  if (services_.deps.tracer != nullptr) begin_trace(route, request);
  if (!authorise(route, request, response)) {
    // Nothing is told of strangers: they would fill the queue.
    if (response.status == 401) request.trace.reset();
    return false;
  }
  if (route != nullptr && route->streams != nullptr && route->streams(request)) {
    request.streams = true;
    return true;
  }
  if (route != nullptr) {
    // What is too large is no news to the core.
    return accepts_body(*route, request, response) && core_has_room(*route, request, response);
  }
  if (!path_known) {
    answer_error(response, 404, errc_name(Errc::not_found), unknown_path(request.path()));
    return false;
  }
  std::string methods;
  for (const Route* other : *routes_of(request.path())) {
    methods += ", " + std::string(to_string(other->method));
    if (other->method == Verb::get) methods += ", HEAD";
  }
  response.extra_headers = "Allow: OPTIONS" + methods + "\r\n";
  answer_error(response, 405, "method_not_allowed",
               "this path answers " + methods.substr(2) + " only");
  return false;
}

std::string Router::unknown_path(std::string_view path) const {
  std::string text = "no such path";
  const auto patterns = patterns_with(path);
  if (elsewhere_.contains(Pattern{path, {}, 0}) ||
      std::ranges::any_of(patterns, [this](const Pattern& p) { return elsewhere_.contains(p); })) {
    return text + (port_ == Port::api ? ": the manager port (manager.addr) serves it"
                                      : ": the API port (httpAddr) serves it");
  }
  std::vector<std::string_view> known;
  for (const auto& entry : by_path_) known.push_back(entry.first);
  for (const auto& entry : by_pattern_) known.push_back(entry.second.front()->path);
  std::ranges::sort(known);
  const std::string_view nearest = nearest_of(known, path);
  if (!nearest.empty()) text += "; did you mean " + std::string(nearest) + "?";
  return text;
}

Task<void> Router::refuse_unknown(std::string problem, Response& response) {
  answer_invalid(response, problem);
  co_return;
}

Task<void> Router::handle(Request& request, Response& response) {
  bool path_known = false;
  const Route* route = find(request, path_known);
  response.route = route->path;
  response.tells_of_a_change = route->sends != Sends::nothing;
  if (openapi::wants_strict(request)) {
    std::string problem = openapi::unknown_members(request, route->method, route->path);
    if (!problem.empty()) return refuse_unknown(std::move(problem), response);
  }
  // Requests that send look at theirs more closely (send_query.h).
  if (route->method != Verb::get && route->sends == Sends::nothing) {
    std::string problem = openapi::misplaced_choice(request, route->method, route->path);
    if (!problem.empty()) return refuse_unknown(std::move(problem), response);
  }
  if (request.reader != nullptr) return serve_reader(*route, request, response);
  // Not a coroutine of its own: the route's task is handed on.
  return route->handler(services_, request, response);
}

void Router::refuse(std::string_view detail, Response& response) {
  std::string_view code = errc_name(Errc::invalid);
  switch (response.status) {
    case 413:
    case 431: code = errc_name(Errc::too_large); break;
    case 500: code = errc_name(Errc::internal); break;
    case 429:
    case 503: code = errc_name(Errc::overloaded); break;
    default: break;
  }
  response.route = kRefusedRoute;
  answer_error(response, response.status, code, detail);
}

void Router::answering(const Request& request, const Response& response,
                       const http::ExchangeTimes& times) {
  audit(request, response, times);
}

void Router::answered(const Request& request, const Response& response,
                      const http::ExchangeTimes& times) {
  // First: its times are counted back from now.
  if (request.trace) services_.deps.tracer->finish(request, response, times);
  observe::Metrics& metrics = services_.deps.metrics;
  metrics.count_http_request(response.route, static_cast<int>(response.status));
  if (response.overloaded) metrics.overload_refusals.with("http").Increment();
  if (request.streams) {
    // How long it takes is for its caller to say.
    services_.route_stats.count_untimed(response.route);
    metrics.http_stream_seconds.Observe(seconds_of(times.total));
  } else {
    services_.route_stats.count(response.route, times.total);
    metrics.time_http_request(response.route, seconds_of(times.total));
  }
  tell_if_slow(request, response, times);
}

void Router::tell_if_slow(const Request& request, const Response& response,
                          const http::ExchangeTimes& times) {
  const std::chrono::milliseconds limit = services_.options.slow_request;
  // How long a stream takes is for its caller to say.
  if (limit.count() == 0 || times.total <= limit || request.streams) return;
  if (!slow_lines_.take(services_.deps.clock.steady(), kSlowLinesPerSecond)) return;
  std::string more;
  if (request.caller_kind == CallerIdentity::Kind::key) more += ", key " + request.user;
  if (const auto id = request_id(request); !id.empty()) more += ", request " + std::string(id);
  more += request.trace_note();
  if (const std::uint64_t left_out = slow_lines_.take_left_out(); left_out > 0) {
    more += fmt::format("; {} other slow requests before it have no line", left_out);
  }
  observe::log_warn(
      "api",
      "slow: {} {} was answered {} after {:.3f} s: {:.3f} s until it was read, {:.3f} "
      "s of work, {:.3f} s until the answer was taken; {} bytes in, {} out, from {}{}",
      std::string_view(to_string(request.method())), response.route, response.status,
      seconds_of(times.total), seconds_of(times.reading), seconds_of(times.working),
      seconds_of(times.writing), request.body.size(), response.body.size(), request.peer, more);
}

void Router::audit(const Request& request, const Response& response,
                   const http::ExchangeTimes& times) {
  observe::AuditLog* const log = services_.deps.audit;
  if (log == nullptr || !log->on()) return;
  if (response.refusal.empty() && (request.method() == Verb::get || audited_.empty())) return;
  bool path_known = false;
  const Route* route = find(request, path_known);
  if (response.refusal.empty()) {
    if (route == nullptr || !audited_.contains(route)) return;
    // What was refused before its handler began has changed nothing; a handler that failed may
    // have.
    if (response.route != route->path && response.status != 500) return;
  }
  const AuditedExchange told =
      describe_exchange(route, port_, request, response, times, services_.access);
  log->write(told.event, told.members);
}

}  // namespace jindou::api
