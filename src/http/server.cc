#include "http/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <ctime>
#include <exception>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/free_memory.h"
#include "base/mutex.h"
#include "config/settings.h"
#include "observe/log.h"
#include "runtime/thread_owner.h"
#include "runtime/told_refusals.h"

namespace jindou::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using IoExecutor = asio::io_context::executor_type;
// A concrete executor: the type-erased default costs an indirect call per operation.
using Socket = asio::basic_stream_socket<tcp, IoExecutor>;
using Acceptor = asio::basic_socket_acceptor<tcp, IoExecutor>;
using TimePoint = DeadlineList::TimePoint;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

// A read buffer starts at a page, which holds any single send, and doubles whenever a read fills it
// until a batch of 100 items (40 KB) fits into one read.
constexpr std::size_t kReadBufferMin = 4096;
constexpr std::size_t kReadBufferMax = std::size_t{64} << 10;
// A body grows by at least this much before its bytes have arrived; more only as they come, so that
// a large Content-Length alone takes no memory.
constexpr std::size_t kBodyStepMin = std::size_t{64} << 10;
// Answers up to this size are counted only when the peer does not take them at once, which few do
// not: most cost the budget nothing.
constexpr std::size_t kSmallAnswer = std::size_t{64} << 10;
// Buffers up to this size are what a connection costs in any case, and are not counted.
constexpr std::size_t kOwnBytes = kReadBufferMin;
// Small bodies are copied behind the header instead of being written as a second buffer.
constexpr std::size_t kInlineBodyMax = 1024;
// A refused body up to this size is dropped for the sake of the connection: a batch of 1000 items
// is 400 KB, which costs less than a new connection would.
constexpr std::size_t kDroppedBodyMax = std::size_t{1} << 20;
// What is read and dropped after an early refusal, so that the close does not reset the connection
// before the peer has seen the answer.
constexpr std::size_t kLingerBytesMax = std::size_t{16} << 20;
constexpr std::chrono::seconds kLingerTime{2};
// Of the refusals for want of connections, the first and then each hundredth is logged.
constexpr std::uint64_t kRefusalsPerLog = 100;
// After the file descriptors ran out.
constexpr std::chrono::milliseconds kAcceptPause{100};
// How long stop() waits after it has expired everything.
constexpr std::chrono::seconds kStopForced{2};

// Beside the origin that may read the answer.
constexpr std::string_view kCorsHeaders =
    "Access-Control-Allow-Credentials: true\r\n"
    "Access-Control-Allow-Methods: POST, OPTIONS, GET, PUT, DELETE, PATCH\r\n"
    "Access-Control-Allow-Headers: Content-Type, Content-Length, Accept-Encoding, Authorization, "
    "token, X-Requested-With, Accept, Origin, Cache-Control, Jindou-Strict, Idempotency-Key\r\n"
    "Access-Control-Expose-Headers: X-Batch-Failed, Retry-After, Idempotency-Replay\r\n";

void append_cors_headers(std::string& out, std::string_view allow_origin) {
  if (allow_origin != "*") out += "Vary: Origin\r\n";
  if (allow_origin.empty()) return;
  out += "Access-Control-Allow-Origin: ";
  out += allow_origin;
  out += "\r\n";
  out += kCorsHeaders;
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

class Connection;

// What belongs to one io shard; touched only there, which its connections assert.
struct ShardState {
  ShardState(asio::io_context& io, unsigned number, std::size_t refusals_max)
      : context(io), timer(io), turns(io), index(number), told(refusals_max) {}

  runtime::ThreadOwner owner;
  asio::io_context& context;
  asio::steady_timer timer;
  Turns turns;
  unsigned index;
  DeadlineList deadlines;
  std::unordered_set<Connection*> connections;
  runtime::ToldRefusals<Connection*> told;  // used on shard 0 only
  std::int64_t date_seconds = -1;
  std::string date;
  bool stopping = false;
};

struct Listener {
  explicit Listener(asio::io_context& io) : acceptor(io), retry(io) {}
  Acceptor acceptor;
  asio::steady_timer retry;
};

}  // namespace

