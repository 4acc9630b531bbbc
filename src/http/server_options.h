// What a server is told at its start: limits, time-outs, budgets of memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "base/byte_budget.h"
#include "http/request_parser.h"
#include "runtime/client_address.h"

namespace jindou::http {

struct ServerOptions {
  ParserLimits limits;
  // From the first byte of a header to its end; also how long a new connection may stay silent.
  std::chrono::milliseconds header_timeout{10'000};
  // For a whole body; also for the peer to take an answer.
  std::chrono::milliseconds body_timeout{30'000};
  // A streamed body of which nothing more comes, a streamed answer of which nothing more is taken.
  std::chrono::milliseconds stream_timeout{60'000};
  // Between two requests of a connection.
  std::chrono::milliseconds idle_timeout{60'000};
  // Resolution of all time-outs: how often a shard looks at its deadlines.
  std::chrono::milliseconds tick{100};
  // Beyond it a connection is answered 503 and closed, before its request is read.
  std::size_t connections_max = 10'000;
  // So many of those are still open, so that the answer reaches them; the oldest go first.
  std::size_t refusals_max = 256;
  // Request bodies with the read buffers and decoders before them, and answers that are not taken
  // yet, over all connections and all servers that share the budget, with what idle connections
  // keep of both; of bodies also what handlers have made of them, as far as they count it; null:
  // not counted.
  std::shared_ptr<ByteBudget> body_budget;
  std::shared_ptr<ByteBudget> answer_budget;
  // Answers of more bytes are coded when the caller accepts it and their type gains by it (see
  // is_compressible). False: never.
  bool encode_answers = true;
  std::size_t encode_bytes_min = 1024;
  // How many times what came of a streamed body may be of no use when it is decoded
  // (Stream::count_useful), beyond the limit of a body. The number is that of Apache's mod_deflate.
  std::size_t expansion_max = 200;
  // How long stop() lets requests in flight finish.
  std::chrono::milliseconds stop_grace{2'000};
  // Whose X-Forwarded-For and X-Real-IP say where a caller is (Request::peer).
  runtime::NetworkList trusted_proxies;
};

}  // namespace jindou::http
