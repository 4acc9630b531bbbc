#include "jobs/simulation/runner_work.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conversation/conversation_reader.h"
#include "jobs/revision.h"
#include "jobs/runner.h"
#include "jobs/turn.h"
#include "store/commit_horizon.h"
#include "store/job_records.h"

namespace jindou::jobs::simulation {
namespace {

using partition::simulation::JobWork;
using partition::simulation::JobWorkDeps;

constexpr std::size_t kRecents = 20;

// Several turns for each job, and several jobs beside each other.
RunnerOptions small_runner() {
  RunnerOptions options;
  options.items_in_flight_max = 6;
  options.turn_items = 3;
  options.retry_min = std::chrono::milliseconds(100);
  options.retry_max = std::chrono::milliseconds(2'000);
  // Longer than anything waits in a simulation before it is sent, or lost.
  options.send_timeout = std::chrono::milliseconds(300'000);
  // As that of its servers.
  options.idempotency_window = std::chrono::seconds(std::int64_t{1} << 40);
  options.look_interval = std::chrono::milliseconds(5'000);
  return options;
}

RunnerDeps runner_deps(JobWorkDeps deps) {
  return RunnerDeps{
      .readers = deps.readers,
      .clock = deps.clock,
      .random = deps.random,
      .owned = deps.owned,
      .changed = deps.changed,
      .post_send = std::move(deps.post_send),
      .post_change = std::move(deps.post_change),
      .post_all = std::move(deps.post_all),
      .history = deps.history,
      .options = small_runner,
      .find_key = [](std::string_view) { return ApiKeyPtr(); },
  };
}

class RunnerWork final : public JobWork {
 public:
  explicit RunnerWork(JobWorkDeps deps)
      : horizon_(deps.clock, deps.readers.map().count()),
        conversations_(deps.readers, horizon_, deps.clock, {}),
        runner_(runner_deps(std::move(deps))) {}

  void step() override { runner_.step_now(); }

  std::string number_of(std::string_view job, std::uint64_t index) const override {
    return item_number(job, index);
  }

  store::JobInput revise(const Job& batch, const partition::JobChunk& chunk,
                         const std::string& payload) const override {
    store::JobInputBuilder input;
    for (const Revised& one : revised_of(batch, chunk, payload)) {
      input.add_revised(one.message, one.id);
    }
    return input.take();
  }
  bool may_have_sent(const Job& batch, std::uint64_t index) const override {
    return jobs::may_have_sent(batch, index);
  }

  Result<std::vector<Shown>> load_conversations(const std::string& uid) const override {
    conversation::ListQuery query;
    query.uid = uid;
    query.recents = kRecents;
    JD_TRY(auto listed, conversations_.load_list(query));
    std::vector<Shown> shown;
    for (conversation::Conversation& each : listed) {
      shown.push_back(
          {std::move(each.channel), each.unread, each.read_to, std::move(each.recents)});
    }
    return shown;
  }

 private:
  store::CommitHorizon horizon_;
  conversation::ConversationReader conversations_;
  Runner runner_;
};

}  // namespace

std::unique_ptr<JobWork> make_runner_work(JobWorkDeps deps) {
  return std::make_unique<RunnerWork>(std::move(deps));
}

partition::simulation::Surroundings surroundings() {
  partition::simulation::Surroundings with_jobs;
  with_jobs.make_job_work = make_runner_work;
  return with_jobs;
}

}  // namespace jindou::jobs::simulation