// Kept alive by the server and by everything that is still under way on a shard.
class Server::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(runtime::IoShards& io, RequestHandler& request_handler, const Clock& time,
       const ServerOptions& http_options)
      : shards(io), handler(request_handler), clock(time), options(http_options) {
    for (unsigned i = 0; i < shards.size(); ++i) {
      states.push_back(std::make_shared<ShardState>(shards.context(i), i, options.refusals_max));
    }
  }

  // Counts what stop() has to wait for: connections, acceptors, periodic timers.
  void enter() {
    const MutexLock lock(mutex);
    ++active;
  }
  void leave() {
    const MutexLock lock(mutex);
    if (--active == 0) idle.notify_all();
  }
  bool wait_idle(std::chrono::milliseconds limit) {
    MutexLock lock(mutex);
    return idle.wait_for(lock, limit, [this]() JD_REQUIRES(mutex) { return active == 0; });
  }

  void start_ticking();
  void tick(const std::shared_ptr<ShardState>& state);
  static Task<void> accept_loop(std::shared_ptr<Core> core, std::shared_ptr<Listener> listener);
  static Task<void> serve(std::shared_ptr<Connection> connection);
  void start_connection(Socket socket, const std::shared_ptr<ShardState>& state);
  void refuse_connection(Socket socket);
  void begin_stop();
  void force_stop();

  runtime::IoShards& shards;
  RequestHandler& handler;
  const Clock& clock;
  const ServerOptions options;
  std::vector<std::shared_ptr<ShardState>> states;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::atomic<std::size_t> connections{0};  // without refused ones
  // Used by accept loops only, all on shard 0.
  unsigned next_shard = 0;
  std::uint64_t refused = 0;
  bool ticking = false;
  bool stopped = false;
  std::string first_address;

  Mutex mutex;
  Condition idle;
  std::size_t active JD_GUARDED_BY(mutex) = 0;
};

namespace {

using CorePtr = std::shared_ptr<void>;

class Connection final : public DeadlineList::Entry {
 public:
  // `keeper` keeps what the references point to alive (but not `handler` and `clock`).
  Connection(CorePtr keeper, std::shared_ptr<ShardState> state, RequestHandler& handler,
             const Clock& clock, const ServerOptions& options, Socket socket)
      : keeper_(std::move(keeper)),
        shard_(std::move(state)),
        handler_(handler),
        clock_(clock),
        options_(options),
        socket_(std::move(socket)),
        body_share_(options.body_budget),
        answer_share_(options.answer_budget) {}

  // On its shard. Ends when the connection is closed; never throws for network reasons.
  Task<void> run();
  // Tells the peer that there are too many connections, without waiting for its request. On shard
  // 0.
  Task<void> run_refusal();

  // For stop(): nothing has arrived of a next request.
  bool is_idle() const { return idle_; }
  void close() {
    JD_ASSERT(shard_->owner.is_this_thread());
    error_code ignored;  // there is nobody to tell
    socket_.close(ignored);
  }

  ShardState& shard() { return *shard_; }

 private:
  // Closing makes the pending operation end with an error, which ends run().
  void on_deadline() override { close(); }

  TimePoint now() const { return clock_.steady(); }
  std::string_view buffered() const {
    return std::string_view(buffer_.get() + begin_, end_ - begin_);
  }

  enum class Read : std::uint8_t { complete, refused, lost };

  // False when the peer has gone or a deadline closed the socket.
  Task<bool> fill_buffer();
  Task<bool> write_all(std::array<asio::const_buffer, 2> buffers);
  // Until something of the next request is there. False as fill_buffer().
  Task<bool> wait_for_request();
  Task<Read> read_sized_body();
  Task<Read> refuse_body();
  // Of the read buffer, what is counted with the body.
  std::size_t read_bytes_counted() const { return capacity_ > kOwnBytes ? capacity_ : 0; }
  // Counts the rest of an answer that the peer does not take. False: there is no room for it.
  bool count_unread();
  // Makes place for `bytes` of body. False: the bodies of all connections take too much memory.
  bool reserve_body(std::size_t bytes);
  // Counts the answer, or puts a refusal in its place. False: nothing can be said.
  bool answer_fits();
  // Gives back what the last request held, or keeps a little of it for the next.
  void start_over();
  // Whether an idle connection may keep buffers of `bytes`, which then are counted.
  static bool keeps(const ByteBudget* budget, BudgetShare& share, std::size_t bytes);
  static bool drops_cheaply(const RequestParser& parser);
  // What is left of a body that nobody wants. False as fill_buffer().
  Task<bool> drop_body();
  Task<bool> write_response(bool keep_alive);
  void prepare_refusal(unsigned status, std::string_view detail);
  Task<void> answer_refusal(unsigned status, std::string_view detail);
  Task<void> linger();
  Task<Read> read_request();

