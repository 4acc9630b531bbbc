// What the lists of channels may be, as far as callers can know: a change that was acknowledged
// counts, one that was refused does not, one whose outcome is not known may or may not. Changes of
// one channel take effect in the order in which they were asked for.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "partition/change.h"

namespace jindou::partition::simulation {

class ListModel {
 public:
  // What a caller was told; nothing yet is as good as not known.
  class Outcome {
   public:
    void answer(const Result<void>& done);
    bool may_hold() const { return !told_ || told_->has_value() || is_unknown(); }
    bool must_hold() const { return told_ && told_->has_value(); }

   private:
    bool is_unknown() const;
    std::optional<Result<void>> told_;
  };

  // A change is asked for, of whatever kind.
  std::shared_ptr<Outcome> begin(const Change& change);

  using Lists = std::array<std::set<std::string>, 3>;  // by MemberList
  // False when the lists of a channel cannot be those.
  bool allows(const ChannelKey& channel, const Lists& lists) const;
  // The lists were read after everything that was on its way is lost, or has come: what was read
  // holds from now on.
  void settle(const ChannelKey& channel, Lists lists);

 private:
  struct Attempt {
    Change change;
    std::shared_ptr<Outcome> outcome;
  };
  static Lists after(Lists lists, const Change& change);

  std::map<ChannelKey, Lists> known_;
  std::map<ChannelKey, std::vector<Attempt>> attempts_;
};

}  // namespace jindou::partition::simulation
