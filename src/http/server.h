// HTTP/1.1 server: listens, reads requests within limits, calls a RequestHandler, writes answers.
//
// Threads: a connection lives on the io shard it was given at accept (round robin) and its handler
// runs there. Requests of one connection are answered one after another, in order, so pipelining is
// safe. listen(), stop() and the destructor are for the thread that owns the server, never for a
// shard.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "http/exchange.h"
#include "http/server_options.h"
#include "runtime/io_shards.h"

namespace jindou::http {

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

  // Open connections, and closed ones whose memory is not free yet; without those that are being
  // refused. Thread-safe.
  std::size_t connections() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace jindou::http
