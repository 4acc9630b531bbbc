// What a caller was told about a change; nothing yet is as good as not known.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"

namespace jindou::partition::simulation {

class Outcome {
 public:
  void answer(const Result<void>& done) { told_ = done; }
  bool may_hold() const { return !told_ || told_->has_value() || is_unknown(); }
  bool must_hold() const { return told_ && told_->has_value(); }
  bool is_told() const { return told_.has_value(); }
  // For certain nothing was done, because another node has the partition.
  bool is_elsewhere() const {
    return told_ && !told_->has_value() && told_->error().code() == Errc::not_owner;
  }
  // Nobody can say yet, or any more.
  bool is_open() const { return !told_ || is_unknown(); }

 private:
  bool is_unknown() const {
    return told_ && !told_->has_value() && told_->error().code() == Errc::unknown_outcome;
  }
  std::optional<Result<void>> told_;
};

using SharedOutcome = std::shared_ptr<Outcome>;

}  // namespace jindou::partition::simulation
