#include "pages/demo_site.h"

#include <cctype>
#include <utility>

#include "codec/json_writer.h"

namespace jindou::pages {
namespace {

constexpr std::string_view kPage = "/chatdemo";
// The address of the API in a place that no link to the page can change.
constexpr std::string_view kApiAddress = "/api.json";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";

// Scripts and styles are files of this listener; connections go wherever the API is, which the
// page's address says. Pictures of messages are wherever their authors say. Nobody may frame the
// page: its form holds tokens.
constexpr std::string_view kPolicy =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src "
    "'self' data: http: https:; connect-src http: https: ws: wss:; base-uri 'none'; form-action "
    "'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n";

// For a query: what is not a letter, a digit or one of "-._~" is escaped, so that nothing of the
// request's Host can end the header line.
std::string escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

// Of a build without Node, in place of the page.
constexpr std::string_view kNoPage =
    "This build has no chat page. Where Node and npm are installed, the build makes one: make "
    "chat\n"
    "这个构建没有聊天页面。装有 Node 和 npm 时，编译会生成它：make chat";

void answer_text(http::Response& response, unsigned status, std::string_view text) {
  response.status = status;
  response.content_type = kPlain;
  response.body += text;
  response.body += '\n';
}

}  // namespace

DemoSite::DemoSite(std::span<const PageFile> files, ApiUrl api_url, observe::Metrics& metrics)
    : files_(files), api_url_(std::move(api_url)), metrics_(metrics) {}

bool DemoSite::admit(http::Request& request, http::Response& response) {
  response.route = "demo";
  response.extra_headers += kPolicy;
  if (request.method() == http::Verb::get || request.method() == http::Verb::head) {
    answer(request, response);
  } else {
    response.extra_headers += "Allow: GET, HEAD\r\n";
    answer_text(response, 405, "this is a page; the API has an address of its own");
  }
  return false;
}

void DemoSite::answer(const http::Request& request, http::Response& response) const {
  const std::string_view path = request.path();
  if (files_.empty()) return answer_text(response, 404, kNoPage);
  // The link tells where the API is, as that of WuKongIM's demo does. The page itself asks
  // api.json.
  const bool told = request.query().find("apiurl=") != std::string_view::npos;
  if (path == "/" || (path == kPage && !told)) {
    const std::string url = api_url_(request.host());
    if (path == "/" || !url.empty()) {
      response.status = 302;
      response.content_type = kPlain;
      // Relative: a proxy in front may have added a path.
      response.extra_headers += "Location: ";
      response.extra_headers += kPage.substr(1);
      if (!url.empty()) response.extra_headers += "?apiurl=" + escaped(url);
      response.extra_headers += "\r\nCache-Control: no-store\r\n";
      return;
    }
  }
  if (path == kApiAddress) {
    response.content_type = "application/json";
    response.extra_headers += "Cache-Control: no-store\r\n";
    codec::JsonWriter json(response.body);
    json.begin_object();
    json.string("url", api_url_(request.host()));
    json.end_object();
    return;
  }
  const PageFile* const file = find_file(files_, path);
  if (file == nullptr) {
    answer_text(response, 404, "no such file; the chat demo is at /chatdemo");
  } else {
    answer_file(*file, request, response);
  }
}

// Everything is answered by the header alone.
http::Task<void> DemoSite::handle(http::Request&, http::Response&) { co_return; }

void DemoSite::refuse(std::string_view detail, http::Response& response) {
  response.route = "refused";
  response.extra_headers += kPolicy;
  answer_text(response, response.status, detail);
}

void DemoSite::answered(const http::Request&, const http::Response& response,
                        const http::ExchangeTimes&) {
  metrics_.count_http_request(response.route, static_cast<int>(response.status));
}

}  // namespace jindou::pages
