#include "api/job_events.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include "api/answers.h"
#include "api/job_json.h"
#include "codec/json_writer.h"

namespace jindou::api {
namespace {

using std::chrono::milliseconds;

// What SeenPace looks back at.
constexpr std::size_t kLooksMax = 10;
// For a proxy that keeps answers back, and for one that keeps them.
constexpr std::string_view kHeaders = "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n";
// How long an EventSource waits before it comes again.
constexpr std::string_view kRetry = "retry: 2000\n";
constexpr std::string_view kHeartbeat = ":\n\n";

// One of the listeners that there may be.
class Place {
 public:
  Place(std::atomic<std::size_t>& taken, std::size_t most) : taken_(taken) {
    is_there_ = ++taken_ <= most;
  }
  ~Place() { --taken_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  bool is_there() const { return is_there_; }

 private:
  std::atomic<std::size_t>& taken_;
  bool is_there_;
};

// Of ReachWait.
constexpr std::chrono::seconds kReachWait{2};

bool awaits_reach(const Job& job) {
  return is_ended(job.state) && job.options.kind == JobKind::send &&
         job.reach.messages < job.counts.accepted;
}

// What is told of it: who runs it is not.
Job told_of(Job job) {
  job.runner = 0;
  job.settled = false;
  return job;
}

std::string event_of(const Job& job, const SeenPace& pace) {
  std::string data;
  codec::JsonWriter json(data);
  const bool ended = is_ended(job.state);
  write_job(json, job, ended ? std::nullopt : pace.per_second());
  return job_event(ended ? "end" : "progress", job.changed_ms, data);
}

std::string event_of_gone(const Job& job) {
  std::string data;
  codec::JsonWriter json(data);
  json.begin_object();
  json.string("id", job.id);
  json.string("state", "deleted");
  json.end_object();
  return job_event("end", job.changed_ms, data);
}

Task<void> tell(Services& services, Request& request, Job job) {
  const JobEventOptions& options = services.options.job_events;
  http::Stream& stream = *request.stream;
  SeenPace pace;
  auto told = services.deps.clock.steady();
  pace.see(told, job);
  ReachWait reach_wait;
  std::string text(kRetry);
  text += event_of(job, pace);
  for (;;) {
    if (!text.empty()) {
      const bool taken = co_await stream.write(text);
      if (!taken || is_ended(job.state)) co_return;
      text.clear();
    }
    const bool goes_on = co_await stream.pause(options.interval);
    if (!goes_on) co_return;
    std::string id = job.id;
    auto now_is = co_await load_job(services, std::move(id));
    const auto now = services.deps.clock.steady();
    // What cannot be read now may be readable the next time.
    if (now_is && !*now_is) {
      text = event_of_gone(job);
      (void)co_await stream.write(text);
      co_return;
    }
    if (now_is) pace.see(now, **now_is);
    const bool waits = now_is && reach_wait.goes_on(now, **now_is);
    if (now_is && !waits && told_of(**now_is) != told_of(job)) {
      job = std::move(**now_is);
      text = event_of(job, pace);
    } else if (now >= told + options.heartbeat) {
      text = kHeartbeat;
    }
    if (!text.empty()) told = now;
  }
}

}  // namespace

std::string job_event(std::string_view name, std::int64_t id, std::string_view data) {
  std::string text = "id: " + std::to_string(id) + "\nevent: ";
  text.append(name).append("\ndata: ").append(data).append("\n\n");
  return text;
}

void SeenPace::see(TimePoint now, const Job& job) {
  if (job.pass != pass_) looks_.clear();
  pass_ = job.pass;
  looks_.push_back({now, job.cursor});
  if (looks_.size() > kLooksMax) looks_.pop_front();
}

std::optional<std::uint64_t> SeenPace::per_second() const {
  if (looks_.empty() || looks_.back().when <= looks_.front().when) return std::nullopt;
  const std::chrono::duration<double> took = looks_.back().when - looks_.front().when;
  const auto items = static_cast<double>(looks_.back().cursor - looks_.front().cursor);
  return static_cast<std::uint64_t>(items / took.count() + 0.5);
}

bool ReachWait::goes_on(TimePoint now, const Job& job) {
  if (!is_ended(job.state) || job.pass != pass_) end_seen_.reset();
  pass_ = job.pass;
  if (!awaits_reach(job)) return false;
  if (!end_seen_) end_seen_ = now;
  return now < *end_seen_ + kReachWait;
}

Task<void> get_job_events(Services& services, Request& request, Response& response) {
  Place place(services.job_listeners, services.options.job_events.listeners_max);
  if (!place.is_there()) {
    answer_error(response, 429, errc_name(Errc::overloaded),
                 "as many listen to events of jobs as may (jobs.eventListeners): retry later, or "
                 "ask GET /jobs/{id} now and then");
    co_return;
  }
  auto job = co_await find_job(services, request, response);
  if (!job) co_return;
  // Whoever has heard the end and comes again is to come no more, which is what 204 says to an
  // EventSource.
  if (is_ended(job->state) && request.header("Last-Event-ID") == std::to_string(job->changed_ms)) {
    response.status = 204;
    co_return;
  }
  response.content_type = "text/event-stream";
  response.extra_headers += kHeaders;
  Job known = std::move(*job);
  co_await tell(services, request, std::move(known));
}

}  // namespace jindou::api
