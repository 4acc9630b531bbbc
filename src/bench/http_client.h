// One HTTP request at a time, for setting the stage; measured requests go through http_load.h.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bench/net.h"

namespace jindou::bench {

class HttpClient {
 public:
  explicit HttpClient(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}

  // Posts JSON over a kept connection and returns the body of a 200. Blocks for ten seconds at
  // most. Errors: closed, deadline; invalid when the status is not 200 (the detail holds it and the
  // body's beginning).
  Result<std::string> post(std::string_view path, std::string_view json);

 private:
  Endpoint endpoint_;
  Fd fd_;
};

}  // namespace jindou::bench
