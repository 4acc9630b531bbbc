#include "http/server.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/mutex.h"
#include "config/settings.h"
#include "http/connection.h"
#include "observe/log.h"

namespace jindou::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Acceptor = asio::basic_socket_acceptor<tcp, asio::io_context::executor_type>;

constexpr auto kAcceptToken = asio::as_tuple(asio::use_awaitable);

// Of the refusals for want of connections, the first and then each hundredth is logged.
constexpr std::uint64_t kRefusalsPerLog = 100;
// After the file descriptors ran out.
constexpr std::chrono::milliseconds kAcceptPause{100};
// How long stop() waits after it has expired everything.
constexpr std::chrono::seconds kStopForced{2};

struct Listener {
  explicit Listener(asio::io_context& io) : acceptor(io), retry(io) {}
  Acceptor acceptor;
  asio::steady_timer retry;
};

}  // namespace

// Kept alive by the server and by everything that is still under way on a shard.
class Server::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(runtime::IoShards& io, RequestHandler& request_handler, const Clock& time,
       const ServerOptions& http_options)
      : shards(io), handler(request_handler), clock(time), options(http_options) {
    for (unsigned i = 0; i < shards.size(); ++i) {
      states.push_back(std::make_shared<ShardState>(shards.context(i), i, options.refusals_max));
    }
  }

  // Counts what stop() has to wait for: connections, acceptors, periodic timers.
  void enter() {
    const MutexLock lock(mutex);
    ++active;
  }
  void leave() {
    const MutexLock lock(mutex);
    if (--active == 0) idle.notify_all();
  }
  bool wait_idle(std::chrono::milliseconds limit) {
    MutexLock lock(mutex);
    return idle.wait_for(lock, limit, [this]() JD_REQUIRES(mutex) { return active == 0; });
  }

  void start_ticking();
  void tick(const std::shared_ptr<ShardState>& state);
  static Task<void> accept_loop(std::shared_ptr<Core> core, std::shared_ptr<Listener> listener);
  static Task<void> serve(std::shared_ptr<Connection> connection);
  void start_connection(Socket socket, const std::shared_ptr<ShardState>& state);
  void refuse_connection(Socket socket);
  void begin_stop();
  void force_stop();

  runtime::IoShards& shards;
  RequestHandler& handler;
  const Clock& clock;
  const ServerOptions options;
  std::vector<std::shared_ptr<ShardState>> states;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::atomic<std::size_t> connections{0};  // without refused ones
  // Used by accept loops only, all on shard 0.
  unsigned next_shard = 0;
  std::uint64_t refused = 0;
  bool ticking = false;
  bool stopped = false;
  std::string first_address;

  Mutex mutex;
  Condition idle;
  std::size_t active JD_GUARDED_BY(mutex) = 0;
};

namespace {

// On its shard, when its task is over.
void end_connection(Connection& connection, const std::exception_ptr& failure) {
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      observe::log_error("api", "a connection failed: {}", error.what());
    }
  }
  connection.shard().connections.erase(&connection);
  connection.unlink();
  connection.close();
}

}  // namespace

void Server::Core::start_ticking() {
  if (ticking) return;
  ticking = true;
  for (const auto& state : states) {
    enter();
    auto self = shared_from_this();
    shards.post(state->index, [self, state] { self->tick(state); });
  }
}

void Server::Core::tick(const std::shared_ptr<ShardState>& state) {
  if (state->stopping && state->connections.empty()) return leave();
  state->deadlines.expire(clock.steady());
  state->timer.expires_after(options.tick);
  state->timer.async_wait(
      [self = shared_from_this(), state](const error_code&) { self->tick(state); });
}

void Server::Core::start_connection(Socket socket, const std::shared_ptr<ShardState>& state) {
  if (connections.fetch_add(1) >= options.connections_max) {
    connections.fetch_sub(1);
    return refuse_connection(runtime::moved_to(states[0]->context, std::move(socket)));
  }
  enter();
  // A place is free when the memory of who had it is.
  std::shared_ptr<void> place(this, [self = shared_from_this()](Core* core) {
    core->connections.fetch_sub(1);
    core->leave();
  });
  auto connection = std::make_shared<Connection>(std::move(place), state, handler, clock, options,
                                                 std::move(socket));
  auto finished = [connection](const std::exception_ptr& failure) {
    end_connection(*connection, failure);
  };
  shards.post(state->index, [connection, finished = std::move(finished)]() mutable {
    ShardState& shard = connection->shard();
    shard.connections.insert(connection.get());
    asio::co_spawn(shard.context, connection->run(), std::move(finished));
  });
}

