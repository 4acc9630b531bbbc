#include "api/api_server.h"

#include <utility>

namespace jindou::api {

ApiServer::ApiServer(ApiDeps deps, const ApiOptions& options)
    : services_(std::move(deps), options),
      router_(services_, all_routes()),
      server_(services_.deps.shards, router_, services_.deps.clock, services_.options.http) {}

ApiServer::~ApiServer() { stop(); }

Result<void> ApiServer::listen(const std::string& address) { return server_.listen(address); }

std::string ApiServer::address() const { return server_.address(); }

void ApiServer::stop() { server_.stop(); }

std::size_t ApiServer::connections() const { return server_.connections(); }

}  // namespace jindou::api
