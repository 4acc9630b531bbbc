#include "api/api_server.h"

#include <utility>

#include "api/all_routes.h"

namespace jindou::api {

ApiServer::ApiServer(ApiDeps deps, const ApiOptions& options)
    : services_(std::move(deps), options, document_of_all_routes),
      router_(services_, all_routes()),
      server_(services_.deps.shards, router_, services_.deps.clock, services_.options.http),
      manager_router_(services_, all_routes(), Port::manager),
      manager_server_(services_.deps.shards, manager_router_, services_.deps.clock,
                      services_.options.manager_http) {}

ApiServer::~ApiServer() { stop(); }

Result<void> ApiServer::listen(const std::string& address) { return server_.listen(address); }

Result<void> ApiServer::listen_manager(const std::string& address) {
  return manager_server_.listen(address);
}

std::string ApiServer::address() const { return server_.address(); }

std::string ApiServer::manager_address() const { return manager_server_.address(); }

void ApiServer::stop() {
  // The API first: it has the longer queue, and monitoring can watch it drain.
  server_.stop();
  manager_server_.stop();
}

std::size_t ApiServer::connections() const { return server_.connections(); }

}  // namespace jindou::api
