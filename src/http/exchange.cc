#include "http/exchange.h"

#include "base/ascii.h"
#include "config/origin.h"
#include "http/query.h"

namespace jindou::http {

std::string Request::query_value(std::string_view name) const {
  return find_query_value(query(), name);
}

std::string_view Request::header(std::string_view name) const {
  for (const Header& header : headers_) {
    if (ascii_iequals(view(header.name), name)) return view(header.value);
  }
  return {};
}

std::string Request::header_list(std::string_view name) const {
  std::string list;
  for (const Header& header : headers_) {
    if (!ascii_iequals(view(header.name), name)) continue;
    if (!list.empty()) list += ", ";
    list += view(header.value);
  }
  return list;
}

std::string_view Request::host() const { return config::host_without_port(header("host")); }

void Request::clear() {
  arena_.clear();
  headers_.clear();
  user.clear();
  caller_kind = CallerIdentity::Kind::open;
  key = nullptr;
  reader = nullptr;
  trace.reset();
  method_text_ = path_ = query_ = Slice();
  method_ = Verb::unknown;
  version_ = 11;
  has_body = false;
  body_declared = 0;
  coding = Coding::identity;
  body_bytes_max = SIZE_MAX;
  streams = false;
  stream = nullptr;
  announced.reset();
  if (body.capacity() > kBodyCapacityKept) {
    body = std::string();
  } else {
    body.clear();
  }
}

Request::Slice Request::keep(std::string_view text) {
  Slice slice;
  slice.offset = static_cast<std::uint32_t>(arena_.size());
  slice.size = static_cast<std::uint32_t>(text.size());
  arena_.append(text);
  return slice;
}

void Request::set_line(Verb method, std::string_view method_text, std::string_view target,
                       unsigned version) {
  method_ = method;
  version_ = version;
  method_text_ = keep(method_text);
  const auto mark = target.find('?');
  path_ = keep(target.substr(0, mark));
  query_ = keep(mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1));
}

void Request::add_header(Field field, std::string_view name, std::string_view value) {
  Header header{field, keep(name), keep(value)};
  headers_.push_back(header);
}

void Request::reserve_body(std::size_t bytes) {
  const std::size_t wanted = bytes + kBodyPadding;
  if (body.capacity() < wanted) body.reserve(wanted);
}

void Response::clear() {
  status = 200;
  content_type = "application/json";
  if (body.capacity() > Request::kBodyCapacityKept) {
    body = std::string();
  } else {
    body.clear();
  }
  extra_headers.clear();
  allow_origin.clear();
  route = "other";
  refusal = {};
  close = false;
  keep = false;
  coding_chosen = false;
  overloaded = false;
  tells_of_a_change = false;
}

std::string_view status_phrase(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Payload Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Unknown";
  }
}

}  // namespace jindou::http
