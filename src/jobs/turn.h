// One turn of a job: the items from its cursor on that are sent together, and what becomes of them.
//
// Values and pure functions; the runner keeps one turn for each job that it is at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/job.h"
#include "model/message.h"
#include "partition/job_commands.h"
#include "partition/job_reader.h"

namespace jindou::jobs {

// The client_msg_no of an item that its sender gave none: the same whenever, and by whomever, the
// item is sent, so that what was stored before a crash is found again.
std::string item_number(std::string_view job, std::uint64_t index);

// Whether the same item may succeed when it is sent again: the reason lies in the server and will
// pass.
bool may_pass(const SendResult& result);

// What was answered when it was sent; of a result that is there.
SendResult send_result_of(const JobResult& result);

struct Turn {
  // An item that is sent and has no result that holds.
  struct Open {
    std::uint64_t index = 0;
    bool own_number = false;         // it is numbered by item_number()
    bool fleeting = false;           // not stored: a repeat is not recognised
    std::optional<SendResult> last;  // none: the core has not taken it yet
  };

  std::uint32_t pass = 0;
  std::uint64_t from = 0;                                    // the cursor of the job
  std::uint64_t to = 0;                                      // behind its last item
  std::vector<Open> open;                                    // ascending
  std::vector<std::pair<std::uint64_t, JobResult>> results;  // of those that have one
  // An item that is no message and that the job stops at.
  std::optional<std::uint64_t> stopped_at;
  std::size_t bytes = 0;  // of what is open
  // Of the items that it was planned with: those that an earlier pass has tried, and those of them
  // that were refused. The counts of the job have them until the turn is recorded.
  std::uint64_t decided_before = 0;
  std::uint64_t refused_before = 0;

  bool is_at(const Job& job) const { return job.pass == pass && job.cursor == from; }
};

struct TurnLimits {
  std::size_t items_max = 500;
  std::size_t bytes_max = kJobChunkBytesMax;  // a single item may have more
};

// What is next of a job. `chunk` is the one that its cursor is in.
Turn plan_turn(const Job& job, const partition::JobChunk& chunk, const TurnLimits& limits);

// The messages of the items that are open, in their order. `caller` is who asked for the job.
std::vector<SendCommand> messages_of(const Turn& turn, std::string_view job,
                                     partition::JobChunk chunk, const CallerPtr& caller);

// Takes the results of the open items, in their order. What may pass stays open.
void take_results(Turn& turn, const std::vector<SendResult>& results);

// What is recorded of a turn. Nothing is open: all of it, with whether the job stops behind it.
// Otherwise what stands before the first open item; when the job has ended what was tried, open
// items with their last results. Empty: that is nothing.
std::optional<partition::AdvanceJob> record_of(const Turn& turn, const Job& job);

}  // namespace jindou::jobs
