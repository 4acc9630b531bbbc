#include "gateway/push_survey.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace jindou::gateway {

PushSurvey::PushSurvey(presence::PushQuery query, std::size_t shards, Done done)
    : query_(std::move(query)), done_(std::move(done)), shards_left_(shards) {}

void PushSurvey::add_shard(presence::PushReport report) {
  presence::PushReport whole;
  {
    const MutexLock lock(mutex_);
    all_.since_ms = std::max(all_.since_ms, report.since_ms);
    all_.devices += report.devices;
    all_.acknowledged += report.acknowledged;
    all_.nameless += report.nameless;
    all_.listed.insert(all_.listed.end(), std::make_move_iterator(report.listed.begin()),
                       std::make_move_iterator(report.listed.end()));
    if (--shards_left_ > 0) return;
    whole = std::exchange(all_, {});
  }
  // Nobody else is left to come.
  std::sort(whole.listed.begin(), whole.listed.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.pushed_at_ms, a.session) < std::tuple(b.pushed_at_ms, b.session);
  });
  if (whole.listed.size() > query_.listed_max) whole.listed.resize(query_.listed_max);
  done_(std::move(whole));
}

}  // namespace jindou::gateway
