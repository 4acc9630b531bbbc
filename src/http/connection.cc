#include "http/connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <exception>
#include <iterator>

#include "base/free_memory.h"
#include "http/answer_fields.h"
#include "observe/log.h"

namespace jindou::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using TimePoint = DeadlineList::TimePoint;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

// Answers up to this size are counted only when the peer does not take them at once, which few do
// not: most cost the budget nothing.
constexpr std::size_t kSmallAnswer = std::size_t{64} << 10;
// Small bodies are copied behind the header instead of being written as a second buffer.
constexpr std::size_t kInlineBodyMax = 1024;
// A refused body up to this size is dropped for the sake of the connection: a batch of 1000 items
// is 400 KB, which costs less than a new connection would.
constexpr std::size_t kDroppedBodyMax = std::size_t{1} << 20;
// What is read and dropped after an early refusal, so that the close does not reset the connection
// before the peer has seen the answer.
constexpr std::size_t kLingerBytesMax = std::size_t{16} << 20;
constexpr std::chrono::seconds kLingerTime{2};

void append_cors_headers(std::string& out, std::string_view allow_origin) {
  if (allow_origin != "*") out += "Vary: Origin\r\n";
  if (allow_origin.empty()) return;
  out += "Access-Control-Allow-Origin: ";
  out += allow_origin;
  out += "\r\n";
  out += cors_fields();
}

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" (RFC 9110 section 5.6.7), whatever the locale.
std::string date_header(std::int64_t seconds) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("Date: {}, {:02} {} {:04} {:02}:{:02}:{:02} GMT\r\n",
                     kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

Task<bool> Connection::fill_buffer() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == capacity_) {
    if (begin_ > 0 && (end_ - begin_) * 2 <= capacity_) {
      std::copy(buffer_.get() + begin_, buffer_.get() + end_, buffer_.get());
    } else {
      const std::size_t wanted = std::max(kReadBufferMin, 2 * capacity_);
      auto grown = std::make_unique_for_overwrite<char[]>(wanted);
      std::copy(buffer_.get() + begin_, buffer_.get() + end_, grown.get());
      buffer_ = std::move(grown);
      capacity_ = wanted;
    }
    end_ -= begin_;
    begin_ = 0;
  }
  const asio::mutable_buffer space(buffer_.get() + end_, capacity_ - end_);
  const auto [ec, bytes] = co_await socket_.async_read_some(space, kToken);
  if (ec || bytes == 0) co_return false;
  end_ += bytes;
  co_return true;
}

Task<bool> Connection::write_all(std::array<asio::const_buffer, 3> buffers) {
  for (;;) {
    // Most answers fit into the socket's buffer: written here without a turn of the event loop.
    error_code ec;
    std::size_t bytes = socket_.write_some(buffers, ec);
    if (ec == asio::error::would_block || ec == asio::error::try_again) {
      if (!count_unread()) co_return false;
      const auto [waited] = co_await socket_.async_wait(Socket::wait_write, kToken);
      if (waited) co_return false;
      continue;
    }
    if (ec) co_return false;
    std::size_t left = 0;
    for (asio::const_buffer& buffer : buffers) {
      const std::size_t part = std::min(bytes, buffer.size());
      buffer += part;
      bytes -= part;
      left += buffer.size();
    }
    if (left == 0) co_return true;
    // Of a stream it does not matter how much there is, as long as it moves.
    if (streaming_) set_deadline(now() + options_.stream_timeout);
  }
}

bool Connection::reserve_body(std::size_t bytes) {
  if (!body_share_.resize(std::max(body_share_.held(), bytes + read_bytes_counted()))) return false;
  request_.reserve_body(bytes);
  return true;
}

bool Connection::count_unread() {
  const std::size_t streamed = streaming_ ? streaming_->writing : 0;
  const std::size_t held = response_.body.capacity() + head_.capacity() + streamed;
  if (held <= kOwnBytes || held <= answer_share_.held()) return true;
  if (answer_share_.resize(held)) return true;
  observe::log_info("api", "an answer to {} of {} bytes was cut off: api.answerBytesInFlight{}",
                    request_.path(), held, request_.trace_note());
  return false;
}

void Connection::find_peer() {
  error_code unknown;  // it has gone, which is seen soon
  const auto peer = socket_.remote_endpoint(unknown);
  if (unknown) return;
  peer_ = runtime::plain_address(peer.address());
  peer_is_proxy_ = options_.trusted_proxies.contains(peer_);
  request_.peer = peer_.to_string();
  request_.peer_is_loopback = peer_.is_loopback();
}

void Connection::find_caller() {
  if (!peer_is_proxy_) return;
  const auto caller =
      runtime::forwarded_client(request_.header_list("x-forwarded-for"),
                                request_.header_list("x-real-ip"), options_.trusted_proxies);
  if (caller) request_.peer = caller->ip.to_string();
}

