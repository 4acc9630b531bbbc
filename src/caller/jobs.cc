#include "caller/jobs.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "caller/asker.h"
#include "caller/event_stream.h"
#include "caller/interrupt.h"
#include "caller/job_text.h"
#include "caller/pace.h"
#include "caller/server_call.h"
#include "caller/shown_text.h"
#include "caller/status_line.h"

namespace jindou::caller {

namespace {

using Command = JobsOptions::Command;
using std::chrono::milliseconds;

constexpr const char* kJobsName = "jindou jobs";
constexpr milliseconds kJobLook{200};
constexpr std::size_t kEventBytesMax = std::size_t{64} << 10;
// Of the end of an answer that is looked at: its last line, in which results say how many there
// are.
constexpr std::size_t kLastLineBytesMax = 200;

TimePoint job_now() { return std::chrono::steady_clock::now(); }

std::string path_of(const JobsOptions& options) { return "/jobs/" + options.job; }

int list(const JobsOptions& options, const Asker& asker) {
  std::string path = "/jobs?limit=" + std::to_string(options.limit);
  if (!options.state.empty()) path += "&state=" + options.state;
  if (!options.before.empty()) path += "&before=" + options.before;
  int code = kAllSent;
  const auto body = asker.get(path, code);
  if (!body) return code;
  if (options.json) return asker.print(*body + '\n');
  bool more = false;
  const auto jobs = parse_jobs(*body, more);
  if (!jobs) return asker.fail(kNotFinished, jobs.error().detail());
  if (!jobs->empty()) code = asker.print(table_of(*jobs));
  if (more) asker.fail(code, "there are older ones: --before " + jobs->back().id);
  return code;
}

int show(const JobsOptions& options, const Asker& asker) {
  int code = kAllSent;
  const auto body = asker.get(path_of(options), code);
  if (!body) return code;
  return asker.print(options.json ? *body + '\n' : lines_of(*body));
}

int act(const JobsOptions& options, const Asker& asker) {
  int code = kAllSent;
  std::string path = path_of(options) + '/' + command_name(options.command);
  if (options.only_failed) path += "?only=failed";
  const auto body = asker.post(path, "", code);
  if (!body) return code;
  if (options.json) return asker.print(*body + '\n');
  const auto job = parse_job(*body);
  if (!job) return asker.fail(kNotFinished, job.error().detail());
  return asker.print(progress_text(*job) + '\n');
}

int results(const JobsOptions& options, const Asker& asker) {
  std::string path = path_of(options) + "/results?from=" + std::to_string(options.from);
  if (!options.status.empty()) path += "&status=" + options.status;
  std::string last;
  bool written = true;
  // All but the last line, which is no result.
  std::string held;
  const auto answer = ask_server(options, true, path, [&](std::string_view piece) {
    held += piece;
    if (held.size() <= kLastLineBytesMax) return;
    const std::size_t bytes = held.size() - kLastLineBytesMax;
    written = written && std::fwrite(held.data(), 1, bytes, stdout) == bytes;
    held.erase(0, bytes);
  });
  int code = kAllSent;
  const bool whole = held.ends_with('\n');
  const auto line = whole ? held.rfind('\n', held.size() - 2) : held.rfind('\n');
  const std::size_t begin = line == std::string::npos ? 0 : line + 1;
  const bool complete = whole && held.compare(begin, 12, "{\"done\":true") == 0;
  if (complete) held.resize(begin);
  written = written && std::fwrite(held.data(), 1, held.size(), stdout) == held.size();
  if (!written || std::fflush(stdout) != 0) {
    return asker.fail(kNotFinished, "standard output cannot be written");
  }
  if (!asker.is_success(answer, code)) return code;
  return complete ? kAllSent
                  : asker.fail(kNotFinished, "the answer was cut off: results are missing");
}

// Follows one job, over as many answers as that takes.
class Watch {
 public:
  Watch(const JobsOptions& options, const Asker& asker)
      : options_(options),
        asker_(asker),
        line_(show_of(options.progress), stderr, std::string(kJobsName) + ": ", job_now()),
        patience_(options.patience, random_) {}

