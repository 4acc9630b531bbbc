// What people read of a job. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::caller {

// Of GET /jobs/{id} what is shown and decided by.
struct JobView {
  std::string id;
  std::string name;
  std::string kind;  // empty: it sends
  std::string state;
  std::string reason;
  std::uint64_t items = 0;
  std::uint64_t sent = 0;  // or recalled, or edited; those that had been before too
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  std::uint64_t pending = 0;
  std::uint64_t pushed = 0;      // receivers of what was sent, who were online
  std::uint64_t left = 0;        // and who were not
  std::uint64_t per_second = 0;  // at the moment if that is known, else on average
};

// Errors: invalid, for what is no job.
Result<JobView> parse_job(std::string_view json);
// Of an answer of GET /jobs; `more`: there are older ones.
Result<std::vector<JobView>> parse_jobs(std::string_view json, bool& more);

// "running: 1,500 of 5,000 (30 %), 3 refused, 1,510/s, 2s left".
std::string progress_text(const JobView& job);
// "done: 4,997 sent, 3 refused, of 5,000".
std::string end_text(const JobView& job);
// The exit code that the end of a job is told with; kNotFinished when it has not ended.
int end_code(const JobView& job);

// A row for each, with the names of the columns before them; empty for none.
std::string table_of(const std::vector<JobView>& jobs);

}  // namespace jindou::caller
