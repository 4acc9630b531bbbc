// A stage of the intake: lists that another system keeps (list_source.h) are in memory
// before the message that needs them reaches its partition, which only looks there.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "partition/command_group.h"
#include "partition/intake_stage.h"
#include "partition/list_source.h"

namespace jindou::partition {

// Thread-safe but for set_source().
class ListStage final : public IntakeStage {
 public:
  // Answers that stay in memory as long as somebody has them.
  using Kept = std::vector<std::shared_ptr<const ListSource::Lists>>;

  // Null: nobody is asked. Before the first message; outlives the last.
  void set_source(ListSource* source) { source_ = source; }

  bool enabled() const override { return source_ != nullptr && source_->enabled(); }
  // Messages to channels whose lists are on their way wait; the others go on. An answer is held
  // until the messages that were let go on it are done, so a source that keeps what is held cannot
  // take it away between the two.
  void examine(IntakeTurn& turn) override;

  // The same for what is no message: calls `go` at once, or when the lists of the channel are
  // there. Errors given to it: those of ListSource::when_ready.
  void ask(const ChannelKey& channel, std::function<void(Result<Kept>)> go);
  void ask(std::vector<ChannelKey> channels, std::function<void(Result<Kept>)> go);
  // What commands that are made all or none look at; each once.
  static std::vector<ChannelKey> channels_of(const std::vector<Command>& commands);

 private:
  static Kept find(const ListSource& source, const std::vector<ChannelKey>& channels);

  ListSource* source_ = nullptr;
};

}  // namespace jindou::partition
