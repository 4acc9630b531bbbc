// A request whose body is taken, and an answer that is given, piece by piece: for bodies and
// answers of any length, in memory that does not grow with them.
//
// A handler's admit() asks for it (Request::streams); handle() then runs before the body is read
// and finds it behind Request::stream. The connection slows the peer: what is not read here waits
// in the peer's own buffers, and write() returns when the peer has taken what came before. So a
// peer that sends without reading its answer comes to a halt, which ServerOptions::stream_timeout
// ends.
//
// Threads: the connection's shard. One coroutine may read while another one writes.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace jindou::http {

class Stream {
 public:
  virtual ~Stream() = default;

  // Of what was read a handler may keep so many bytes; they are counted already. So who waits for
  // room for more holds nothing, but what is on its way out of its hands, that others wait for.
  static constexpr std::size_t kKeptBytes = std::size_t{64} << 10;

  enum class Wait : bool { no, yes };
  enum class Part : std::uint8_t {
    piece,   // of the body, decoded; not empty
    none,    // with Wait::no: nothing is there now
    end,     // the body was complete
    broken,  // what came is no body: problem() says why. There is no more
    lost,    // the body was cut off, stood still for too long, or is not wanted any more: as above
  };
  // The next piece of the body. The view holds until the next call. After `end`, `broken` and
  // `lost` every call says the same.
  virtual boost::asio::awaitable<Part> read(Wait wait, std::string_view& piece) = 0;
  // A sentence for the caller. Valid after `broken` and `lost`.
  virtual std::string_view problem() const = 0;
  // So many bytes of what was read were of use, such as lines that are items. A coded body is
  // `broken` when more of it is not, once it is decoded, than ServerOptions::expansion_max times
  // what came of it and ParserLimits::body_bytes: a small one would keep the shard busy in vain.
  virtual void count_useful(std::size_t bytes) = 0;
  // From now on, and where a read() waits, it is `lost`: for who has read enough.
  virtual void end_reading() = 0;

  // While an answer is due the peer may be waiting for it: a read() that waits is not ended for
  // want of time, which begins anew afterwards.
  virtual void set_answer_due(bool due) = 0;

  // Sends a piece of the answer, the first time with the header before it, made from the Response
  // as it is then; afterwards only Response::close counts of it. An empty piece sends the header.
  // False: nobody takes it, or (HEAD) nobody is to; then there is nothing more to do. The end of
  // the answer is sent when the handler returns. A handler that never writes answers with the
  // Response as always.
  virtual boost::asio::awaitable<bool> write(std::string_view piece) = 0;

  // Waits so long, to within a tick of the server. False, at once or as soon as it is so: the
  // server stops, or the connection is closed. For answers that have no end of their own.
  virtual boost::asio::awaitable<bool> pause(std::chrono::milliseconds time) = 0;

  // False: the connection is closed, because the peer has gone or the server stops. A peer that has
  // gone is noticed once it refuses something: an answer, if only its header.
  virtual bool is_open() = 0;
};

}  // namespace jindou::http
