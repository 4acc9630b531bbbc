#include "caller/top.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "caller/interrupt.h"
#include "caller/server_call.h"
#include "caller/server_numbers.h"

namespace jindou::caller {

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTopLook{100};
constexpr std::size_t kRoutesShown = 12;

constexpr const char* kTopFooter = R"(
Metrics are read from the manager port, which shows them without a token, or with one from the API
port (--url, --token-file).

Exit status:
  0  the looks of --count are over, or it was interrupted
  2  the command line or the token is wrong, or that is no such server
  3  the server was not reached
)";

struct Look {
  std::optional<ServerNumbers> numbers;
  std::string problem;
  int code = kAllSent;
};

Look look_at(const TopOptions& options) {
  const http::CallAnswer answer = ask_server(options, true, "/metrics");
  if (interrupted()) return {};
  if (answer.status == 0 || !answer.error.empty()) {
    return {std::nullopt, shown_url(options) + ": " + answer.error, kNotFinished};
  }
  if (!answer.ok()) {
    const bool passes = answer.status >= 500 || answer.status == 429;
    std::string problem = shown_url(options) + " answers " + std::to_string(answer.status);
    if (answer.status == 401) problem += ": give the token, or the address of the manager port";
    return {std::nullopt, std::move(problem), passes ? kNotFinished : kBadCall};
  }
  auto numbers = ServerNumbers::parse(answer.body);
  if (!numbers) {
    return {std::nullopt, shown_url(options) + "/metrics: " + numbers.error().detail(), kBadCall};
  }
  return {std::move(*numbers), {}, kAllSent};
}

bool is_screen(const TopOptions& options) {
  return options.progress == "auto" && ::isatty(STDOUT_FILENO) == 1;
}

bool show(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

std::string with_time(const std::string& line) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{:%H:%M:%S} {}\n", fmt::localtime(now), line);
}

// In pieces, so that Ctrl-C ends it at once.
void wait_until(Steady::time_point end) {
  while (!interrupted() && Steady::now() < end) {
    std::this_thread::sleep_for(
        std::min<Steady::duration>(kTopLook, std::max(Steady::duration(0), end - Steady::now())));
  }
}

}  // namespace

void add_options(CLI::App& app, TopOptions& options) {
  app.footer(kTopFooter);
  app.add_option("--url", options.url, "the server's manager port, or its HTTP API")
      ->capture_default_str();
  app.add_option("--token", options.token,
                 "the server's token; others on this machine can read it here, so rather use "
                 "--token-file or the variable JINDOU_TOKEN");
  app.add_option("--token-file", options.token_file, "a file whose first line is the token");
  app.add_option("--ca-file", options.ca_file,
                 "PEM file of authorities that may sign the certificate of an https server");
  app.add_option("--timeout", options.timeout,
                 "seconds for a connection, and without a byte on one")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--interval", options.interval, "seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--count", options.count, "end after so many looks; 0: never")
      ->capture_default_str();
  app.add_option("--progress", options.progress,
                 "auto: a screen on a terminal, else a line for each look; plain: lines")
      ->check(CLI::IsMember({"auto", "plain"}))
      ->capture_default_str();
}

int run_top(TopOptions options) {
  if (const auto valid = complete_server(options); !valid) {
    std::fprintf(stderr, "jindou top: %s\n", valid.error().detail().c_str());
    return kBadCall;
  }
  catch_interrupts();
  const bool screen = is_screen(options);
  Look before = look_at(options);
  auto looked = Steady::now();
  auto before_at = looked;
  if (!before.numbers) {
    if (interrupted()) return kAllSent;
    std::fprintf(stderr, "jindou top: %s\n", before.problem.c_str());
    return before.code;
  }
  const auto interval =
      std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(options.interval));
  for (std::uint64_t shown = 0; options.count == 0 || shown < options.count; ++shown) {
    wait_until(looked + interval);
    if (interrupted()) break;
    const auto begun = Steady::now();
    Look now = look_at(options);
    if (interrupted()) break;
    std::string text;
    if (now.numbers) {
      const double seconds = std::chrono::duration<double>(begun - before_at).count();
      const Span span{*before.numbers, *now.numbers, seconds};
      text =
          screen ? screen_text(span, shown_url(options), kRoutesShown) : with_time(line_text(span));
      before = std::move(now);
      before_at = begun;
    } else {
      text = screen ? now.problem + '\n' : with_time(now.problem);
    }
    looked = begun;
    // From the upper left corner, and what stood there away.
    if (screen) text.insert(0, "\x1b[H\x1b[2J");
    if (!show(text)) {
      std::fprintf(stderr, "jindou top: standard output cannot be written\n");
      return kNotFinished;
    }
  }
  return kAllSent;
}

}  // namespace jindou::caller
