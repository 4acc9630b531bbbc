// One HTTP exchange without its transport: what a handler reads and what it fills in.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/content_coding.h"
#include "http/deadline_list.h"
#include "http/stream.h"
#include "http/turns.h"
#include "model/api_key.h"
#include "model/caller.h"
#include "model/reader.h"
#include "observe/request_trace.h"

namespace jindou::http {

using Verb = boost::beast::http::verb;
using Field = boost::beast::http::field;
template <class T>
using Task = boost::asio::awaitable<T>;

// Room behind the last byte of Request::body. simdjson reads (never writes, never uses) up to 64
// bytes past the end of what it parses.
inline constexpr std::size_t kBodyPadding = 64;

// A parsed request. Reused from one request of a connection to the next, so that its buffers are
// allocated once. Not thread-safe; lives on the connection's shard.
class Request {
 public:
  Verb method() const { return method_; }
  // As sent; differs from to_string(method()) only when the method is unknown.
  std::string_view method_text() const { return view(method_text_); }
  // The part before '?', not decoded: no route of ours needs an escape.
  std::string_view path() const { return view(path_); }
  // The part after '?', not decoded; see query_value().
  std::string_view query() const { return view(query_); }
  // 10 or 11.
  unsigned version() const { return version_; }

  // The value of the first query parameter of that name, decoded ('+' is a space). Empty when
  // absent.
  std::string query_value(std::string_view name) const;
  // The value of the first header of that name (any case); empty when absent.
  std::string_view header(std::string_view name) const;
  // The values of all headers of that name, as one list (RFC 9110 section 5.3).
  std::string header_list(std::string_view name) const;
  // One of header_count(), as it was sent.
  std::string_view header_name(std::size_t index) const { return view(headers_[index].name); }
  std::string_view header_text(std::size_t index) const { return view(headers_[index].value); }
  // The name or address it was sent to, without the port; empty when it does not say.
  std::string_view host() const;
  // ", trace 4bf9…", for the end of a line of the log about it; empty when it belongs to none.
  std::string trace_note() const { return trace ? ", trace " + trace->id() : std::string(); }

  // The whole body, without its content coding. Its capacity exceeds its size by at least
  // kBodyPadding.
  std::string body;
  // From the header: whether a body follows, its length (0 when chunked).
  bool has_body = false;
  std::size_t body_declared = 0;
  // What the body is coded with on its way; body_declared is the length of that.
  Coding coding = Coding::identity;
  // What a handler's admit() allows of a body that is chunked or coded; beyond it the request is
  // answered 413.
  std::size_t body_bytes_max = SIZE_MAX;
  // Where the caller is, an address without port, for logs and for what counts by address: the
  // other end of the connection, or what a proxy of ServerOptions::trusted_proxies says. Proves
  // nothing: what somebody may do must not hang on it.
  std::string peer;
  // The other end of the connection is a loopback address. Of a proxy on this machine, too,
  // whomever it asks for.
  bool peer_is_loopback = false;
  // Who the request speaks for, when it carries a credential; set by the router before a handler
  // runs.
  std::string user;
  CallerIdentity::Kind caller_kind = CallerIdentity::Kind::open;  // how that is known; set with it
  ApiKeyPtr key;     // of a caller with one; set with it
  ReaderPtr reader;  // of a caller with a read token; set with it
  // The trace it belongs to; set by admit(), null: none. Its id is in a field of the answer.
  std::unique_ptr<observe::RequestTrace> trace;
  // Set by admit(): handle() takes the body, which may be of any length, from `stream`.
  bool streams = false;
  // While handle() runs, if `streams`; else null.
  Stream* stream = nullptr;
  // What admit() took for the request while its body is on its way. Given back by clear(), or by
  // the handler before that.
  std::shared_ptr<const void> announced;
  // Where a handler may link a deadline of its own. Outlives the call; the connection's shard.
  DeadlineList* deadlines = nullptr;
  // Where a handler waits before a long piece of work. As above.
  Turns* turns = nullptr;

  // Forgets the request, keeps the buffers. They are given back when an unusually large body made
  // them grow past kBodyCapacityKept.
  void clear();