void Connection::start_over() {
  request_.clear();
  // What a proxy has said counts for the one request.
  if (peer_is_proxy_) request_.peer = peer_.to_string();
  response_.clear();
  free_memory(pieces_);
  // What idle connections keep for their next request takes a quarter of each budget at most.
  if (!keeps(options_.answer_budget.get(), answer_share_, response_.body.capacity())) {
    free_memory(response_.body);
    answer_share_.release();
  }
  if (!keeps(options_.body_budget.get(), body_share_,
             request_.body.capacity() + read_bytes_counted())) {
    free_memory(request_.body);
    if (begin_ == end_) {
      buffer_.reset();
      begin_ = end_ = capacity_ = 0;
    }
    (void)body_share_.resize(std::min(body_share_.held(), read_bytes_counted()));
  }
}

bool Connection::keeps(const ByteBudget* budget, BudgetShare& share, std::size_t bytes) {
  // Small buffers leave the share as it is: no connection touches the budget for each request.
  if (bytes <= kOwnBytes) return share.resize(std::min(share.held(), bytes));
  return budget == nullptr || (budget->is_mostly_free() && share.resize(bytes));
}

Task<Connection::Read> Connection::refuse_body() {
  co_await answer_refusal(429, "the bodies of other requests take all the memory for them; retry");
  co_return Read::refused;
}

Task<Connection::Read> Connection::read_sized_body() {
  std::string& body = request_.body;
  const auto expected = static_cast<std::size_t>(parser_->body_bytes_expected());
  std::size_t filled = std::min(expected, end_ - begin_);
  // By the header, before anything is read; then by what has really come.
  if (options_.body_budget && !options_.body_budget->has_room(expected)) {
    co_return co_await refuse_body();
  }
  if (!reserve_body(filled)) co_return co_await refuse_body();
  body.assign(buffer_.get() + begin_, filled);
  begin_ += filled;
  // The rest goes straight into the body. A grown read buffer takes the next one in one piece.
  if (filled < expected) widen_buffer(expected, filled);
  while (filled < expected) {
    if (filled == body.size()) {
      const std::size_t target = std::min(expected, std::max(filled + kBodyStepMin, 2 * filled));
      if (!reserve_body(target)) co_return co_await refuse_body();
      body.resize(target);
    }
    const asio::mutable_buffer space(body.data() + filled, body.size() - filled);
    const auto [ec, bytes] = co_await socket_.async_read_some(space, kToken);
    if (ec || bytes == 0) co_return Read::lost;
    filled += bytes;
  }
  co_return Read::complete;
}

void Connection::widen_buffer(std::size_t expected, std::size_t filled) {
  if (capacity_ >= kReadBufferMax || begin_ != end_) return;
  const std::size_t wanted = std::min(kReadBufferMax, std::max(2 * capacity_, expected + 1024));
  if (!body_share_.resize(std::max(body_share_.held(), filled + wanted))) return;
  buffer_ = std::make_unique_for_overwrite<char[]>(wanted);
  capacity_ = wanted;
  begin_ = end_ = 0;
}

Task<Connection::Read> Connection::read_request() {
  RequestParser& parser = *parser_;
  const std::size_t buffer_max =
      std::max(kReadBufferMax, options_.limits.header_bytes + kReadBufferMin);
  for (;;) {
    std::size_t consumed = 0;
    const auto progress = parser.feed(buffered(), consumed);
    begin_ += consumed;
    switch (progress) {
      case RequestParser::Progress::done: co_return Read::complete;
      case RequestParser::Progress::failed:
        co_await answer_refusal(parser.failure_status(), parser.failure_text());
        co_return Read::refused;
      case RequestParser::Progress::need_more:
        if (!body_share_.resize(
                std::max(body_share_.held(), request_.body.size() + read_bytes_counted()))) {
          co_return co_await refuse_body();
        }
        if (request_.body.size() > request_.body_bytes_max) {
          const std::string detail = "the request body is too large: this path takes at most " +
                                     std::to_string(request_.body_bytes_max) + " bytes";
          co_await answer_refusal(413, detail);
          co_return Read::refused;
        }
        if (end_ - begin_ >= buffer_max) {
          // Only a chunk's header line gets here: everything else is consumed or limited before.
          co_await answer_refusal(400, "malformed chunk header");
          co_return Read::refused;
        }
        if (!co_await fill_buffer()) co_return Read::lost;
        break;
      case RequestParser::Progress::header_done: {
        find_caller();
        if (parser.has_body() &&
            (request_.method() == Verb::get || request_.method() == Verb::head)) {
          co_await answer_refusal(400, "a GET request takes no body: use the query, or POST");
          co_return Read::refused;
        }
        if (!handler_.admit(request_, response_)) {
          // Whatever of a body follows is not worth keeping.
          if (response_.keep && drops_cheaply(parser)) {
            to_drop_ = static_cast<std::size_t>(parser.body_bytes_expected());
          } else if (parser.has_body()) {
            response_.close = true;
          }
          admitted_ = false;
          co_return Read::complete;
        }
        admitted_ = true;
        if (!parser.has_body()) break;
        if (request_.streams) {
          parser.lift_body_limit();
        } else if (!parser.body_fits()) {
          co_await answer_refusal(parser.failure_status(), parser.failure_text());
          co_return Read::refused;
        }
        set_deadline(now() + options_.body_timeout);
        const std::size_t here = end_ - begin_;
        if (parser.expects_continue() &&
            (parser.is_chunked() ? here == 0 : here < parser.body_bytes_expected())) {
          const std::array<asio::const_buffer, 3> interim = {
              asio::buffer(kContinue.data(), kContinue.size()), asio::const_buffer(),
              asio::const_buffer()};
          if (!co_await write_all(interim)) co_return Read::lost;
        }
        if (request_.streams) co_return Read::complete;
        if (request_.coding != Coding::identity) co_return co_await read_coded_body();
        if (!parser.is_chunked()) {
          co_return co_await read_sized_body();
        }
        break;
      }
    }
  }
}

