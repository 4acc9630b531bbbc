#include "api/docs_routes.h"

#include <array>
#include <string>

#include "api/answers.h"
#include "api/loaded_answers.h"
#include "api/reader_gate.h"
#include "pages/docs_page.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;

constexpr std::string_view kHtml = "text/html; charset=utf-8";
// The page loads nothing from anywhere but this server, and nobody may frame it: its form holds a
// token.
constexpr std::string_view kPagePolicy =
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src "
    "'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n";

// False when this part of the documentation is switched off; then it has been answered.
bool admit_docs(const Services& services, bool on, std::string_view what_to_do,
                Response& response) {
  if (on) return true;
  constexpr std::string_view kText = "the documentation is switched off";
  response.status = 403;
  JsonWriter json(response.body);
  json.begin_object();
  json.number("status", 403);
  json.string("msg", kText);
  json.string("error", kText);
  json.string("code", errc_name(Errc::denied));
  json.string("message", kText);
  json.string("mode", services.options.mode);
  json.string("suggestion", what_to_do);
  json.end_object();
  return false;
}

bool admit_page(const Services& services, Response& response) {
  return admit_docs(services, services.options.docs,
                    "run with api.docs: true and another mode than release; the document is at "
                    "/docs/openapi.json in every mode",
                    response);
}

void answer_page(Response& response) {
  response.content_type = kHtml;
  response.extra_headers += kPagePolicy;
  response.body += pages::docs_page();
}

// A browser that opens the page cannot send the token yet. It is refused like everybody else, but
// the body of its 401 is the page, which asks for the token. What it then loads needs the token.
bool admit_browser(Services& services, Request& request, Response& response) {
  const access::Caller caller = services.access.identify(request, Port::api);
  if (caller.reader != nullptr) {
    answer_not_for_readers(response, request.path());
    return false;
  }
  if (caller.admitted) return true;
  if (request.header("accept").find("text/html") == std::string_view::npos) {
    answer_error(response, 401, "unauthorized",
                 access::unauthorized_text(request, Port::api, caller));
  } else {
    response.status = 401;
    answer_page(response);
  }
  return false;
}

Task<void> get_docs(Services& services, Request& request, Response& response) {
  if (admit_page(services, response) && admit_browser(services, request, response)) {
    answer_page(response);
  }
  co_return;
}

Task<void> get_docs_slash(Services& services, Request& request, Response& response) {
  if (admit_page(services, response) && admit_browser(services, request, response)) {
    response.status = 301;
    response.extra_headers += "Location: /docs\r\n";
  }
  co_return;
}

Task<void> get_openapi(Services& services, Request&, Response& response) {
  // What it says is no secret to whoever holds the token, so no mode hides it.
  if (!admit_docs(services, services.options.openapi_document, "run with api.docs: true",
                  response)) {
    co_return;
  }
  // Some milliseconds at the first request.
  auto work = [&services]() -> Result<const std::string*> {
    static const std::string kText = services.document(services.options.version);
    return &kText;
  };
  const auto document = co_await load_or_answer(services, response, std::move(work));
  if (!document) co_return;
  response.body += **document;
}

Task<void> get_docs_health(Services& services, Request&, Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  json.string("status", services.options.docs ? "ok" : "disabled");
  json.string("service", "docs");
  json.string("mode", services.options.mode);
  json.string("version", services.options.version);
  json.end_object();
  co_return;
}

}  // namespace

std::span<const Route> docs_routes() {
  static constexpr std::array<Route, 4> routes = {{
      {Verb::get, "/docs", get_docs, Auth::open, "This document as a page"},
      {Verb::get, "/docs/", get_docs_slash, Auth::open, "Leads to /docs"},
      {Verb::get, "/docs/openapi.json", get_openapi, Auth::send_or_read, "This document"},
      {Verb::get, "/docs/health", get_docs_health, Auth::send_or_read,
       "Whether the documentation is served"},
  }};
  return routes;
}

}  // namespace jindou::api