  // Filling in: used by the parser and by tests.
  void set_line(Verb method, std::string_view method_text, std::string_view target,
                unsigned version);
  void add_header(Field field, std::string_view name, std::string_view value);
  std::size_t header_count() const { return headers_.size(); }
  std::size_t header_bytes() const { return arena_.size(); }
  // Makes room for `bytes` of body plus padding.
  void reserve_body(std::size_t bytes);

  // A batch of 1000 items of 400 bytes is 400 KB; twice that is kept between requests, or each one
  // would get its memory from the kernel, page by page. Whoever keeps it counts it (BodyBudget).
  static constexpr std::size_t kBodyCapacityKept = std::size_t{1} << 20;

 private:
  // Offsets, because the arena moves when it grows.
  struct Slice {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
  };
  struct Header {
    Field field;
    Slice name;
    Slice value;
  };
  Slice keep(std::string_view text);
  std::string_view view(Slice slice) const {
    return std::string_view(arena_).substr(slice.offset, slice.size);
  }

  std::string arena_;
  std::vector<Header> headers_;
  Slice method_text_;
  Slice path_;
  Slice query_;
  Verb method_ = Verb::unknown;
  unsigned version_ = 11;
};

// The answer. Reused like Request: a handler appends to `body` and sets the rest.
struct Response {
  unsigned status = 200;
  // Must be a string constant.
  std::string_view content_type = "application/json";
  std::string body;
  // Complete extra header lines, each ending in CRLF. Only constants and numbers of ours belong
  // here, never text of a caller.
  std::string extra_headers;
  // The pages that may read the answer (CORS): an origin, "*", or empty for none. An origin has
  // been read by config::parse_origin, so it holds nothing that ends a header line.
  std::string allow_origin;
  // The route pattern that answered, for metrics; a string constant.
  std::string_view route = "other";
  // True: the connection is closed after this answer.
  bool close = false;
  // For an answer of admit(): a body of moderate size is read and dropped, and the connection stays
  // open, because the caller is to come again.
  bool keep = false;
  // Why admit() refused a request for who sent it or from where, for the audit: a string constant
  // such as "permission"; empty: it did not.
  std::string_view refusal;
  // The handler has looked at Accept-Encoding itself; otherwise the server codes what gains by it.
  bool coding_chosen = false;
  // The server had no room for what was asked for, or for some of it (Errc::overloaded), and the
  // answer says so; for metrics. What is over a rate limit is another matter.
  bool overloaded = false;
  // The answer tells of something that was done: while answers are refused for want of memory, the
  // connection is closed rather than said that nothing was done.
  bool tells_of_a_change = false;

  void clear();
};

// "Bad Request" for 400 and so on; "Unknown" for codes this server never sends.
std::string_view status_phrase(unsigned status);

// Where the time of one exchange went.
struct ExchangeTimes {
  using Duration = std::chrono::steady_clock::duration;
  Duration total{0};    // from the first byte of the request to the last one of the answer
  Duration reading{0};  // until the request was complete; of a streamed one its header
  Duration working{0};  // the handler; of a streamed one the body and what was answered meanwhile
  Duration writing{0};  // until the socket had taken the answer
};

// What the server calls. Implemented by Router; a fake in the tests of the server.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;

  // Judges the header block alone, before any of the body is read: authentication, unknown paths.
  // False: `response` is the final answer. Must not suspend or block. May fill in Request::user.
  virtual bool admit(Request& request, Response& response) = 0;

  // Answers the complete request. Both live until the returned task has finished. Runs on the
  // connection's shard; must not block. An exception becomes a 500.
  virtual Task<void> handle(Request& request, Response& response) = 0;

  // Answers what never became a request (malformed, too large, timed out, too many connections).
  // Fills everything but `status`, which is set. `detail` is one sentence for the caller.
  virtual void refuse(std::string_view detail, Response& response) = 0;

  // Before the first byte of an answer is handed to the socket, of a streamed one before the last:
  // whoever has the answer finds what is written here. Must not block.
  virtual void answering(const Request& request, const Response& response,
                         const ExchangeTimes& times) = 0;

  // After the last byte of an answer was handed to the socket, or could not be. Of what never
  // became a request `request` holds what had been read of it. Must not block.
  virtual void answered(const Request& request, const Response& response,
                        const ExchangeTimes& times) = 0;
};

}  // namespace jindou::http
