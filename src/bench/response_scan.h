// Cheap reading of HTTP answers: the generator checks every answer, so it must not parse JSON.
#pragma once

#include <cstddef>
#include <string_view>

namespace jindou::bench {

struct ScannedResponse {
  enum class State { need_more, complete, broken };
  State state = State::need_more;
  int status = 0;
  std::string_view body;     // points into the scanned bytes
  std::size_t consumed = 0;  // bytes of the whole answer
  bool keep_alive = true;
  const char* problem = "";  // static text, set when broken
};

// Looks at the start of `bytes`. Understands answers with a Content-Length (or without a body:
// 204), the only form this server writes; "chunked" is reported as broken.
ScannedResponse scan_response(std::string_view bytes);

// How many members `"message_id": <n>` with n other than 0 the JSON text holds, and how many with
// 0. Spaces after the colon are allowed. Text inside payloads is not told apart: answers carry
// none.
struct IdCount {
  std::size_t given = 0;
  std::size_t zero = 0;
};
IdCount count_message_ids(std::string_view json);

}  // namespace jindou::bench
