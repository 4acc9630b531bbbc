// One answer to "whom was it pushed to?", put together from all io shards.
#pragma once

#include <cstddef>
#include <functional>

#include "base/mutex.h"
#include "presence/push_report.h"

namespace jindou::gateway {

// Collects the reports of `shards` shards. Thread-safe.
class PushSurvey {
 public:
  using Done = std::function<void(presence::PushReport)>;

  PushSurvey(presence::PushQuery query, std::size_t shards, Done done);
  PushSurvey(const PushSurvey&) = delete;
  PushSurvey& operator=(const PushSurvey&) = delete;

  const presence::PushQuery& query() const { return query_; }
  // Each shard calls it once; the last one's call calls `done`.
  void add_shard(presence::PushReport report);

 private:
  const presence::PushQuery query_;
  Done done_;
  Mutex mutex_;
  std::size_t shards_left_ JD_GUARDED_BY(mutex_);
  presence::PushReport all_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::gateway
