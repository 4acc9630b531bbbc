// What something may be, as far as callers can know: a change that was acknowledged counts, one
// that was refused does not, one whose outcome is not known may or may not. Changes take effect in
// the order in which they were asked for.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "partition/simulation/outcome.h"

namespace jindou::partition::simulation {

template <class State>
class Possible {
 public:
  using Effect = std::function<void(State&)>;

  void attempt(Effect effect, SharedOutcome outcome) {
    attempts_.push_back({std::move(effect), std::move(outcome)});
  }

  bool allows(const State& state) const { return all().contains(state); }

  std::set<State> all() const {
    std::set<State> possible = {known_};
    for (const Attempt& attempt : attempts_) {
      if (!attempt.outcome->may_hold()) continue;
      std::set<State> next;
      if (!attempt.outcome->must_hold()) next = possible;
      for (State before : possible) {
        attempt.effect(before);
        next.insert(std::move(before));
      }
      possible = std::move(next);
    }
    return possible;
  }

  // It was read after everything that was on its way is lost, or has come: what was read holds from
  // now on.
  void settle(State state) {
    known_ = std::move(state);
    attempts_.clear();
  }

  // Attempts of which nobody can say whether they took effect: allows() tries both.
  std::size_t open() const {
    std::size_t open = 0;
    for (const Attempt& attempt : attempts_) open += attempt.outcome->is_open() ? 1 : 0;
    return open;
  }

 private:
  struct Attempt {
    Effect effect;
    SharedOutcome outcome;
  };
  State known_;
  std::vector<Attempt> attempts_;
};

}  // namespace jindou::partition::simulation
