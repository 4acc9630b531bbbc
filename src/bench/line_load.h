// Batches as lines over kept connections, a stream on each: lines go out as fast as the server
// takes them while the results of earlier ones come in; every result is checked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/net.h"
#include "bench/request_template.h"

namespace jindou::bench {

class LineLoad {
 public:
  struct Round {
    std::uint64_t messages = 0;  // answered with an id, within the round
    double seconds = 0;
    std::uint64_t sent = 0;  // all of them, and what was answered later

    double per_second() const { return seconds > 0 ? static_cast<double>(messages) / seconds : 0; }
  };

  // `shape` has the form `lines`: its items go out in one write.
  LineLoad(Endpoint endpoint, std::size_t connections, const RequestTemplate::Shape& shape,
           const std::vector<std::string>& payloads);

  Result<void> connect();

  // One stream on each connection, fed for `seconds` or until so many lines are sent; then waits
  // for the results still out, which are checked but not counted. Errors: invalid when a line was
  // not answered with an id, closed, deadline when nothing comes for 30 s.
  Result<Round> run(double seconds, std::uint64_t messages_max = UINT64_MAX);

 private:
  struct Connection {
    Fd fd;
    std::unique_ptr<RequestTemplate> lines;
    Outbox out;
    std::string in;              // what is not yet read as an answer
    std::string line;            // the beginning of one
    std::size_t chunk_left = 0;  // of the chunk that is being read
    bool in_body = false;
    bool end_sent = false;
    bool ended = false;
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    bool watching_writable = false;
  };

  Result<void> begin(std::size_t index);
  // Keeps the connection busy: lines while `running`, then the end of the body.
  Result<void> feed(std::size_t index, bool running);
  Result<void> receive(std::size_t index);
  Result<void> read_answer(Connection& connection);
  Result<void> read_text(Connection& connection, std::string_view text);
  static Result<void> check_line(Connection& connection, std::string_view line);

  Endpoint endpoint_;
  Poller poller_;
  std::vector<Connection> connections_;
  std::size_t items_;
  unsigned group_count_;
  std::uint64_t next_number_ = 1;
  unsigned next_group_ = 0;
};

}  // namespace jindou::bench
