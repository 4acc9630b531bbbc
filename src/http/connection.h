// One connection of a server, from its first byte to its close: requests in, answers out, one after
// another. And what all connections of an io shard have in common. What concerns content codings
// is in coded_bodies.cc, what concerns streams in streamed_bodies.cc.
//
// Threads: everything here belongs to one io shard, which is asserted.
#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/assert.h"
#include "base/byte_budget.h"
#include "base/clock.h"
#include "http/decoder.h"
#include "http/exchange.h"
#include "http/request_parser.h"
#include "http/server_options.h"
#include "http/stream.h"
#include "runtime/client_address.h"
#include "runtime/thread_owner.h"
#include "runtime/told_refusals.h"

namespace jindou::http {

// A concrete executor: the type-erased default costs an indirect call per operation.
using Socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

class Connection;

// What belongs to one io shard; touched only there, which its connections assert.
struct ShardState {
  ShardState(boost::asio::io_context& io, unsigned number, std::size_t refusals_max)
      : context(io), timer(io), turns(io), index(number), told(refusals_max) {}

  runtime::ThreadOwner owner;
  boost::asio::io_context& context;
  boost::asio::steady_timer timer;
  Turns turns;
  unsigned index;
  DeadlineList deadlines;
  std::unordered_set<Connection*> connections;
  runtime::ToldRefusals<Connection*> told;  // used on shard 0 only
  std::int64_t date_seconds = -1;
  std::string date;
  bool stopping = false;
};

// Not thread-safe; kept alive by whoever runs its task.
class Connection final : public DeadlineList::Entry, private Stream {
 public:
  // `keeper` keeps what the references point to alive (but not `handler` and `clock`).
  Connection(std::shared_ptr<void> keeper, std::shared_ptr<ShardState> state,
             RequestHandler& handler, const Clock& clock, const ServerOptions& options,
             Socket socket)
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
  // For stop(): what is still to come of a streamed body is not waited for.
  void stop_reading();
  void close() {
    JD_ASSERT(shard_->owner.is_this_thread());
    boost::system::error_code ignored;  // there is nobody to tell
    socket_.close(ignored);
  }

  ShardState& shard() { return *shard_; }

