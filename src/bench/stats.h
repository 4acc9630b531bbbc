// Small statistics over measured samples. Pure; no thread-safety beyond that of values.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace jindou::bench {

// The value below or at which `percent` of the samples lie (nearest rank, so it is always one of
// the samples); 0 for no samples. `percent` is within (0, 100]. Reorders `samples`: O(n).
std::uint64_t percentile(std::vector<std::uint64_t>& samples, double percent);

// The middle value, or the mean of the two middle ones; 0 for no values.
double median(std::vector<double> values);

double smallest(const std::vector<double>& values);
double largest(const std::vector<double>& values);

// Time since `start` in nanoseconds, never negative.
std::uint64_t nanoseconds_since(std::chrono::steady_clock::time_point start);
double seconds_since(std::chrono::steady_clock::time_point start);

}  // namespace jindou::bench
