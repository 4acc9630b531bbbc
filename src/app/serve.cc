#include "app/serve.h"

#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/descriptor_budget.h"
#include "app/hangup_hold.h"
#include "app/node.h"
#include "app/options.h"
#include "app/private_files.h"
#include "app/reload_requests.h"
#include "app/service_notifier.h"
#include "app/version.h"
#include "base/machine_share.h"
#include "config/live_settings.h"
#include "observe/audit_log.h"
#include "observe/last_words.h"
#include "observe/line_writer.h"
#include "observe/log.h"

namespace jindou::app {

namespace {

// How long the start waits for a reader of standard output that hangs.
constexpr std::chrono::milliseconds kPatienceWithStdout{1'000};

// What listens where, for a line of the log; what does not listen is left out.
std::string shown_addresses(const Node& node) {
  const std::pair<std::string_view, std::string> services[] = {
      {"HTTP", node.http_address()},
      {"TCP", node.tcp_address()},
      {"WebSocket", node.ws_address()},
      {"TCP with TLS", node.tls_address()},
      {"WebSocket with TLS", node.wss_address()},
      {"the manager port", node.manager_address()},
      {"the chat demo", node.demo_address()},
  };
  std::string shown;
  for (const auto& [name, address] : services) {
    if (address.empty()) continue;
    if (!shown.empty()) shown += ", ";
    fmt::format_to(std::back_inserter(shown), "{} on {}", name, address);
  }
  if (node.on_both_loopbacks()) shown += " (localhost: [::1] as well)";
  return shown;
}

// One line on standard output. Whoever is to read it may hang as well: the server serves all the
// same.
void tell_ready(const Node& node) {
  const std::string line = fmt::format(
      R"({{"event":"ready","http":"{}","tcp":"{}","ws":"{}","tls":"{}","wss":"{}","manager":"{}",)"
      R"("demo":"{}"}})"
      "\n",
      node.http_address(), node.tcp_address(), node.ws_address(), node.tls_address(),
      node.wss_address(), node.manager_address(), node.demo_address());
  if (!observe::write_within(STDOUT_FILENO, line, kPatienceWithStdout)) {
    observe::log_warn("app", "the ready line was not written: nobody reads standard output");
  }
}

// Who gets in without a token, so that nobody has to find out.
void tell_about_tokens(const config::Settings& settings) {
  if (settings.token_auth_on) return;
  std::string open;
  for (const std::string& text :
       {settings.addr, settings.ws_addr, settings.tls_addr, settings.wss_addr}) {
    const auto address = config::parse_listen_address(text);
    if (!address || address->is_loopback()) continue;
    if (!open.empty()) open += ", ";
    open += text;
  }
  if (open.empty()) {
    observe::log_info("app",
                      "clients need no token (tokenAuthOn: false), so only this machine is "
                      "listened to; to serve others set tokenAuthOn: true, or write addr and "
                      "wsAddr down");
  } else {
    observe::log_warn("app",
                      "clients need no token (tokenAuthOn: false): whoever reaches {} is whoever "
                      "they say they are",
                      open);
  }
}

// `asked_by` are the members that say who asked.
void audit_reload(observe::AuditLog& audit, std::string_view asked_by,
                  const config::ReloadOutcome& outcome) {
  const auto list = [](const std::vector<std::string>& names) {
    return names.empty() ? std::string("[]") : fmt::format("[\"{}\"]", fmt::join(names, "\",\""));
  };
  audit.write(observe::AuditEvent::reload,
              fmt::format(R"("outcome":"{}",{},"with":{{"applied":{},"waiting":{}}})",
                          outcome.refused.empty() ? "ok" : "failed", asked_by,
                          list(outcome.report.applied), list(outcome.report.waiting)));
}

// Reads all sources again, and takes over what may change.
config::ReloadOutcome read_and_take_over(Node& node, const ReadSettings& read_again,
                                         std::size_t descriptors_max) {
  config::ReloadOutcome outcome;
  const auto loaded = read_again();
  if (!loaded) {
    outcome.refused = loaded.error().detail();
    return outcome;
  }
  outcome.warnings = loaded->warnings;
  // As at the start, or each reload would find other limits.
  config::Settings wanted = loaded->settings;
  (void)fit_connections(wanted, descriptors_max);
  auto report = node.reload(wanted);
  if (!report) {
    outcome.refused =
        "the new settings, or they together with what only a restart changes, are invalid: " +
        report.error().detail();
    return outcome;
  }
  node.set_sources({loaded->file, loaded->origins});
  outcome.report = std::move(*report);
  return outcome;
}

// The log names keys only: values may be secrets.
void log_reload(const config::ReloadOutcome& outcome) {
  for (const auto& warning : outcome.warnings) observe::log_warn("config", "{}", warning);
  if (!outcome.refused.empty()) {
    observe::log_error("config", "reload: nothing changed: {}", outcome.refused);
    return;
  }
  const config::ReloadReport& report = outcome.report;
  if (report.applied.empty() && report.waiting.empty()) {
    observe::log_info("config", "reload: no setting has changed");
    return;
  }
  if (!report.applied.empty()) {
    observe::log_info("config", "reload: applied {}", fmt::join(report.applied, ", "));
  }
  if (!report.waiting.empty()) {
    observe::log_warn("config", "reload: a restart is needed for {}",
                      fmt::join(report.waiting, ", "));
  }
}

bool has_applied(const config::ReloadReport& report, std::string_view key) {
  return std::find(report.applied.begin(), report.applied.end(), key) != report.applied.end();
}

constexpr std::string_view kBySignal = R"("by":"signal")";

// Waits for signals until one says to stop; returns that one.
class SignalLoop {
 public:
  using Handler = std::function<void()>;

  SignalLoop()
      : stop_signals_(context_, SIGINT, SIGTERM), hangups_(context_, SIGHUP), ticks_(context_) {
    stop_signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      received_ = signal;
      hangups_.cancel();
      ticks_.cancel();
    });
  }

