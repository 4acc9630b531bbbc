#include "partition/release_order.h"

#include <cstddef>
#include <variant>

#include "base/overloaded.h"
#include "model/ids.h"

namespace jindou::partition {

namespace {

// Beyond so many logs they are forgotten and begun anew.
constexpr std::size_t kLogsMax = 100'000;

// Whether the messages among the effects have the ids of their commit, in rising order.
bool ids_rise(const CommitMark& mark, std::span<const CommitEffect> effects) {
  std::uint64_t last = mark.ids_from;
  for (const CommitEffect& effect : effects) {
    const bool rises = std::visit(Overloaded{[&last](const CommittedMessage& told) {
                                               const std::uint64_t counter =
                                                   counter_of(told.message->id);
                                               const bool is_next = counter > last;
                                               last = counter;
                                               return is_next;
                                             },
                                             [](const CommittedEvent&) { return true; }},
                                  effect.what);
    if (!rises) return false;
  }
  return last <= mark.ids_to;
}

}  // namespace

void ReleaseOrder::pass(const CommitMark& mark, std::span<const SeqRun> seqs,
                        std::span<const CommitEffect> effects) {
  JD_ASSERT(mark.number == number_ + 1);
  // One that wrote nothing leaves it where it was.
  JD_ASSERT(mark.position == position_ || mark.position == position_ + 1);
  JD_ASSERT(mark.ids_from == ids_to_);
  JD_ASSERT(mark.ids_from <= mark.ids_to);
  JD_ASSERT(mark.ids_to <= mark.id_bound);
  JD_ASSERT_SLOW(ids_rise(mark, effects));
  follows_ = follows_ && SlowAssertions::on();
  if (follows_) follow(seqs);
  number_ = mark.number;
  position_ = mark.position;
  ids_to_ = mark.ids_to;
}

void ReleaseOrder::follow(std::span<const SeqRun> seqs) {
  if (last_seqs_.size() > kLogsMax) last_seqs_.clear();
  for (const SeqRun& run : seqs) {
    JD_ASSERT_SLOW(run.first > 0);
    JD_ASSERT_SLOW(run.first <= run.last);
    const auto [known, added] = last_seqs_.try_emplace(run.log, run.last);
    JD_ASSERT_SLOW(added || run.first == known->second + 1);
    known->second = run.last;
  }
}

}  // namespace jindou::partition
