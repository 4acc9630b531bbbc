#include "partition/transaction_turns.h"

#include <algorithm>
#include <utility>

namespace jindou::partition {

namespace {

// So many that wait are looked at for one whose turn it is.
constexpr std::size_t kLookAhead = 64;

}  // namespace

TransactionTurns::TransactionTurns(std::uint16_t partitions, Transaction::Post post,
                                   const Clock& clock, std::chrono::milliseconds hold_max)
    : post_(std::move(post)), clock_(clock), hold_max_(hold_max), taken_(partitions) {}

void TransactionTurns::enter(std::shared_ptr<Transaction> transaction,
                             Transaction::TimePoint begin_by) {
  Due due;
  {
    const MutexLock lock(mutex_);
    waiting_.push_back({std::move(transaction), begin_by});
    due = take_due();
  }
  begin(due);
}

TransactionTurns::Due TransactionTurns::take_due() {
  Due due;
  // Those behind one that waits do not take what it waits for.
  std::vector<bool> wanted = taken_;
  std::size_t passed = 0;
  const Transaction::TimePoint now = clock_.steady();
  for (auto it = waiting_.begin(); it != waiting_.end() && passed < kLookAhead;) {
    const auto& shares = it->transaction->shares();
    const bool late = now >= it->begin_by;
    const bool free = std::none_of(shares.begin(), shares.end(),
                                   [&](const auto& share) { return wanted[raw(share.partition)]; });
    for (const auto& share : shares) {
      if (late) break;
      wanted[raw(share.partition)] = true;
      if (free) taken_[raw(share.partition)] = true;
    }
    if (!free && !late) {
      ++passed;
      ++it;
      continue;
    }
    (late ? due.too_late : due.to_begin).push_back(std::move(it->transaction));
    it = waiting_.erase(it);
  }
  return due;
}

void TransactionTurns::begin(const Due& due) {
  for (const auto& late : due.too_late) {
    late->refuse(Error(Errc::overloaded, "its turn did not come in time; nothing has been done"));
  }
  for (const auto& next : due.to_begin) {
    // Whoever calls `over` keeps the transaction.
    Transaction& transaction = *next;
    auto over = [turns = shared_from_this(), &transaction] { turns->leave(transaction); };
    transaction.begin({clock_, post_, std::move(over)}, hold_max_);
  }
}

void TransactionTurns::leave(const Transaction& transaction) {
  Due due;
  {
    const MutexLock lock(mutex_);
    for (const auto& share : transaction.shares()) taken_[raw(share.partition)] = false;
    due = take_due();
  }
  begin(due);
}

}  // namespace jindou::partition
