// The HTTP API of one node, on its own port and on the manager port: routers and servers put
// together. Entry point of this module.
#pragma once

#include <memory>
#include <string>

#include "api/router.h"
#include "api/services.h"
#include "base/result.h"
#include "http/server.h"

namespace jindou::api {

// Made, started and stopped by one thread that is not a shard. What ApiDeps borrows outlives it;
// the core has to answer what it was given until stop() has returned.
class ApiServer {
 public:
  ApiServer(ApiDeps deps, const ApiOptions& options);
  // stop().
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // "host:port", port 0 for any free one. Errors: invalid, unavailable (see http::Server::listen).
  Result<void> listen(const std::string& address);
  // The same for the manager port.
  Result<void> listen_manager(const std::string& address);
  // As bound; empty before listen().
  std::string address() const;
  std::string manager_address() const;
  // Who may do what; updated by a reload.
  access::Access& access() { return services_.access; }
  // Stops accepting, finishes requests in flight within options.http.stop_grace, closes.
  // Idempotent.
  void stop();
  // Open connections of the API port, without those that are being refused. Thread-safe.
  std::size_t connections() const;

 private:
  Services services_;
  Router router_;
  http::Server server_;
  Router manager_router_;
  http::Server manager_server_;
};

}  // namespace jindou::api