  // Has run() call its `on_wake` soon. Thread-safe.
  void wake() {
    boost::asio::post(context_, [this] {
      if (received_ == 0) on_wake_();
    });
  }

  // `on_tick` every `interval`, and at once; 0: never.
  int run(Handler on_hangup, Handler on_wake, std::chrono::microseconds interval, Handler on_tick) {
    on_hangup_ = std::move(on_hangup);
    on_wake_ = std::move(on_wake);
    on_tick_ = std::move(on_tick);
    wait_for_hangup();
    if (interval.count() > 0) tick(interval);
    context_.run();
    return received_;
  }

 private:
  void tick(std::chrono::microseconds interval) {
    on_tick_();
    ticks_.expires_after(interval);
    ticks_.async_wait([this, interval](const boost::system::error_code& error) {
      if (!error && received_ == 0) tick(interval);
    });
  }

  void wait_for_hangup() {
    hangups_.async_wait([this](const boost::system::error_code& error, int) {
      if (error || received_ != 0) return;
      on_hangup_();
      wait_for_hangup();
    });
  }

  boost::asio::io_context context_;
  boost::asio::signal_set stop_signals_;
  boost::asio::signal_set hangups_;
  boost::asio::steady_timer ticks_;
  Handler on_hangup_;
  Handler on_wake_;
  Handler on_tick_;
  int received_ = 0;
};

}  // namespace

int serve(const config::LoadedSettings& loaded, const ReadSettings& read_again) {
  config::Settings settings = loaded.settings;
  observe::init_log(settings.logger.level, observe::default_log_format());
  observe::set_log_queue_bytes(settings.logger.queue_bytes);
  observe::install_last_words();
  for (const auto& warning : loaded.warnings) observe::log_warn("config", "{}", warning);
  observe::log_info("config", "{}; threads for {} processor(s)", loaded.fit, usable_processors());
  observe::log_info("config", "settings of {}", loaded.file.empty() ? "no file" : loaded.file);
  const std::string changed = config::changed_settings(loaded);
  observe::log_info("config", "settings that are no defaults: {}",
                    changed.empty() ? "none" : changed);
  const std::size_t descriptors_max = raise_descriptor_limit();
  if (const std::string said = fit_connections(settings, descriptors_max); !said.empty()) {
    observe::log_warn("app", "{}", said);
  }
  // Messages and tokens: what is created from here on is for this user alone.
  ::umask(S_IRWXG | S_IRWXO);
  warn_if_open(settings.data_dir);
  warn_if_of_another(settings.data_dir);

  // Before anything else starts: a signal during the start waits for us instead of killing.
  SignalLoop signals;
  release_hangups();
  std::signal(SIGPIPE, SIG_IGN);
  // A file size limit is then an error of one write, as a full disk is, and not the end.
  std::signal(SIGXFSZ, SIG_IGN);

  observe::AuditLog audit;
  if (const auto opened = audit.open(audit_options(settings)); !opened) {
    observe::log_error("app", "cannot start: {}", opened.error().detail());
    return 1;
  }
  ReloadRequests reloads([&signals] { signals.wake(); });
  Node node(settings, refusals_max(descriptors_max), audit);
  node.set_sources({loaded.file, loaded.origins});
  node.set_reload([&reloads](std::string asked_by, config::ReloadDone done) {
    reloads.ask(std::move(asked_by), std::move(done));
  });
  if (const auto started = node.start(); !started) {
    observe::log_error("app", "cannot start: {}", started.error().detail());
    // Before the node goes: it answers those who wait.
    reloads.close();
    return 1;
  }
  tell_ready(node);
  observe::log_info("app", "jindou {} serves {}; data in {}", kVersion, shown_addresses(node),
                    settings.data_dir);
  tell_about_tokens(settings);
  audit.write(
      observe::AuditEvent::start,
      fmt::format(R"("outcome":"ok","with":{{"version":"{}","pid":{}}})", kVersion, ::getpid()));

  const ServiceNotifier notifier = ServiceNotifier::from_environment();
  const auto tell_manager = [&] { notifier.ready("serves " + shown_addresses(node)); };
  tell_manager();
  const auto reload = [&](std::string_view asked_by) {
    notifier.reloading();
    config::ReloadOutcome outcome = read_and_take_over(node, read_again, descriptors_max);
    // Whoever rotates the file asks for a reload, and knows nothing of the settings.
    if (!outcome.refused.empty()) node.reopen_audit_log();
    log_reload(outcome);
    if (has_applied(outcome.report, "tokenAuthOn")) tell_about_tokens(*node.settings());
    audit_reload(audit, asked_by, outcome);
    tell_manager();
    return outcome;
  };
  const int received = signals.run([&] { (void)reload(kBySignal); }, [&] { reloads.serve(reload); },
                                   notifier.keep_alive_interval(),
                                   [&] {
                                     if (node.check_pulse()) notifier.keep_alive();
                                   });
  // While the node can answer those who wait.
  reloads.close();
  notifier.stopping();
  observe::log_info("app", "stopping on signal {}", received);
  node.stop();
  audit.write(observe::AuditEvent::stop,
              fmt::format(R"("outcome":"ok","by":"signal","with":{{"signal":{}}})", received));
  observe::log_info("app", "stopped");
  return 0;
}

}  // namespace jindou::app