  CorePtr keeper_;
  std::shared_ptr<ShardState> shard_;
  RequestHandler& handler_;
  const Clock& clock_;
  const ServerOptions& options_;
  Socket socket_;
  BudgetShare body_share_;
  BudgetShare answer_share_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Request request_;
  Response response_;
  std::optional<RequestParser> parser_;
  std::string head_;
  TimePoint started_{};
  bool idle_ = true;
  bool first_request_ = true;
  std::size_t to_drop_ = 0;  // bytes of a refused body
  // The handler has judged the header already.
  bool admitted_ = false;
};

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

Task<bool> Connection::write_all(std::array<asio::const_buffer, 2> buffers) {
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
    for (asio::const_buffer& buffer : buffers) {
      const std::size_t part = std::min(bytes, buffer.size());
      buffer += part;
      bytes -= part;
    }
    if (buffers[0].size() == 0 && buffers[1].size() == 0) co_return true;
  }
}

bool Connection::reserve_body(std::size_t bytes) {
  if (!body_share_.resize(std::max(body_share_.held(), bytes + read_bytes_counted()))) return false;
  request_.reserve_body(bytes);
  return true;
}

bool Connection::count_unread() {
  const std::size_t held = response_.body.capacity() + head_.capacity();
  if (held <= kOwnBytes || held <= answer_share_.held()) return true;
  if (answer_share_.resize(held)) return true;
  observe::log_info("api", "an answer to {} of {} bytes was cut off: api.answerBytesInFlight",
                    request_.path(), response_.body.size());
  return false;
}

void Connection::start_over() {
  request_.clear();
  response_.clear();
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
  if (filled < expected && capacity_ < kReadBufferMax && begin_ == end_) {
    const std::size_t wanted = std::min(kReadBufferMax, std::max(2 * capacity_, expected + 1024));
    if (body_share_.resize(std::max(body_share_.held(), filled + wanted))) {
      buffer_ = std::make_unique_for_overwrite<char[]>(wanted);
      capacity_ = wanted;
      begin_ = end_ = 0;
    }
  }
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
          co_await answer_refusal(413, "the request body is too large: this path takes at most " +
                                           std::to_string(request_.body_bytes_max) + " bytes");
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
        set_deadline(now() + options_.body_timeout);
        const std::size_t here = end_ - begin_;
        if (parser.expects_continue() &&
            (parser.is_chunked() ? here == 0 : here < parser.body_bytes_expected())) {
          const std::array<asio::const_buffer, 2> interim = {
              asio::buffer(kContinue.data(), kContinue.size()), asio::const_buffer()};
          if (!co_await write_all(interim)) co_return Read::lost;
        }
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
    observe::log_info("api", "an answer to {} of {} bytes was dropped: api.answerBytesInFlight",
                      request_.path(), response_.body.size());
    return false;
  }
  std::string origin = std::move(response_.allow_origin);
  response_.clear();
  response_.allow_origin = std::move(origin);
  response_.status = 503;
  handler_.refuse("answers that nobody reads take all the memory for them; retry", response_);
  return true;
}

Task<bool> Connection::write_response(bool keep_alive) {
  if (!answer_fits()) co_return false;
  // RFC 9110 sections 15.3.5 and 15.4.5.
  const bool has_body = response_.status != 204 && response_.status != 304;
  head_.clear();
  fmt::format_to(std::back_inserter(head_), "HTTP/1.1 {} {}\r\n", response_.status,
                 status_phrase(response_.status));
  const std::int64_t seconds = clock_.wall_seconds();
  if (seconds != shard_->date_seconds) {
    shard_->date_seconds = seconds;
    shard_->date = date_header(seconds);
  }
  head_ += shard_->date;
  if (has_body) {
    head_ += "Content-Type: ";
    head_ += response_.content_type;
    fmt::format_to(std::back_inserter(head_), "\r\nContent-Length: {}\r\n", response_.body.size());
  }
  if (!keep_alive) {
    head_ += "Connection: close\r\n";
  } else if (request_.version() < 11) {
    head_ += "Connection: keep-alive\r\n";
  }
  append_cors_headers(head_, response_.allow_origin);
  head_ += response_.extra_headers;
  head_ += "\r\n";
  std::array<asio::const_buffer, 2> buffers;
  if (has_body && request_.method() != Verb::head) {
    if (response_.body.size() <= kInlineBodyMax) {
      head_ += response_.body;
    } else {
      buffers[1] = asio::buffer(response_.body);
    }
  }
  buffers[0] = asio::buffer(head_);
  set_deadline(now() + options_.body_timeout);
  const bool written = co_await write_all(buffers);
  handler_.answered(response_, now() - started_);
  co_return written;
}

