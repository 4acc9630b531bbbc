// One POST whose body is written while its answer is read, over libcurl: neither has to be in
// memory, and neither has a length. For whoever speaks to a server that answers a stream with one.
// Or a GET, for an answer that comes piece by piece.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/sender.h"

namespace jindou::http {

struct StreamedRequest {
  std::string url;                   // http:// or https://
  std::vector<std::string> headers;  // "Name: value"
  std::chrono::milliseconds connect_timeout{10'000};
  std::string ca_file;  // as that of a Call
  bool is_get = false;  // without a body: nobody is asked for one
};

class StreamedCall {
 public:
  enum class Body : std::uint8_t {
    bytes,  // as many as `written`, which is then not 0
    later,  // none now: it is asked again with the next step
    end,    // that was all of the body
    stop,   // the call is over, whatever it has not sent
  };
  struct Handlers {
    // Writes the next bytes of the body into `room`.
    std::function<Body(std::span<char> room, std::size_t& written)> write_body;
    // Bytes of the answer, of an answer with status 2xx; it lasts for the call.
    std::function<void(std::string_view piece)> take_answer;
  };

  StreamedCall(StreamedRequest request, Handlers handlers);
  ~StreamedCall();
  StreamedCall(const StreamedCall&) = delete;
  StreamedCall& operator=(const StreamedCall&) = delete;

  // Moves what can be moved, then waits for `wait` at most, until more can be moved or descriptor
  // `input` (-1: none) can be read. False: the call has ended. Exceptions of handlers come out
  // here. One thread.
  bool step(std::chrono::milliseconds wait, int input = -1);

  // Whether bytes have gone or come since this was asked last.
  bool has_moved();

  // When it has ended. The body is that of another status than 2xx, up to 64 KiB; `error` tells of
  // a call that broke off, also behind a beginning of an answer. After `stop` there is no error.
  const CallAnswer& answer() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jindou::http
