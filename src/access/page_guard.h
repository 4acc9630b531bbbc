// What web pages in somebody's browser may do with an HTTP listener, judged by the header block.
//
// A browser sends requests for any page that it shows, also to addresses that only its own machine
// reaches. Where a secret is asked for, a page that does not know it gets nothing. Where none is,
// these rules stand in its place: pages of known origins only (CORS), no request that a browser
// sends without asking first, and on loopback no host name that a foreign page could have pointed
// here (DNS rebinding). Callers that are no browsers send none of these headers and notice nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/origin.h"
#include "config/settings.h"
#include "http/exchange.h"

namespace jindou::access {

struct PageRules {
  // api.allowedOrigins. When there are any they hold with a token as well.
  config::AllowedOrigins origins;
  // Hosts under which the configuration says that the server is reached; lower case.
  std::vector<std::string> host_names;
  bool api_on_loopback = true;
  bool manager_on_loopback = true;
  // Where the chat demo listens, whose page is always known; nothing: it is off.
  std::optional<config::ListenAddress> demo;
};

PageRules page_rules(const config::Settings& settings);

// The listener of a request, as far as pages are concerned.
struct Door {
  bool asks_for_a_secret = false;
  bool on_loopback = true;
  // The setting that makes it ask for one.
  std::string_view secret_setting = "managerToken";
  // Whether who comes under a foreign host is told that the configuration may name it: that lets
  // him in without a secret.
  bool advises_hosts = true;
};

struct PageVerdict {
  // For Response::allow_origin.
  std::string allow_origin;
  // Why the request is refused with 403; empty: it goes on.
  std::string refusal;
};

PageVerdict judge_page(const http::Request& request, const PageRules& rules, Door door);

}  // namespace jindou::access
