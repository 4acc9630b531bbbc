#include "api/route_stats.h"

#include <algorithm>

namespace jindou::api {

void RouteStats::add_route(std::string_view path) {
  auto& sums = routes_[path];
  if (!sums) sums = std::make_unique<Sums>();
}

void RouteStats::count(std::string_view path, std::chrono::nanoseconds took) {
  const auto found = routes_.find(path);
  if (found == routes_.end()) return;
  found->second->count.fetch_add(1, std::memory_order_relaxed);
  found->second->timed.fetch_add(1, std::memory_order_relaxed);
  found->second->nanoseconds.fetch_add(static_cast<std::uint64_t>(took.count()),
                                       std::memory_order_relaxed);
}

void RouteStats::count_untimed(std::string_view path) {
  const auto found = routes_.find(path);
  if (found == routes_.end()) return;
  found->second->count.fetch_add(1, std::memory_order_relaxed);
}

std::vector<RouteStats::Entry> RouteStats::entries() const {
  std::vector<Entry> out;
  for (const auto& [path, sums] : routes_) {
    const std::uint64_t count = sums->count.load(std::memory_order_relaxed);
    if (count == 0) continue;
    const std::uint64_t timed = sums->timed.load(std::memory_order_relaxed);
    const std::uint64_t total = sums->nanoseconds.load(std::memory_order_relaxed);
    const std::uint64_t average = timed == 0 ? 0 : total / timed;
    out.push_back(Entry{path, count, std::chrono::nanoseconds(average)});
  }
  std::ranges::sort(out, [](const Entry& a, const Entry& b) {
    return a.count != b.count ? a.count > b.count : a.path < b.path;
  });
  return out;
}

}  // namespace jindou::api