  int run();

 private:
  // Whether the end was heard, or there is no use in asking again: `code_` is the exit code.
  bool listen();
  void on_event(const ServerEvent& event);
  bool wait_to_try_again(const std::string& why, milliseconds asked);

  const JobsOptions& options_;
  const Asker& asker_;
  SystemRandom random_;
  TerminalLine line_;
  Patience patience_;
  std::optional<JobView> end_;
  std::string shown_state_;
  std::string problem_;
  int code_ = kNotFinished;
};

void Watch::on_event(const ServerEvent& event) {
  auto job = parse_job(event.data);
  if (!job) {
    problem_ = job.error().detail();
    return;
  }
  patience_.succeeded();
  if (options_.json && asker_.print(event.data + '\n') != kAllSent) problem_ = "there is no output";
  // What is new is shown at once, progress now and then.
  const bool is_new = shown_state_ != job->state;
  shown_state_ = job->state;
  if (event.name == "end") {
    end_ = std::move(*job);
  } else if (is_new || line_.is_due(job_now())) {
    line_.draw(progress_text(*job), job_now());
  }
}

bool Watch::listen() {
  bool too_large = false;
  EventStream events(kEventBytesMax, [this](const ServerEvent& event) { on_event(event); });
  const auto answer = ask_server(options_, true, path_of(options_) + "/events",
                                 [&](std::string_view piece) { too_large = !events.take(piece); });
  if (end_) {
    line_.say(end_text(*end_));
    code_ = end_code(*end_);
    return true;
  }
  if (interrupted()) {
    line_.say("interrupted; the job goes on, watch it again or cancel it");
    return true;
  }
  if (too_large) problem_ = "the server answers with an event that is too large";
  if (!problem_.empty()) {
    code_ = asker_.fail(kNotFinished, problem_);
    return true;
  }
  const bool passes =
      answer.status == 0 || answer.ok() || answer.status == 429 || answer.status >= 500;
  if (!passes) {
    asker_.is_success(answer, code_);
    return true;
  }
  const std::string why = !answer.error.empty() ? answer.error
                          : answer.ok()         ? "the answer was cut off"
                                                : words_of(answer);
  return !wait_to_try_again(shown_url(options_) + ": " + why, answer.retry_after);
}

bool Watch::wait_to_try_again(const std::string& why, milliseconds asked) {
  const auto wait = patience_.wait(job_now(), asked);
  if (!wait) {
    line_.say(why + "; given up after " + duration_text(options_.patience));
    code_ = kNotFinished;
    return false;
  }
  line_.say(why + "; trying again in " + duration_text(std::max(1.0, Seconds(*wait).count())));
  const TimePoint until = job_now() + *wait;
  while (job_now() < until && !interrupted()) {
    const auto left = std::chrono::ceil<milliseconds>(until - job_now());
    ::poll(nullptr, 0, static_cast<int>(std::min(left, kJobLook).count()));
  }
  return true;
}

int Watch::run() {
  while (!listen()) {
  }
  return code_;
}

}  // namespace

int run_jobs(JobsOptions options) {
  ::signal(SIGPIPE, SIG_IGN);
  const Asker asker(options, kJobsName);
  if (const auto completed = complete(options); !completed) {
    return asker.fail(kBadCall, completed.error().detail());
  }
  catch_interrupts();
  switch (options.command) {
    case Command::list: return list(options, asker);
    case Command::show: return show(options, asker);
    case Command::watch: return Watch(options, asker).run();
    case Command::results: return results(options, asker);
    case Command::pause:
    case Command::resume:
    case Command::cancel:
    case Command::retry: break;
  }
  return act(options, asker);
}

}  // namespace jindou::caller
