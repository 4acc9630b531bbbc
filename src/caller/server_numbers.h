// The numbers of a running server, as its GET /metrics tells them, and what two looks at them say:
// rates, percentiles, how near its limits it is. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::caller {

// One series: its name and what stands between the braces.
struct Sample {
  std::string labels;
  double value = 0;
};

// One look. A value.
class ServerNumbers {
 public:
  // Errors: invalid (not the exposition of a server of this kind).
  static Result<ServerNumbers> parse(std::string_view exposition);

  // The sum of all series of that name, or of those whose labels have `part` ("status=\"429\"" or
  // the beginning of one). 0: there is none.
  double sum(std::string_view name, std::string_view part = {}) const;
  const std::vector<Sample>& series(std::string_view name) const;

 private:
  std::map<std::string, std::vector<Sample>, std::less<>> by_name_;
};

// The value of a label; empty: there is none.
std::string_view label_of(std::string_view labels, std::string_view name);

// What was counted between two looks at a histogram, or at its series with `part`: below which
// value the share `q` of it was, in the middle of its bucket as Prometheus has it. Below 0: nothing
// was counted.
double quantile_between(const ServerNumbers& before, const ServerNumbers& now,
                        std::string_view histogram, double q, std::string_view part = {});

// Between two looks.
struct Span {
  const ServerNumbers& before;
  const ServerNumbers& now;
  double seconds = 1;
};

// Many lines for a terminal, the routes that are called most at the end.
std::string screen_text(const Span& span, std::string_view url, std::size_t routes_max);
// All that matters in one line.
std::string line_text(const Span& span);

// 1234.5 as "1,235", 1.234 as "1.23".
std::string amount_text(double amount);
// 0.00123 as "1.2 ms"; below 0: "-".
std::string seconds_text(double seconds);
// "512 MiB".
std::string size_text(double bytes);

}  // namespace jindou::caller