void Connection::prepare_refusal(unsigned status, std::string_view detail) {
  // What admit() has said about the page holds for a later refusal too.
  std::string allow_origin = std::move(response_.allow_origin);
  response_.clear();
  response_.status = status;
  response_.allow_origin = std::move(allow_origin);
  handler_.refuse(detail, response_);
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
  if (const auto peer = socket_.remote_endpoint(ignored); !ignored) {
    request_.peer = peer.address().to_string();
  }
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

    const Read read = co_await read_request();
    if (read != Read::complete) co_return;
    // From here on the handler answers for time.
    set_deadline(DeadlineList::kNever);
    if (admitted_) {
      std::string failure;
      try {
        co_await handler_.handle(request_, response_);
      } catch (const std::exception& error) {
        failure = error.what();
        if (failure.empty()) failure = "exception";
      }
      // Wherever the handler has waited, it has come home.
      JD_ASSERT(shard_->owner.is_this_thread());
      if (!failure.empty()) {
        observe::log_error("api", "{} failed: {}", request_.path(), failure);
        co_await answer_refusal(500, "internal error");
        co_return;
      }
    }
    const bool keep_alive = !response_.close && parser_->keep_alive() && !shard_->stopping;
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

// On its shard, when its task is over.
void end_connection(Connection& connection, const std::exception_ptr& failure) {
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      observe::log_error("api", "a connection failed: {}", error.what());
    }
  }
  connection.shard().connections.erase(&connection);
  connection.unlink();
  connection.close();
}

}  // namespace

void Server::Core::start_ticking() {
  if (ticking) return;
  ticking = true;
  for (const auto& state : states) {
    enter();
    auto self = shared_from_this();
    shards.post(state->index, [self, state] { self->tick(state); });
  }
}

void Server::Core::tick(const std::shared_ptr<ShardState>& state) {
  if (state->stopping && state->connections.empty()) return leave();
  state->deadlines.expire(clock.steady());
  state->timer.expires_after(options.tick);
  state->timer.async_wait(
      [self = shared_from_this(), state](const error_code&) { self->tick(state); });
}

void Server::Core::start_connection(Socket socket, const std::shared_ptr<ShardState>& state) {
  if (connections.fetch_add(1) >= options.connections_max) {
    connections.fetch_sub(1);
    return refuse_connection(runtime::moved_to(states[0]->context, std::move(socket)));
  }
  enter();
  auto connection = std::make_shared<Connection>(shared_from_this(), state, handler, clock, options,
                                                 std::move(socket));
  auto finished = [self = shared_from_this(), connection](const std::exception_ptr& failure) {
    end_connection(*connection, failure);
    self->connections.fetch_sub(1);
    self->leave();
  };
  shards.post(state->index, [connection, finished = std::move(finished)]() mutable {
    ShardState& shard = connection->shard();
    shard.connections.insert(connection.get());
    asio::co_spawn(shard.context, connection->run(), std::move(finished));
  });
}

// Here, where connections are accepted, so that no more of them are open than are kept to be told.
void Server::Core::refuse_connection(Socket socket) {
  if (refused++ % kRefusalsPerLog == 0) {
    observe::log_warn("api", "more than {} connections: new ones are refused (api.maxConnections)",
                      options.connections_max);
  }
  enter();
  auto connection = std::make_shared<Connection>(shared_from_this(), states[0], handler, clock,
                                                 options, std::move(socket));
  auto finished = [self = shared_from_this(), connection](const std::exception_ptr& failure) {
    connection->shard().told.remove(connection.get());
    end_connection(*connection, failure);
    self->leave();
  };
  states[0]->connections.insert(connection.get());
  asio::co_spawn(states[0]->context, connection->run_refusal(), std::move(finished));
}

