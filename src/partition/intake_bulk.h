// A stage of the intake: how many bulk messages a user may be sent in a day
// (bulk.perReceiverPerDay).
//
// Before a bulk message to a person goes on, it is counted in the partition of its receiver, and
// that is durable: whatever happens then, it is not counted again under its number on that day or
// the next one, and no other one takes its place. One that finds no room goes on as well, because a
// repeat of what was stored is answered as the first one was, whatever has been counted meanwhile;
// the partition of the channel refuses it behind that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/message.h"
#include "partition/bulk_commands.h"
#include "partition/command_group.h"
#include "partition/intake_stage.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Thread-safe but for set_limit().
class BulkCountStage final : public IntakeStage {
 public:
  struct Limit {
    std::uint32_t per_receiver_per_day = 0;  // 0: none
    std::uint64_t seed = 0;                  // of the hashes of messages
    // Runs the work soon, on a thread that may block. False: it will not.
    std::function<bool(std::function<void()> work)> run_blocking;
  };
  // Has the partition count. `done` is called on any thread, also before it returns.
  using Post = std::function<void(CountBulk count, std::function<void(Result<void>)> done)>;

  // A request of more than `batch_items` is bulk.
  BulkCountStage(std::size_t batch_items, const Clock& clock, Post post)
      : batch_items_(batch_items), clock_(clock), post_(std::move(post)) {}

  // Before the first message. The readers are those of the store that has the counts.
  void set_limit(const store::PartitionReaders& readers, Limit limit);

  bool enabled() const override { return limit_.per_receiver_per_day > 0; }
  void examine(IntakeTurn& turn) override;
  // The same for what goes past the stages. Calls `go` when it is done, on any thread, also before
  // it returns. `commands` are changed until then.
  void count(const std::shared_ptr<std::vector<Command>>& commands, std::function<void()> go);

  // Returns when nothing is being counted. Nothing may come any more; partitions have to go on.
  void drain();

 private:
  struct Counting;
  bool is_counted(const SendCommand& command, std::size_t request_items,
                  const CallerPtr& caller) const;
  // Counts them, or only looks whether there is room.
  void begin(std::vector<SendCommand*> messages, bool only_look, std::function<void()> go);
  void look(const std::shared_ptr<Counting>& counting);
  void decide(Counting& counting) const;
  // What became of the day of a receiver. Errors: storage.
  Result<store::BulkCountRecord> load(PartitionId partition, std::uint32_t day,
                                      std::string_view uid) const;
  void end(const std::shared_ptr<Counting>& counting);

  std::size_t batch_items_;
  const Clock& clock_;
  Post post_;
  Limit limit_;
  std::unique_ptr<store::PartitionReaders> readers_;
  Mutex mutex_;
  Condition idle_;
  std::size_t under_way_ JD_GUARDED_BY(mutex_) = 0;
};

}  // namespace jindou::partition
