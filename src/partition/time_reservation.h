// Reserves time for readers through a commit (store::CommitHorizon::set_reserve).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>

#include "partition/change.h"
#include "partition/command_router.h"
#include "partition/owned_partitions.h"
#include "store/commit_horizon.h"

namespace jindou::partition {

// Borrows both. It is reserved in every partition that is owned: whoever opens one of them next,
// here or elsewhere, begins behind it. Without any it is not reserved. A reader waits for a commit
// of each, but for a disk that has stopped a second at most, and then for a second nobody does.
inline store::CommitHorizon::Reserve reserve_time_through(CommandRouter& router,
                                                          const OwnedPartitions& owned) {
  return [&router, &owned](std::int64_t until_ns) {
    constexpr std::chrono::seconds kPatience{1};
    struct Answers {
      std::atomic<std::size_t> left{1};
      std::atomic<std::size_t> reserved{0};
      std::atomic<bool> failed{false};
      std::promise<void> all;
      void answer() {
        if (left.fetch_sub(1) == 1) all.set_value();
      }
    };
    auto answers = std::make_shared<Answers>();
    std::future<void> all = answers->all.get_future();
    for (const PartitionId partition : owned.list()) {
      ++answers->left;
      const auto posted = router.post_change(Change(ReserveTime{partition, until_ns}),
                                             [answers](const Result<void>& done) {
                                               if (done) {
                                                 ++answers->reserved;
                                               } else if (done.error().code() != Errc::not_owner) {
                                                 answers->failed.store(true);
                                               }
                                               answers->answer();
                                             });
      if (!posted) return false;
    }
    answers->answer();
    return all.wait_for(kPatience) == std::future_status::ready && !answers->failed.load() &&
           answers->reserved.load() > 0;
  };
}

}  // namespace jindou::partition
