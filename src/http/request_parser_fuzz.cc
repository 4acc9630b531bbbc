// Arbitrary bytes as one HTTP request, given whole and in small pieces: both readings must agree,
// and what is taken from the query must not depend on anything but the query.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/query.h"
#include "http/request_parser.h"

namespace {

using jindou::http::ParserLimits;
using jindou::http::Request;
using jindou::http::RequestParser;
using Progress = RequestParser::Progress;

struct Outcome {
  Progress progress = Progress::need_more;
  unsigned status = 0;
  std::size_t used = 0;
};

Outcome read(std::string_view input, std::size_t piece, Request& request) {
  ParserLimits limits;
  limits.header_bytes = 1024;
  limits.header_fields = 20;
  limits.target_bytes = 200;
  limits.body_bytes = 4096;
  RequestParser parser(request, limits);
  Outcome outcome;
  std::size_t available = 0;
  for (;;) {
    std::size_t consumed = 0;
    outcome.progress = parser.feed(input.substr(outcome.used, available - outcome.used), consumed);
    outcome.used += consumed;
    if (outcome.progress == Progress::header_done) continue;
    if (outcome.progress == Progress::failed) outcome.status = parser.failure_status();
    if (outcome.progress != Progress::need_more || available == input.size()) return outcome;
    available = std::min(input.size(), available + piece);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Request whole;
  const Outcome at_once = read(input, input.size() + 1, whole);
  Request parts;
  const Outcome in_pieces = read(input, 3, parts);
  if (at_once.progress == Progress::done) {
    if (in_pieces.progress != Progress::done || in_pieces.used != at_once.used) std::abort();
    if (whole.body != parts.body || whole.path() != parts.path()) std::abort();
    if (whole.header_count() != parts.header_count()) std::abort();
    if (!whole.body.empty() &&
        whole.body.capacity() < whole.body.size() + jindou::http::kBodyPadding) {
      std::abort();
    }
  } else if (in_pieces.progress == Progress::done) {
    std::abort();
  }
  const std::string value = jindou::http::find_query_value(input, "channel_id");
  if (value.size() > input.size()) std::abort();
  (void)jindou::http::query_number(value);
  (void)whole.query_value("login_uid");
  (void)whole.header("token");
  return 0;
}
