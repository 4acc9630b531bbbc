#include "http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <functional>

#include "base/ascii.h"

namespace jindou::http {
namespace {

namespace beast_http = boost::beast::http;

// The shortest end of a chunked body is "0\r\n\r\n". Beast asserts that it never sees less of it,
// so shorter rests wait for more bytes, of which at least so many must follow.
constexpr std::size_t kChunkTailBytesMin = 5;

std::string_view std_view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// An absolute-form target (RFC 9112 section 3.2.2) taken apart.
struct AbsoluteTarget {
  std::string_view authority;  // empty: it is none
  std::string_view path;       // with the query; may be empty
};

AbsoluteTarget split_absolute(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() ||
        !ascii_iequals({target.data(), scheme.size()}, {scheme.data(), scheme.size()})) {
      continue;
    }
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    const std::string_view authority = target.substr(0, end);
    // Credentials in a URL are for the client, and a fragment never leaves it.
    if (authority.find_first_of("@#") != std::string_view::npos) return {};
    return {authority, target.substr(end)};
  }
  return {};
}

// A header line that goes on in the next one. Beast either joins the parts in a buffer of its own,
// then the value does not lie behind its name, or skips the line end in front of the value.
bool is_folded(std::string_view name, std::string_view value, std::size_t line_bytes_max) {
  if (value.empty()) return false;
  const char* gap = name.data() + name.size() + 1;  // behind the colon
  const std::less<const char*> before;
  if (before(value.data(), gap) || before(gap + line_bytes_max, value.data())) return true;
  return std::find(gap, value.data(), '\r') != value.data();
}

}  // namespace

RequestParser::RequestParser(Request& request, const ParserLimits& limits)
    : request_(request), body_(&request.body), limits_(limits) {
  header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  // Whether there is one is told by the header (lift_body_limit).
  body_limit(boost::none);
}

bool RequestParser::body_fits() {
  if (body_limited_ || body_bytes_expected() <= limits_.body_bytes) return true;
  failure_status_ = 413;
  failure_text_ = "the request body is larger than " + std::to_string(limits_.body_bytes) +
                  " bytes (api.maxBodyBytes)";
  return false;
}

std::uint64_t RequestParser::body_bytes_expected() const {
  const auto length = content_length();
  return length ? *length : 0;
}

RequestParser::Progress RequestParser::feed(std::string_view input, std::size_t& consumed) {
  consumed = 0;
  if (!line_begun_) {
    consumed = empty_lines(input);
    header_bytes_ += consumed;
    if (header_bytes_ > limits_.header_bytes) {
      failure_text_ = "too many empty lines before the request";
      return Progress::failed;
    }
    const std::string_view rest = input.substr(consumed);
    if (rest.empty() || rest == "\r") return Progress::need_more;
    line_begun_ = true;
  }
  if (header_seen_ && !body_limited_) {
    if (!body_fits()) return Progress::failed;
    body_limited_ = true;
    body_limit(static_cast<std::uint64_t>(limits_.body_bytes));
  }
  while (!is_done()) {
    const std::size_t left = input.size() - consumed;
    if (left == 0) return Progress::need_more;
    // What is left of a chunk is given at once, and nothing behind it: who takes the body piece by
    // piece may wait for it before the peer sends more.
    const bool within_chunk = chunk_left_ > 0;
    if (header_seen_ && is_chunked() && !within_chunk && left < kChunkTailBytesMin) {
      return Progress::need_more;
    }
    const std::size_t given =
        within_chunk ? static_cast<std::size_t>(std::min<std::uint64_t>(left, chunk_left_)) : left;
    error_code ec;
    const std::size_t used = put(boost::asio::const_buffer(input.data() + consumed, given), ec);
    consumed += used;
    if (!header_seen_) {
      header_bytes_ += used;
      if (header_bytes_ > limits_.header_bytes) {
        failure_status_ = 431;
        failure_text_ = header_text();
        return Progress::failed;
      }
    }
    if (ec == beast_http::error::need_more) return Progress::need_more;
    if (ec) return failed(ec);
    if (!header_seen_ && is_header_done()) {
      header_seen_ = true;
      return Progress::header_done;
    }
  }
  if (!header_seen_) {
    header_seen_ = true;
    return Progress::header_done;
  }
  return Progress::done;
}

std::size_t RequestParser::empty_lines(std::string_view input) {
  std::size_t bytes = 0;
  while (input.substr(bytes, 2) == "\r\n") bytes += 2;
  return bytes;
}

std::string RequestParser::header_text() const {
  return "the request header is larger than " + std::to_string(limits_.header_bytes) +
         " bytes (api.maxHeaderBytes)";
}

