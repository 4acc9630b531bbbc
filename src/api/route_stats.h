// How often each route was called and how long it took, for GET /varz.
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace jindou::api {

// Routes are added before the first request is counted; from then on thread-safe. Counting is three
// relaxed additions.
class RouteStats {
 public:
  struct Entry {
    std::string_view path;
    std::uint64_t count = 0;
    std::chrono::nanoseconds average{0};  // of those with a time; 0 when there are none
  };

  // `path` is a constant. Repeated calls are harmless.
  void add_route(std::string_view path);
  // Unknown paths are not counted.
  void count(std::string_view path, std::chrono::nanoseconds took);
  // One whose time says nothing of the server.
  void count_untimed(std::string_view path);
  // Of the routes that were called, the most called first.
  std::vector<Entry> entries() const;

 private:
  struct Sums {
    std::atomic<std::uint64_t> count{0};
    std::atomic<std::uint64_t> timed{0};  // of them
    std::atomic<std::uint64_t> nanoseconds{0};
  };
  boost::unordered_flat_map<std::string_view, std::unique_ptr<Sums>> routes_;
};

}  // namespace jindou::api
