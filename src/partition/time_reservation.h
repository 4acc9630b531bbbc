// Reserves time for readers through a commit (store::CommitHorizon::set_reserve).
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>

#include "partition/change.h"
#include "partition/command_router.h"
#include "store/commit_horizon.h"

namespace jindou::partition {

// Borrows `router`. Any partition would do on one machine, as all of a store are opened together:
// it is the first. A reader waits for a commit, but not for a disk that has stopped.
inline store::CommitHorizon::Reserve reserve_time_through(CommandRouter& router) {
  return [&router](std::int64_t until_ns) {
    constexpr std::chrono::seconds kPatience{1};
    auto durable = std::make_shared<std::promise<bool>>();
    std::future<bool> outcome = durable->get_future();
    const auto posted = router.post_change(
        Change(ReserveTime{PartitionId{0}, until_ns}),
        [durable](const Result<void>& done) { durable->set_value(done.has_value()); });
    if (!posted) return false;
    return outcome.wait_for(kPatience) == std::future_status::ready && outcome.get();
  };
}

}  // namespace jindou::partition
