// GET /jobs/{id}/events: how a job goes on, as server-sent events (the EventSource of browsers).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "api/http_names.h"
#include "api/services.h"
#include "model/job.h"

namespace jindou::api {

// Reads the record of the job again and again, and tells of it when it has changed; ends when the
// job has, or is gone. Each event tells all there is to know, so there is nothing to be caught up
// with after an interruption. Memory: one event. Precondition: Request::stream.
Task<void> get_job_events(Services& services, Request& request, Response& response);

// How many items of a job are tried in a second, as somebody sees who looks at it now and then.
class SeenPace {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  void see(TimePoint now, const Job& job);
  // Over the last seconds. None: it was not seen twice.
  std::optional<std::uint64_t> per_second() const;

 private:
  struct Look {
    TimePoint when{};
    std::uint64_t cursor = 0;
  };
  std::deque<Look> looks_;  // the oldest first
  std::uint32_t pass_ = 0;
};

// How long the end of a job waits for the last counts of whom it has reached, which fan-out tells a
// little later; a part of them may never come (partition::CountReach). As somebody sees it who
// looks at the job now and then.
class ReachWait {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Whether the end that is seen `now` is not to be told yet. Of a job that is tried again each end
  // waits anew.
  bool goes_on(TimePoint now, const Job& job);

 private:
  std::optional<TimePoint> end_seen_;
  std::uint32_t pass_ = 0;
};

// One event, as it is written: "id: …", "event: …", "data: …" and an empty line. `data` has no line
// breaks.
std::string job_event(std::string_view name, std::int64_t id, std::string_view data);

}  // namespace jindou::api
