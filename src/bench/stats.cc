#include "bench/stats.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace jindou::bench {

std::uint64_t percentile(std::vector<std::uint64_t>& samples, double percent) {
  if (samples.empty()) return 0;
  const double rank = std::ceil(static_cast<double>(samples.size()) * percent / 100.0);
  const auto index =
      std::min(samples.size() - 1, rank < 1.0 ? 0 : static_cast<std::size_t>(rank) - 1);
  const auto nth = samples.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(samples.begin(), nth, samples.end());
  return *nth;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

double smallest(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

double largest(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

std::uint64_t nanoseconds_since(std::chrono::steady_clock::time_point start) {
  const auto elapsed = std::chrono::steady_clock::now() - start;
  const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count();
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return static_cast<double>(nanoseconds_since(start)) / 1e9;
}

}  // namespace jindou::bench
