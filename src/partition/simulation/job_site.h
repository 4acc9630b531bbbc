// Where the jobs of one server of the simulation are worked through. It reads what is durable, as
// whoever asks the owners of the partitions first finds it, through a disk that may not answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <utility>

#include "base/random.h"
#include "partition/history.h"
#include "partition/owned_partitions.h"
#include "partition/simulation/failing_reader.h"
#include "partition/simulation/job_work.h"
#include "partition/simulation/server.h"
#include "store/partition_reader.h"
#include "store/reader.h"

namespace jindou::partition::simulation {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : dice_(seed) {}
  void fill(std::span<unsigned char> out) override {
    for (unsigned char& byte : out) byte = static_cast<unsigned char>(dice_() & 0xffU);
  }

 private:
  std::mt19937_64 dice_;
};

// Outlives the server, which tells it of its partitions.
class JobSite {
 public:
  // Borrows both. The jobs of the partition `left_out` are left alone. To be made before the server
  // owns anything.
  JobSite(Server& server, const store::Reader& durable, PartitionId left_out, std::uint64_t seed)
      : reader_(durable),
        clock_(server.clock()),
        changed_(server.changed_jobs()),
        random_(seed),
        history_(readers(), clock_, kFingerprintSeed) {
    server.owned().add_listener([this, left_out](PartitionId partition, bool owned) {
      if (partition == left_out) return;
      if (owned) {
        owned_.begin(partition);
      } else {
        owned_.end(partition);
      }
    });
  }

  // Who does it, and how he posts.
  void begin(const MakeJobWork& make, decltype(JobWorkDeps::post_send) post_send,
             decltype(JobWorkDeps::post_change) post_change,
             decltype(JobWorkDeps::post_all) post_all) {
    work_ = make(JobWorkDeps{.readers = readers(),
                             .clock = clock_,
                             .random = random_,
                             .owned = owned_,
                             .changed = changed_,
                             .post_send = std::move(post_send),
                             .post_change = std::move(post_change),
                             .post_all = std::move(post_all),
                             .history = history_});
  }

  JobWork& work() { return *work_; }
  FailingReader& reader() { return reader_; }

 private:
  store::PartitionReaders readers() const {
    return store::PartitionReaders(reader_, PartitionMap(kPartitions));
  }

  FailingReader reader_;
  const Clock& clock_;
  ChangedJobs& changed_;
  SeededRandom random_;
  OwnedPartitions owned_{kPartitions};
  History history_;
  std::unique_ptr<JobWork> work_;
};

}  // namespace jindou::partition::simulation
