// HTTP/1.1 server: listens, reads requests within limits, calls a RequestHandler, writes answers.
//
// Threads: a connection lives on the io shard it was given at accept (round robin) and its handler
// runs there. Requests of one connection are answered one after another, in order, so pipelining is
// safe. listen(), stop() and the destructor are for the thread that owns the server, never for a
// shard.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/byte_budget.h"
#include "base/clock.h"
#include "base/result.h"
#include "http/exchange.h"
#include "http/request_parser.h"
#include "runtime/io_shards.h"

namespace jindou::http {

struct ServerOptions {
  ParserLimits limits;
  // From the first byte of a header to its end; also how long a new connection may stay silent.
  std::chrono::milliseconds header_timeout{10'000};
  // For a whole body; also for the peer to take an answer.
  std::chrono::milliseconds body_timeout{30'000};
  // Between two requests of a connection.
  std::chrono::milliseconds idle_timeout{60'000};
  // Resolution of all time-outs: how often a shard looks at its deadlines.
  std::chrono::milliseconds tick{100};
  // Beyond it a connection is answered 503 and closed, before its request is read.
  std::size_t connections_max = 10'000;
  // So many of those are still open, so that the answer reaches them; the oldest go first.
  std::size_t refusals_max = 256;
  // Request bodies with the read buffers before them, and answers that are not taken yet, over all
  // connections and all servers that share the budget, with what idle connections keep of both;
  // null: not counted.
  std::shared_ptr<ByteBudget> body_budget;
  std::shared_ptr<ByteBudget> answer_budget;
  // How long stop() lets requests in flight finish.
  std::chrono::milliseconds stop_grace{2'000};
};

class Server {
 public:
  // Borrows all three; they outlive the server. `shards` may be started before or after.
  Server(runtime::IoShards& shards, RequestHandler& handler, const Clock& clock,
         const ServerOptions& options);
  // stop().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens on "host:port" (port 0: any free one). May be called for several addresses.
  // Errors: invalid (the address cannot be understood or resolved), unavailable (not bindable).
  Result<void> listen(const std::string& address);

  // "host:port" as bound by the first listen(); empty before.
  std::string address() const;

  // Stops accepting, closes idle connections, lets requests in flight finish within stop_grace,
  // then expires every deadline and closes the rest. Blocks until no connection is left, at most
  // stop_grace plus two seconds, which covers handlers that honour their deadlines. Needs the
  // shards to run. Idempotent.
  void stop();

  // Open connections, without those that are being refused. Thread-safe.
  std::size_t connections() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace jindou::http
