#include "access/page_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/ascii.h"

namespace jindou::access {
namespace {

// Of a header in a sentence about it.
constexpr std::size_t kShownMax = 100;

void add_host_of(std::vector<std::string>& names, std::string_view url) {
  const auto mark = url.find("://");
  if (mark != std::string_view::npos) url.remove_prefix(mark + 3);
  std::string name = ascii_lower(config::host_without_port(url.substr(0, url.find('/'))));
  if (!name.empty()) names.push_back(std::move(name));
}

bool is_loopback(const std::string& address) {
  const auto parsed = config::parse_listen_address(address);
  return parsed && parsed->is_loopback();
}

bool knows_host(const PageRules& rules, std::string_view host) {
  return config::is_local_name(host) || rules.origins.names_host(host) ||
         std::any_of(rules.host_names.begin(), rules.host_names.end(),
                     [&](const std::string& name) { return ascii_iequals(name, host); });
}

// Only where it listens on one address: on all of them it is reached under the host of the API.
bool is_demo(const PageRules& rules, std::string_view origin) {
  if (!rules.demo) return false;
  const auto page = config::parse_origin(origin);
  if (!page || page->scheme != "http" || page->port != rules.demo->port) return false;
  return rules.demo->is_loopback() ? config::is_loopback_name(page->host)
                                   : ascii_iequals(page->host, rules.demo->host);
}

bool is_json(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return ascii_iequals(content_type, "application/json");
}

bool is_same_origin(std::string_view origin, std::string_view host) {
  const auto page = config::parse_origin(origin);
  return page && page->scheme == "http" &&
         page == config::parse_origin(std::string("http://").append(host));
}

bool changes_nothing(http::Verb method) {
  return method == http::Verb::get || method == http::Verb::head || method == http::Verb::options;
}

// Why a request of a page is refused where no secret is asked for and its origin is allowed or
// unknown; empty: it is not.
std::string problem_of_page(const http::Request& request, std::string_view host) {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) {
    // What pages load into themselves or post by a form comes without an origin. A person who
    // follows a link may read.
    const bool follows_link =
        changes_nothing(request.method()) && request.header("sec-fetch-mode") == "navigate";
    if (request.header("sec-fetch-site") != "cross-site" || follows_link) return {};
    return "a page of another site has sent this: it has to be of an origin that "
           "api.allowedOrigins "
           "names, and call with fetch()";
  }
  if (!changes_nothing(request.method()) && !is_same_origin(origin, host) &&
      !is_json(request.header("content-type"))) {
    return "a page of another origin has to send Content-Type: application/json";
  }
  return {};
}

}  // namespace

PageRules page_rules(const config::Settings& settings) {
  PageRules rules;
  rules.origins = config::AllowedOrigins(settings.api.allowed_origins);
  for (const std::string* address :
       {&settings.external.api_url, &settings.external.manager_addr, &settings.external.ip}) {
    add_host_of(rules.host_names, *address);
  }
  if (const auto demo = config::parse_listen_address(settings.demo.addr);
      demo && settings.demo.on) {
    rules.demo = *demo;
  }
  rules.api_on_loopback = is_loopback(settings.http_addr);
  rules.manager_on_loopback = is_loopback(settings.manager.addr);
  return rules;
}

PageVerdict judge_page(const http::Request& request, const PageRules& rules, Door door) {
  PageVerdict verdict;
  const config::AllowedOrigins& origins = rules.origins;
  const bool listed = !origins.empty();
  if (origins.any() || (door.asks_for_a_secret && !listed)) {
    // Nobody gets anything by the origin of a page alone.
    verdict.allow_origin = "*";
    return verdict;
  }
  const std::string_view host = request.header("host");
  const std::string_view origin = request.header("origin");
  if (!origin.empty() && (origins.allow(origin, host) || is_demo(rules, origin))) {
    verdict.allow_origin = origin;
  }
  const std::string_view name = config::host_without_port(host);
  if (!door.asks_for_a_secret && door.on_loopback && !knows_host(rules, name)) {
    verdict.allow_origin.clear();
    verdict.refusal = fmt::format(
        "without {0} a loopback address answers for no foreign host, and '{1}' is one: set {0}{2}",
        door.secret_setting, name.substr(0, kShownMax),
        door.advises_hosts ? ", or name the host in external.apiUrl or api.allowedOrigins" : "");
  } else if (!origin.empty() && verdict.allow_origin.empty()) {
    verdict.refusal = fmt::format(
        "pages of {} may not call this server: api.allowedOrigins {}", origin.substr(0, kShownMax),
        listed ? "does not name them" : "is empty, which means pages of the same host");
  } else if (!door.asks_for_a_secret) {
    verdict.refusal = problem_of_page(request, host);
  }
  return verdict;
}

}  // namespace jindou::access