Task<void> Server::Core::accept_loop(std::shared_ptr<Core> core,
                                     std::shared_ptr<Listener> listener) {
  while (listener->acceptor.is_open()) {
    const auto state = core->states[core->next_shard++ % core->states.size()];
    auto [ec, socket] = co_await listener->acceptor.async_accept(state->context, kToken);
    if (!ec) {
      core->start_connection(std::move(socket), state);
      continue;
    }
    if (ec == asio::error::operation_aborted || !listener->acceptor.is_open()) break;
    if (ec == asio::error::connection_aborted) continue;
    observe::log_warn("api", "accept failed: {}", ec.message());
    listener->retry.expires_after(kAcceptPause);
    const auto [waited] = co_await listener->retry.async_wait(kToken);
    if (waited) break;
  }
}

void Server::Core::begin_stop() {
  auto self = shared_from_this();
  shards.post(0, [self] {
    for (const auto& listener : self->listeners) {
      error_code ignored;  // closing is all there is left to do
      listener->acceptor.close(ignored);
      listener->retry.cancel();
    }
  });
  for (const auto& state : states) {
    shards.post(state->index, [state] {
      state->stopping = true;
      for (Connection* connection : state->connections) {
        if (connection->is_idle()) connection->close();
      }
      state->timer.cancel();
    });
  }
}

void Server::Core::force_stop() {
  for (const auto& state : states) {
    shards.post(state->index, [state] {
      for (Connection* connection : state->connections) connection->close();
      // Everything that has a deadline at all is due now.
      state->deadlines.expire(DeadlineList::kNever - std::chrono::nanoseconds(1));
    });
  }
}

Server::Server(runtime::IoShards& shards, RequestHandler& handler, const Clock& clock,
               const ServerOptions& options)
    : core_(std::make_shared<Core>(shards, handler, clock, options)) {}

Server::~Server() { stop(); }

Result<void> Server::listen(const std::string& address) {
  JD_ASSERT(!core_->stopped);
  JD_TRY(const config::ListenAddress parsed, config::parse_listen_address(address));
  asio::io_context& context = core_->shards.context(0);
  error_code ec;
  tcp::endpoint endpoint(tcp::v4(), parsed.port);
  if (!parsed.host.empty()) {
    tcp::resolver resolver(context);
    const auto found = resolver.resolve(parsed.host, std::to_string(parsed.port), ec);
    if (ec || found.empty()) {
      return Error(Errc::invalid, "cannot resolve the address " + address + ": " + ec.message());
    }
    endpoint = found.begin()->endpoint();
  }
  auto listener = std::make_shared<Listener>(context);
  Acceptor& acceptor = listener->acceptor;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(Acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) endpoint = acceptor.local_endpoint(ec);
  if (ec) return Error(Errc::unavailable, "cannot listen on " + address + ": " + ec.message());
  if (core_->first_address.empty()) {
    const auto ip = endpoint.address();
    core_->first_address = fmt::format(fmt::runtime(ip.is_v6() ? "[{}]:{}" : "{}:{}"),
                                       ip.to_string(), endpoint.port());
  }
  core_->start_ticking();
  core_->enter();
  auto core = core_;
  core_->shards.post(0, [core, listener] {
    core->listeners.push_back(listener);
    auto task = Core::accept_loop(core, listener);
    asio::co_spawn(core->shards.context(0), std::move(task),
                   [core](const std::exception_ptr&) { core->leave(); });
  });
  return {};
}

std::string Server::address() const { return core_->first_address; }

void Server::stop() {
  if (core_->stopped) return;
  core_->stopped = true;
  for (unsigned i = 0; i < core_->shards.size(); ++i) JD_ASSERT(!core_->shards.on_shard(i));
  core_->begin_stop();
  if (core_->wait_idle(core_->options.stop_grace)) return;
  core_->force_stop();
  if (!core_->wait_idle(kStopForced)) {
    observe::log_warn("api", "{} connections were still busy at stop", core_->connections.load());
  }
}

std::size_t Server::connections() const { return core_->connections.load(); }

}  // namespace jindou::http
