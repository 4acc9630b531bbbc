// What the system says about this very process.
#include "observe/process_metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>

namespace jindou::observe {
namespace {

double sample(const std::string& text, const std::string& name) {
  const auto at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

std::string text() {
  std::string out;
  append_process_metrics(out, "1.2.3");
  return out;
}

TEST(ProcessMetrics, AreThoseOfThisProcess) {
  const std::string shown = text();
  EXPECT_NE(shown.find("jindou_build_info{version=\"1.2.3\"} 1\n"), std::string::npos) << shown;
  const auto now = static_cast<double>(std::time(nullptr));
  EXPECT_GT(sample(shown, "process_start_time_seconds"), now - 3600);
  EXPECT_LE(sample(shown, "process_start_time_seconds"), now + 2);
  EXPECT_GT(sample(shown, "process_resident_memory_bytes"), 1e5);
  EXPECT_GE(sample(shown, "process_cpu_seconds_total"), 0);
}

TEST(ProcessMetrics, DescriptorsAreCounted) {
  const double before = sample(text(), "process_open_fds");
  const int more = ::dup(0);
  EXPECT_EQ(sample(text(), "process_open_fds"), before + 1);
  ::close(more);
}

}  // namespace
}  // namespace jindou::observe