RequestParser::Progress RequestParser::failed(const error_code& ec) {
  if (ec == beast_http::error::header_limit) {
    failure_status_ = 431;
    failure_text_ = header_text();
  } else if (ec == beast_http::error::body_limit) {
    failure_status_ = 413;
    failure_text_ = "the request body is larger than " + std::to_string(limits_.body_bytes) +
                    " bytes (api.maxBodyBytes)";
  }
  return Progress::failed;
}

void RequestParser::fail(unsigned status, std::string_view text, error_code& ec) {
  failure_status_ = status;
  failure_text_ = text;
  ec = beast_http::error::bad_field;
}

void RequestParser::on_request_impl(Verb method, string_view method_text, string_view target,
                                    int version, error_code& ec) {
  if (target.size() > limits_.target_bytes) {
    return fail(400, "the request target is too long", ec);
  }
  const bool whole_server = method == Verb::options && target == "*";
  std::string_view path = std_view(target);
  std::string rooted;
  if (!whole_server && path.front() != '/') {
    const AbsoluteTarget absolute = split_absolute(path);
    if (absolute.authority.empty()) {
      return fail(400, "the request target must be a path or an http URL", ec);
    }
    authority_ = absolute.authority;
    path = absolute.path;
    if (!path.starts_with('/')) {
      rooted = "/" + std::string(path);
      path = rooted;
    }
  }
  request_.set_line(method, std_view(method_text), path, static_cast<unsigned>(version));
}

void RequestParser::on_field_impl(Field field, string_view name, string_view value,
                                  error_code& ec) {
  if (header_seen_) return fail(400, "trailer fields are not accepted", ec);
  if (request_.header_count() >= limits_.header_fields) {
    return fail(431, "too many header fields", ec);
  }
  if (is_folded(std_view(name), std_view(value), limits_.header_bytes)) {
    return fail(400, "folded header lines are not accepted", ec);
  }
  switch (field) {
    case Field::content_length:
      if (content_length_seen_ || value.find(',') != string_view::npos) {
        return fail(400, "more than one Content-Length", ec);
      }
      content_length_seen_ = true;
      break;
    case Field::transfer_encoding:
      if (!ascii_iequals(value, "chunked")) {
        return fail(400, "Transfer-Encoding must be chunked", ec);
      }
      transfer_encoding_seen_ = true;
      break;
    case Field::host:
      if (host_seen_) return fail(400, "more than one Host", ec);
      host_seen_ = true;
      // RFC 9112 section 3.2.2: what the target names, not what the header says.
      if (!authority_.empty()) {
        request_.add_header(field, std_view(name), authority_);
        return;
      }
      break;
    case Field::content_encoding: content_encoding_.add(std_view(value)); break;
    case Field::expect:
      if (!ascii_iequals(value, "100-continue")) {
        return fail(417, "the only supported expectation is 100-continue", ec);
      }
      expects_continue_ = request_.version() >= 11;
      break;
    default: break;
  }
  request_.add_header(field, std_view(name), std_view(value));
}

void RequestParser::on_header_impl(error_code& ec) {
  if (transfer_encoding_seen_ && request_.version() < 11) {
    return fail(400, "Transfer-Encoding needs HTTP/1.1", ec);
  }
  if (transfer_encoding_seen_ && content_length_seen_) {
    return fail(400, "Content-Length together with Transfer-Encoding", ec);
  }
  if (has_body()) {
    const auto coding = content_encoding_.coding();
    if (!coding) {
      return fail(415,
                  "the Content-Encoding is not one that this server decodes: send the body as it "
                  "is, or with gzip or zstd, one of them",
                  ec);
    }
    request_.coding = *coding;
  }
  if (!host_seen_ && request_.version() >= 11) return fail(400, "the Host header is missing", ec);
  request_.body_declared = static_cast<std::size_t>(body_bytes_expected());
  request_.has_body = transfer_encoding_seen_ || request_.body_declared > 0;
}

std::size_t RequestParser::on_body_impl(string_view body, error_code&) { return append(body); }

void RequestParser::on_chunk_header_impl(std::uint64_t size, string_view, error_code&) {
  chunk_left_ = size;
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, string_view body, error_code&) {
  chunk_left_ -= body.size();
  return append(body);
}

std::size_t RequestParser::append(string_view body) {
  // Grows geometrically, so that many small chunks do not copy the body each time.
  const std::size_t wanted = body_->size() + body.size() + kBodyPadding;
  if (body_->capacity() < wanted) body_->reserve(std::max(wanted, 2 * body_->capacity()));
  body_->append(body.data(), body.size());
  return body.size();
}

}  // namespace jindou::http
