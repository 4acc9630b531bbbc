#include "app/serve.h"

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>

#include "app/node.h"
#include "app/version.h"
#include "observe/log.h"

namespace jindou::app {

namespace {

// A session is a file descriptor: take as many as the system allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    observe::log_warn("app", "cannot raise the limit of open files above its soft value");
  }
}

}  // namespace

int serve(const config::LoadedSettings& loaded) {
  const config::Settings& settings = loaded.settings;
  observe::init_log(settings.logger.level, observe::default_log_format());
  for (const auto& warning : loaded.warnings) observe::log_warn("config", "{}", warning);
  raise_descriptor_limit();

  // Before any thread starts, so that all inherit the mask and the signal waits for us.
  boost::asio::io_context signals;
  boost::asio::signal_set stop_signals(signals, SIGINT, SIGTERM);
  std::signal(SIGPIPE, SIG_IGN);
  int received = 0;
  stop_signals.async_wait([&received](const boost::system::error_code& error, int signal) {
    if (!error) received = signal;
  });

  Node node(settings);
  if (const auto started = node.start(); !started) {
    observe::log_error("app", "cannot start: {}", started.error().detail());
    return 1;
  }
  std::printf("{\"event\":\"ready\",\"http\":\"%s\",\"tcp\":\"%s\",\"ws\":\"%s\"}\n",
              node.http_address().c_str(), node.tcp_address().c_str(), node.ws_address().c_str());
  std::fflush(stdout);
  observe::log_info("app", "jindou {} serves HTTP on {}, TCP on {}, WebSocket on {}, data in {}",
                    kVersion, node.http_address(), node.tcp_address(), node.ws_address(),
                    settings.data_dir);

  signals.run();
  observe::log_info("app", "stopping on signal {}", received);
  node.stop();
  observe::log_info("app", "stopped");
  return 0;
}

}  // namespace jindou::app