 private:
  // Closing makes the pending operation end with an error, which ends run().
  void on_deadline() override {
    // The end of the connection counts as one byte.
    const bool stands_still = unsent_at_cut_ > 0 && unsent() >= unsent_at_cut_;
    if (stands_still || (streaming_ && streaming_->writing > 0)) forget_unsent();
    close();
  }
  // Bytes that the kernel has and the peer has not.
  int unsent() {
    int bytes = 0;
    return ::ioctl(socket_.native_handle(), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
  }
  // Who does not read his answer is told by a reset: behind what he has not read he would never see
  // an end, and the kernel would keep all of it for him.
  void forget_unsent() {
    boost::system::error_code ignored;
    socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  }

  DeadlineList::TimePoint now() const { return clock_.steady(); }
  std::string_view buffered() const {
    return std::string_view(buffer_.get() + begin_, end_ - begin_);
  }

  // A read buffer starts at a page, which holds any single send, and doubles whenever a read fills
  // it until a batch of 100 items (40 KB) fits into one read.
  static constexpr std::size_t kReadBufferMin = 4096;
  static constexpr std::size_t kReadBufferMax = std::size_t{64} << 10;
  // Buffers up to this size are what a connection costs in any case, and are not counted.
  static constexpr std::size_t kOwnBytes = kReadBufferMin;
  // A body grows by at least this much before its bytes have arrived; more only as they come, so
  // that a large Content-Length alone takes no memory.
  static constexpr std::size_t kBodyStepMin = std::size_t{64} << 10;

  enum class Read : std::uint8_t { complete, refused, lost };

  // False when the peer has gone or a deadline closed the socket.
  Task<bool> fill_buffer();
  Task<bool> write_all(std::array<boost::asio::const_buffer, 3> buffers);
  // Until something of the next request is there. False as fill_buffer().
  Task<bool> wait_for_request();
  Task<Read> read_sized_body();
  // Decodes while it reads.
  Task<Read> read_coded_body();
  // The next bytes of a body as they stand on the wire, without the framing of chunks. The view
  // holds until the next read. `broken`: the parser says how.
  Task<Part> next_piece(Wait wait, std::string_view& piece);
  bool may_encode() const;
  // Puts a coding on the answer if the caller likes one and there is room for the work.
  Task<void> encode_answer();
  // Makes the empty read buffer large enough for a body of which so many bytes are to come.
  void widen_buffer(std::size_t expected, std::size_t filled);
  Task<Read> refuse_body();
  // Of the buffers before the body, what is counted with it.
  std::size_t read_bytes_counted() const {
    return (capacity_ > kOwnBytes ? capacity_ : 0) +
           (pieces_.capacity() > kOwnBytes ? pieces_.capacity() : 0);
  }
  // Counts the rest of an answer that the peer does not take. False: there is no room for it.
  bool count_unread();
  // Makes place for `bytes` of body. False: the bodies of all connections take too much memory.
  bool reserve_body(std::size_t bytes);
  // Counts the answer, or puts a refusal in its place. False: nothing can be said.
  bool answer_fits();
  // Gives back what the last request held, or keeps a little of it for the next.
  void start_over();
  // Who is at the other end of the socket.
  void find_peer();
  // Where the caller is, when that is a trusted proxy; by the header of the request.
  void find_caller();
  // Whether an idle connection may keep buffers of `bytes`, which then are counted.
  static bool keeps(const ByteBudget* budget, BudgetShare& share, std::size_t bytes);
  static bool drops_cheaply(const RequestParser& parser);
  // What is left of a body that nobody wants. False as fill_buffer().
  Task<bool> drop_body();
  Task<bool> write_response(bool keep_alive);
  ExchangeTimes times() const;
  void prepare_refusal(unsigned status, std::string_view detail);
  Task<void> answer_refusal(unsigned status, std::string_view detail);
  Task<void> linger();
  Task<Read> read_request();
  // The status line and all headers but those that tell where the body ends.
  void begin_head();
  // Ends it with whether the connection stays open, and what the handler has to say.
  void end_head(bool keep_alive);
  bool stays_open() const { return !response_.close && parser_->keep_alive() && !shard_->stopping; }

  // False: there is no room for the buffers of a stream, which was answered.
  Task<bool> begin_stream();
  // False: the connection is to be closed.
  Task<bool> end_stream();
  Task<Part> read(Wait wait, std::string_view& piece) override;
  std::string_view problem() const override;
  void count_useful(std::size_t bytes) override;
  void end_reading() override;
  void set_answer_due(bool due) override;
  Task<bool> write(std::string_view piece) override;
  Task<bool> pause(std::chrono::milliseconds time) override;
  bool is_open() override { return socket_.is_open() && !was_reset(); }
  // Seen without reading: also behind a body that nobody reads at the moment. Who has closed and
  // was sent nothing since looks like who has only ended his upload.
  bool was_reset();
  // Decodes what is there of the body; `none`: more of it is needed.
  Part decode_part(std::string_view& piece);
  // The first call counts. Returns what it has said.
  Part end_body(Part part, std::string_view problem);
  // Until when it may be waited for more of a streamed body.
  DeadlineList::TimePoint read_deadline() const {
    return streaming_->answer_due ? DeadlineList::kNever : now() + options_.stream_timeout;
  }
  // Until there is something to read. False: the time is over, or reading has ended.
  Task<bool> wait_readable();

  // What a read() of a stream waits for in vain, and what a pause() waits for.
  class Waiting final : public DeadlineList::Entry {
   public:
    std::function<void(bool came)> complete;  // empty: none waits

   private:
    void on_deadline() override {
      if (complete) complete(false);
    }
  };

  // One streamed request.
  struct Streaming {
    explicit Streaming(const ServerOptions& options)
        : kept_share(options.body_budget), decoded_share(options.body_budget) {}

    std::unique_ptr<Decoder> decoder;  // null: the body is not coded
    BudgetShare kept_share;            // kKeptBytes, for the handler
    BudgetShare decoded_share;
    std::string decoded;       // the room for what comes out of the decoder
    std::string_view coded;    // of the last piece, what is still to be decoded
    bool more_output = false;  // the room was filled
    std::size_t received = 0;  // bytes that went into the decoder
    std::size_t useless = 0;   // that came out and were not of use, as far as that is known
    Waiting waiting;
    Waiting pausing;
    Part ended = Part::piece;  // how reading has ended; a piece: not yet
    std::string problem;
    bool answer_due = false;  // as the handler says
    bool answered = false;    // the header of the answer was sent
    bool keep_alive = false;  // as it said
    bool deaf = false;        // nobody takes more of the answer
    std::size_t writing = 0;  // bytes of the handler that are being written
  };
  std::shared_ptr<void> keeper_;
  std::shared_ptr<ShardState> shard_;
  RequestHandler& handler_;
  const Clock& clock_;
  const ServerOptions& options_;
  Socket socket_;
  runtime::IpAddress peer_;
  bool peer_is_proxy_ = false;  // a trusted one
  BudgetShare body_share_;
  BudgetShare answer_share_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Request request_;
  Response response_;
  std::optional<RequestParser> parser_;
  std::unique_ptr<Streaming> streaming_;  // while a handler streams
  int unsent_at_cut_ = 0;                 // of a stream that was ended before its body, when it was
  std::string pieces_;                    // of a chunked body that is read piece by piece
  std::size_t sized_left_ = 0;            // of one with a Content-Length, what is still to be read
  std::string head_;
  DeadlineList::TimePoint started_{};
  // When the request was complete, and when its handler was done; none: not yet.
  DeadlineList::TimePoint received_{};
  DeadlineList::TimePoint worked_{};
  bool idle_ = true;
  bool first_request_ = true;
  std::size_t to_drop_ = 0;  // bytes of a refused body
  // The handler has judged the header already.
  bool admitted_ = false;
};

}  // namespace jindou::http