// Here, where connections are accepted, so that no more of them are open than are kept to be told.
void Server::Core::refuse_connection(Socket socket) {
  if (refused++ % kRefusalsPerLog == 0) {
    observe::log_warn("api", "more than {} connections: new ones are refused (api.maxConnections)",
                      options.connections_max);
  }
  enter();
  auto connection = std::make_shared<Connection>(shared_from_this(), states[0], handler, clock,
                                                 options, std::move(socket));
  auto finished = [self = shared_from_this(), connection](const std::exception_ptr& failure) {
    connection->shard().told.remove(connection.get());
    end_connection(*connection, failure);
    self->leave();
  };
  states[0]->connections.insert(connection.get());
  asio::co_spawn(states[0]->context, connection->run_refusal(), std::move(finished));
}

Task<void> Server::Core::accept_loop(std::shared_ptr<Core> core,
                                     std::shared_ptr<Listener> listener) {
  while (listener->acceptor.is_open()) {
    const auto state = core->states[core->next_shard++ % core->states.size()];
    auto [ec, socket] = co_await listener->acceptor.async_accept(state->context, kAcceptToken);
    if (!ec) {
      core->start_connection(std::move(socket), state);
      continue;
    }
    if (ec == asio::error::operation_aborted || !listener->acceptor.is_open()) break;
    if (ec == asio::error::connection_aborted) continue;
    observe::log_warn("api", "accept failed: {}", ec.message());
    listener->retry.expires_after(kAcceptPause);
    const auto [waited] = co_await listener->retry.async_wait(kAcceptToken);
    if (waited) break;
  }
}

void Server::Core::begin_stop() {
  auto self = shared_from_this();
  shards.post(0, [self] {
    for (const auto& listener : self->listeners) {
      error_code ignored;  // closing is all there is left to do
      listener->acceptor.close(ignored);
      listener->retry.cancel();
    }
  });
  for (const auto& state : states) {
    shards.post(state->index, [state] {
      state->stopping = true;
      for (Connection* connection : state->connections) {
        if (connection->is_idle()) {
          connection->close();
        } else {
          connection->stop_reading();
        }
      }
      state->timer.cancel();
    });
  }
}

void Server::Core::force_stop() {
  for (const auto& state : states) {
    shards.post(state->index, [state] {
      for (Connection* connection : state->connections) connection->close();
      // Everything that has a deadline at all is due now.
      state->deadlines.expire(DeadlineList::kNever - std::chrono::nanoseconds(1));
    });
  }
}

Server::Server(runtime::IoShards& shards, RequestHandler& handler, const Clock& clock,
               const ServerOptions& options)
    : core_(std::make_shared<Core>(shards, handler, clock, options)) {}

Server::~Server() { stop(); }

Result<void> Server::listen(const std::string& address) {
  JD_ASSERT(!core_->stopped);
  JD_TRY(const config::ListenAddress parsed, config::parse_listen_address(address));
  asio::io_context& context = core_->shards.context(0);
  error_code ec;
  tcp::endpoint endpoint(tcp::v4(), parsed.port);
  if (!parsed.host.empty()) {
    tcp::resolver resolver(context);
    const auto found = resolver.resolve(parsed.host, std::to_string(parsed.port), ec);
    if (ec || found.empty()) {
      return Error(Errc::invalid, "cannot resolve the address " + address + ": " + ec.message());
    }
    endpoint = found.begin()->endpoint();
  }
  auto listener = std::make_shared<Listener>(context);
  Acceptor& acceptor = listener->acceptor;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(Acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) endpoint = acceptor.local_endpoint(ec);
  if (ec) return Error(Errc::unavailable, "cannot listen on " + address + ": " + ec.message());
  if (core_->first_address.empty()) {
    const auto ip = endpoint.address();
    core_->first_address = fmt::format(fmt::runtime(ip.is_v6() ? "[{}]:{}" : "{}:{}"),
                                       ip.to_string(), endpoint.port());
  }
  core_->start_ticking();
  core_->enter();
  auto core = core_;
  core_->shards.post(0, [core, listener] {
    core->listeners.push_back(listener);
    auto task = Core::accept_loop(core, listener);
    asio::co_spawn(core->shards.context(0), std::move(task),
                   [core](const std::exception_ptr&) { core->leave(); });
  });
  return {};
}

std::string Server::address() const { return core_->first_address; }

void Server::stop() {
  if (core_->stopped) return;
  core_->stopped = true;
  for (unsigned i = 0; i < core_->shards.size(); ++i) JD_ASSERT(!core_->shards.on_shard(i));
  core_->begin_stop();
  if (core_->wait_idle(core_->options.stop_grace)) return;
  core_->force_stop();
  if (!core_->wait_idle(kStopForced)) {
    observe::log_warn("api", "{} connections were still busy at stop", core_->connections.load());
  }
}

std::size_t Server::connections() const { return core_->connections.load(); }

}  // namespace jindou::http