bool Connection::drops_cheaply(const RequestParser& parser) {
  return !parser.is_chunked() && !parser.expects_continue() &&
         parser.body_bytes_expected() <= kDroppedBodyMax;
}

Task<bool> Connection::drop_body() {
  set_deadline(now() + options_.body_timeout);
  const std::size_t here = std::min(to_drop_, end_ - begin_);
  begin_ += here;
  to_drop_ -= here;
  while (to_drop_ > 0) {
    // Linux drops what has arrived without copying it (tcp(7), MSG_TRUNC).
    const ssize_t dropped =
        ::recv(socket_.native_handle(), nullptr, to_drop_, MSG_TRUNC | MSG_DONTWAIT);
    if (dropped > 0) {
      to_drop_ -= static_cast<std::size_t>(dropped);
      continue;
    }
    if (dropped == 0 || (errno != EAGAIN && errno != EINTR)) co_return false;
    const auto [ec] = co_await socket_.async_wait(Socket::wait_read, kToken);
    if (ec) co_return false;
  }
  co_return true;
}

bool Connection::answer_fits() {
  if (response_.body.size() <= kSmallAnswer) return true;
  if (answer_share_.resize(std::max(answer_share_.held(), response_.body.capacity()))) return true;
  if (response_.tells_of_a_change) {
    observe::log_info("api", "an answer to {} of {} bytes was dropped: api.answerBytesInFlight{}",
                      request_.path(), response_.body.size(), request_.trace_note());
    return false;
  }
  std::string origin = std::move(response_.allow_origin);
  response_.clear();
  response_.allow_origin = std::move(origin);
  response_.status = 503;
  handler_.refuse("answers that nobody reads take all the memory for them; retry", response_);
  return true;
}

void Connection::begin_head() {
  head_.clear();
  fmt::format_to(std::back_inserter(head_), "HTTP/1.1 {} {}\r\n", response_.status,
                 status_phrase(response_.status));
  const std::int64_t seconds = clock_.wall_seconds();
  if (seconds != shard_->date_seconds) {
    shard_->date_seconds = seconds;
    shard_->date = date_header(seconds);
  }
  head_ += shard_->date;
}

void Connection::end_head(bool keep_alive) {
  if (!keep_alive) {
    head_ += "Connection: close\r\n";
  } else if (request_.version() < 11) {
    head_ += "Connection: keep-alive\r\n";
  }
  append_cors_headers(head_, response_.allow_origin);
  head_ += response_.extra_headers;
  if (request_.trace) head_.append("Trace-Id: ").append(request_.trace->id()).append("\r\n");
  head_ += "\r\n";
}

ExchangeTimes Connection::times() const {
  const TimePoint end = now();
  const TimePoint received = received_ == TimePoint{} ? end : received_;
  const TimePoint worked = worked_ == TimePoint{} ? received : worked_;
  return {end - started_, received - started_, worked - received, end - worked};
}

