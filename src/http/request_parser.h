// HTTP/1.x requests from bytes, without sockets: Beast's parser with the checks it leaves out.
//
// Refused beyond what Beast refuses, each because some proxy in front of the server might read it
// differently (request smuggling): a second Content-Length, Content-Length as a list, any
// Transfer-Encoding but exactly "chunked", Transfer-Encoding on HTTP/1.0 or together with
// Content-Length, trailer fields, folded header lines, no or two Host headers on HTTP/1.1, targets
// that are neither a path nor an http URL.
//
// Accepted beyond what Beast accepts: empty lines before a request (RFC 9112 section 2.2) and
// absolute-form targets, whose authority then counts as the Host (section 3.2.2).
//
// The content coding of a body is named in the request (Request::coding) and is for the caller to
// take off; more than one, or one that we do not know, is answered 415.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace jindou::http {

struct ParserLimits {
  std::size_t header_bytes = std::size_t{16} << 10;  // request line and headers
  std::size_t header_fields = 100;
  std::size_t target_bytes = 4096;
  std::size_t body_bytes = std::size_t{10} << 20;  // as they come: coded ones in their coding
};

// Parses one request into `request`. One object per request; not thread-safe.
class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  // Borrows `request`, which was cleared.
  RequestParser(Request& request, const ParserLimits& limits);

  enum class Progress : std::uint8_t {
    need_more,    // everything usable was consumed; give the rest together with new bytes
    header_done,  // once per request, at the end of the header block, before any of the body
    done,
    failed,  // answer failure_status() and close
  };

  // Bytes of empty lines at the front of `input`. feed() passes over them; who waits for a request
  // needs to know that they are none.
  static std::size_t empty_lines(std::string_view input);

  // Takes bytes from the front of `input` and says how many. Stops at the end of the header block
  // and again at the end of the request; bytes behind it stay in the input.
  Progress feed(std::string_view input, std::size_t& consumed);

  // Called at `header_done`, before any of the body: it may be of any length.
  void lift_body_limit() { body_limited_ = true; }
  // False: its declared length is above the limit. From `header_done` on; then the next feed()
  // fails with what failure_text() says already.
  bool body_fits();
  // From now on the body is appended to `out`, which is borrowed, instead of Request::body. Call it
  // at `header_done`.
  void divert_body(std::string& out) { body_ = &out; }

  // Valid after `failed`.
  unsigned failure_status() const { return failure_status_; }
  std::string_view failure_text() const { return failure_text_; }

  // Valid from `header_done` on.
  bool has_body() const { return chunked() || body_bytes_expected() > 0; }
  bool is_chunked() const { return chunked(); }
  // 0 when chunked or without body.
  std::uint64_t body_bytes_expected() const;
  bool expects_continue() const { return expects_continue_; }

 private:
  std::string header_text() const;
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;
  void on_request_impl(Verb method, string_view method_text, string_view target, int version,
                       error_code& ec) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(Field field, string_view name, string_view value, error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code& ec) override;
  void on_chunk_header_impl(std::uint64_t size, string_view, error_code&) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, string_view body, error_code& ec) override;
  void on_finish_impl(error_code&) override {}

  std::size_t append(string_view body);
  void fail(unsigned status, std::string_view text, error_code& ec);
  Progress failed(const error_code& ec);

  Request& request_;
  std::string* body_;
  ParserLimits limits_;
  std::size_t header_bytes_ = 0;
  bool header_seen_ = false;
  bool content_length_seen_ = false;
  bool transfer_encoding_seen_ = false;
  bool host_seen_ = false;
  bool line_begun_ = false;
  bool body_limited_ = false;     // or free of the limit
  std::uint64_t chunk_left_ = 0;  // bytes of the chunk that is being read
  // Of an absolute-form target; else empty.
  std::string authority_;
  ContentEncoding content_encoding_;
  bool expects_continue_ = false;
  unsigned failure_status_ = 400;
  std::string failure_text_ = "malformed HTTP request";
};

}  // namespace jindou::http
