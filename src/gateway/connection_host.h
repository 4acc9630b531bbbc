// What the connections of one io shard ask of whoever holds them: what they share, and what is not
// theirs to do.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/admission.h"
#include "gateway/outbound_buffer.h"
#include "gateway/session.h"
#include "gateway/ws_deflate.h"

namespace jindou::gateway {

class Connection;

enum class DeadlineKind : std::uint8_t {
  connect,  // no CONNECT yet
  login,    // no answer to the CONNECT yet
  kick,     // the grace of a kicked session is over
  linger,   // a closing connection does not take its last bytes
  refusal,  // a refused client did not ask in time, or did not take the answer
};

// All of it on the shard's thread. Implemented by Shard; the connections know no more of it.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;

  virtual boost::asio::io_context& context() = 0;
  virtual SessionEnv& env() = 0;
  virtual BufferPool& buffers() = 0;
  virtual Admission& admission() = 0;
  // One for all: whoever reads into it looks at what came before another one reads.
  virtual std::span<char> read_buffer() = 0;
  // For what comes out of TLS; made when it is first needed, as are the next two.
  virtual std::span<char> plain_buffer() = 0;
  virtual WsDeflater& deflater() = 0;
  virtual WsInflater& inflater() = 0;

  // Calls Connection::flush_dirty() when the current turn of the loop is over.
  virtual void add_dirty(std::shared_ptr<Connection> connection) = 0;
  // One line for an end that is not part of every day; so many a second, the others are counted.
  virtual void log_end(const Connection& connection, std::string_view cause,
                       std::string_view detail) = 0;
  // Of the connections that are open only to be told of their refusal the oldest are closed when
  // there are too many.
  virtual void keep_refused(Connection& connection) = 0;
  virtual void add_deadline(DeadlineKind kind, SessionId id, std::chrono::milliseconds after) = 0;
  virtual void begin_login(SessionId id, LoginRequest request) = 0;
  // Results come to Connection::finish_sends(), unless it is gone by then. Errors: as
  // SessionHost::submit().
  virtual Result<void> submit(SessionId id, std::vector<SendCommand> commands, std::uint64_t first,
                              std::uint64_t end) = 0;
  virtual void advance_commands(partition::AdvanceCommandPosition position) = 0;
  // Takes a closed connection out of the table; destroys it after the current call stack is gone.
  virtual void retire(std::shared_ptr<Connection> connection) = 0;
};

}  // namespace jindou::gateway
