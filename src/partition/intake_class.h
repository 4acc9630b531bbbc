// The last stage of the intake: which messages give way to others (send_class.h).
#pragma once

#include <algorithm>
#include <cstddef>

#include "partition/intake_stage.h"

namespace jindou::partition {

class ClassStage final : public IntakeStage {
 public:
  // A request of more than `batch_items` is bulk work, in pieces of `piece_items`: as many as one
  // turn of a partition worker evaluates. Single messages never are.
  ClassStage(std::size_t batch_items, std::size_t piece_items)
      : batch_items_(std::max<std::size_t>(1, batch_items)),
        piece_items_(std::max<std::size_t>(1, piece_items)) {}

  bool enabled() const override { return true; }
  void examine(IntakeTurn& turn) override {
    if (turn.request_items() <= batch_items_) return;
    // Not what clients send: messages of one session keep their order, whatever comes at once.
    const CallerPtr& caller = turn.caller();
    if (caller != nullptr && caller->kind == CallerIdentity::Kind::session) return;
    turn.make_bulk(piece_items_);
  }

 private:
  std::size_t batch_items_;
  std::size_t piece_items_;
};

}  // namespace jindou::partition
