// Which transactions run: no two that have a partition in common, so that none ever waits for
// another one while it holds something.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "partition/transaction.h"

namespace jindou::partition {

// Thread-safe. The transactions that it begins keep it.
class TransactionTurns final : public std::enable_shared_from_this<TransactionTurns> {
 public:
  // `hold_max`: as Transaction::begin has it. Borrows `clock`.
  TransactionTurns(std::uint16_t partitions, Transaction::Post post, const Clock& clock,
                   std::chrono::milliseconds hold_max);

  // Begins it as soon as none of its partitions is in a transaction that came before. What waits is
  // bounded by the router's admission. One whose turn has not come at `begin_by` is refused
  // (`overloaded`) when it does.
  void enter(std::shared_ptr<Transaction> transaction, Transaction::TimePoint begin_by);

 private:
  struct Waiting {
    std::shared_ptr<Transaction> transaction;
    Transaction::TimePoint begin_by;
  };

  struct Due {
    std::vector<std::shared_ptr<Transaction>> to_begin;
    std::vector<std::shared_ptr<Transaction>> too_late;
  };
  // Those whose turn it is.
  Due take_due() JD_REQUIRES(mutex_);
  void begin(const Due& due);
  void leave(const Transaction& transaction);

  Transaction::Post post_;
  const Clock& clock_;
  std::chrono::milliseconds hold_max_;
  Mutex mutex_;
  std::vector<bool> taken_ JD_GUARDED_BY(mutex_);  // by partition
  std::deque<Waiting> waiting_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::partition
