// Who works through the jobs of a server of the simulation, and what users see of their messages.
// Both are in layers above this one, so they are handed in (Surroundings).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "model/channel.h"
#include "model/job.h"
#include "model/message.h"
#include "partition/change.h"
#include "partition/changed_jobs.h"
#include "partition/command_group.h"
#include "partition/history.h"
#include "partition/job_reader.h"
#include "partition/owned_partitions.h"
#include "partition/pending_send.h"
#include "partition/transaction.h"
#include "store/job_records.h"
#include "store/partition_reader.h"

namespace jindou::partition::simulation {

// As jobs::RunnerDeps. Borrowed; all outlive the work.
struct JobWorkDeps {
  store::PartitionReaders readers;
  const Clock& clock;
  Random& random;
  OwnedPartitions& owned;
  ChangedJobs& changed;
  std::function<Result<std::shared_ptr<PendingSend>>(std::vector<SendCommand>&&, SendDone)>
      post_send;
  std::function<Result<void>(Change, std::function<void(Result<void>)>)> post_change;
  std::function<Result<void>(std::vector<Command>, Transaction::Done)> post_all;
  const History& history;
};

class JobWork {
 public:
  struct Shown {
    ChannelKey channel;
    std::uint64_t unread = 0;
    std::uint64_t read_to = 0;
    std::vector<Message> recents;
  };

  virtual ~JobWork() = default;

  // Takes what has been answered, and begins what is due.
  virtual void step() = 0;

  // The client_msg_no of an item of a job that its sender gave none.
  virtual std::string number_of(std::string_view job, std::uint64_t index) const = 0;
  // Of a job that is to recall or to edit what `batch` has sent: the items of its input that are
  // about one chunk of it; whether there may be any from `index` on.
  virtual store::JobInput revise(const Job& batch, const JobChunk& chunk,
                                 const std::string& payload) const = 0;
  virtual bool may_have_sent(const Job& batch, std::uint64_t index) const = 0;

  // The conversations of a user, as he is shown them. Errors: storage.
  virtual Result<std::vector<Shown>> load_conversations(const std::string& uid) const = 0;
};

using MakeJobWork = std::function<std::unique_ptr<JobWork>(JobWorkDeps)>;

}  // namespace jindou::partition::simulation