Task<bool> Connection::write_response(bool keep_alive) {
  if (!answer_fits()) co_return false;
  if (may_encode()) {
    co_await encode_answer();
    if (!answer_fits()) co_return false;
  }
  // RFC 9110 sections 15.3.5 and 15.4.5.
  const bool has_body = response_.status != 204 && response_.status != 304;
  begin_head();
  if (has_body) {
    head_ += "Content-Type: ";
    head_ += response_.content_type;
    fmt::format_to(std::back_inserter(head_), "\r\nContent-Length: {}\r\n", response_.body.size());
  }
  end_head(keep_alive);
  std::array<asio::const_buffer, 3> buffers;
  if (has_body && request_.method() != Verb::head) {
    if (response_.body.size() <= kInlineBodyMax) {
      head_ += response_.body;
    } else {
      buffers[1] = asio::buffer(response_.body);
    }
  }
  buffers[0] = asio::buffer(head_);
  set_deadline(now() + options_.body_timeout);
  handler_.answering(request_, response_, times());
  const bool written = co_await write_all(buffers);
  handler_.answered(request_, response_, times());
  co_return written;
}

void Connection::prepare_refusal(unsigned status, std::string_view detail) {
  // What admit() has said about the page holds for a later refusal too.
  std::string allow_origin = std::move(response_.allow_origin);
  response_.clear();
  response_.status = status;
  response_.allow_origin = std::move(allow_origin);
  handler_.refuse(detail, response_);
  if (status == 415) {
    response_.extra_headers.append("Accept-Encoding: ").append(kCodingsTaken).append("\r\n");
  }
}

Task<void> Connection::answer_refusal(unsigned status, std::string_view detail) {
  prepare_refusal(status, detail);
  const bool written = co_await write_response(false);
  if (written) co_await linger();
}

Task<void> Connection::linger() {
  error_code ec;
  socket_.shutdown(Socket::shutdown_send, ec);
  if (ec) co_return;
  set_deadline(now() + kLingerTime);
  std::size_t dropped = 0;
  while (dropped < kLingerBytesMax) {
    begin_ = end_ = 0;
    if (!co_await fill_buffer()) co_return;
    dropped += end_;
  }
}

Task<bool> Connection::wait_for_request() {
  bool waiting = false;
  for (;;) {
    begin_ += RequestParser::empty_lines(buffered());
    // A lone CR is half of an empty line.
    if (begin_ != end_ && buffered() != "\r") co_return true;
    idle_ = true;
    if (shard_->stopping) co_return false;
    if (!waiting) {
      set_deadline(now() + (first_request_ ? options_.header_timeout : options_.idle_timeout));
    }
    waiting = true;
    if (!co_await fill_buffer()) co_return false;
  }
}

Task<void> Connection::run() {
  JD_ASSERT(shard_->owner.is_this_thread());
  error_code ignored;  // both are improvements, not needs
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  find_peer();
  request_.deadlines = &shard_->deadlines;
  request_.turns = &shard_->turns;
  link(shard_->deadlines);

  for (;;) {
    start_over();
    parser_.emplace(request_, options_.limits);
    if (!co_await wait_for_request()) co_return;
    idle_ = false;
    first_request_ = false;
    started_ = now();
    set_deadline(started_ + options_.header_timeout);

    received_ = worked_ = DeadlineList::TimePoint{};
    const Read read = co_await read_request();
    if (read != Read::complete) co_return;
    received_ = now();
    // From here on the handler answers for time.
    set_deadline(DeadlineList::kNever);
    if (admitted_) {
      if (request_.streams && !co_await begin_stream()) co_return;
      std::string failure;
      try {
        co_await handler_.handle(request_, response_);
      } catch (const std::exception& error) {
        failure = error.what();
        if (failure.empty()) failure = "exception";
      }
      // Wherever the handler has waited, it has come home.
      JD_ASSERT(shard_->owner.is_this_thread());
      worked_ = now();
      if (!failure.empty()) {
        observe::log_error("api", "{} failed: {}{}", request_.path(), failure,
                           request_.trace_note());
        // The answer stays without its end, so that nobody takes it for complete.
        if (streaming_ && streaming_->answered) co_return;
        streaming_.reset();
        co_await answer_refusal(500, "internal error");
        co_return;
      }
    }
    if (streaming_) {
      if (!co_await end_stream()) co_return;
      continue;
    }
    const bool keep_alive = stays_open();
    if (!co_await write_response(keep_alive)) co_return;
    if (keep_alive && to_drop_ > 0 && !co_await drop_body()) co_return;
    to_drop_ = 0;
    if (!keep_alive) {
      // At stop nobody waits for the peers to close; their requests were read to the end.
      if (!shard_->stopping) co_await linger();
      co_return;
    }
  }
}

Task<void> Connection::run_refusal() {
  JD_ASSERT(shard_->owner.is_this_thread());
  link(shard_->deadlines);
  error_code ignored;  // a blocking socket would only be closed later
  socket_.non_blocking(true, ignored);
  started_ = now();
  prepare_refusal(503, "too many connections");
  const bool written = co_await write_response(false);
  if (!written) co_return;
  if (const auto oldest = shard_->told.add(this)) (*oldest)->close();
  co_await linger();
}

}  // namespace jindou::http
