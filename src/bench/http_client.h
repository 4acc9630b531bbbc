// One HTTP request at a time, for setting the stage; measured requests go through http_load.h.
#pragma once

#include <chrono>
#include <functional>
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
  // The same without a body.
  Result<std::string> get(std::string_view path);
  // Posts lines of JSON in chunks, as RequestTemplate makes them of the form `lines`, until `next`
  // gives an empty one, and returns the body of a 202. Ten seconds for each chunk and the answer.
  Result<std::string> post_lines(std::string_view path,
                                 const std::function<std::string_view()>& next);

 private:
  Result<void> open();
  // All of it. `what` names the request in errors.
  Result<void> send(const std::string& what, std::string_view bytes);
  Result<std::string> read_answer(const std::string& what, int status);

  Endpoint endpoint_;
  Fd fd_;
};

}  // namespace jindou::bench
