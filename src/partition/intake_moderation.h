// The stage of the intake in which contents are judged (content_check.h). What is refused goes on
// with its verdict: the partition knows whether it is a repeat of what was let pass before.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "partition/command_group.h"
#include "partition/content_check.h"
#include "partition/intake_stage.h"

namespace jindou::partition {

// Thread-safe but for set_check().
class ModerationStage final : public IntakeStage {
 public:
  // Null: nothing is judged. Before the first message; outlives the last.
  void set_check(ContentCheck* check) { check_ = check; }

  bool enabled() const override { return check_ != nullptr && check_->enabled(); }
  // Messages that somebody is asked about wait; the others go on.
  void examine(IntakeTurn& turn) override;

  // The same for commands that are made together: messages and edits among them. Calls `go` once,
  // at once or later on another thread.
  void judge(std::shared_ptr<std::vector<Command>> commands, std::function<void()> go);

  // What would become of the payload of an edit by what is in memory; nothing is counted.
  Payload preview(const ChannelKey& channel, std::string_view from_uid, Payload payload) const;

 private:
  ContentCheck* check_ = nullptr;
};

}  // namespace jindou::partition
