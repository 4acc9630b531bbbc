// What looks at messages before they are handed to their partitions: callers are held to their
// rights and rates, lists of another system are fetched, words are looked for, bulk messages of a
// day are counted.
//
// A new stage is a class that implements IntakeStage, and a line in app/node.cc that adds it to
// CommandRouter::intake(). Those that edits and transactions pass as well, lists, moderation and
// the bulk count, are members of the router. Nothing in a partition changes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "model/caller.h"
#include "model/message.h"
#include "partition/send_batch.h"

namespace jindou::partition {

class Intake;

// Messages that wait for a stage, since IntakeTurn::hold(). What is sent to their channels
// meanwhile waits behind them. Used by one thread at a time, any.
class IntakeHold {
 public:
  // Gives up what still waits: refused as `unavailable`.
  ~IntakeHold();
  IntakeHold(const IntakeHold&) = delete;
  IntakeHold& operator=(const IntakeHold&) = delete;

  // Those that wait, in their order: what was held, and what of the same batch shares its channels.
  // Items are numbered anew. May be changed where they are, until resume().
  std::vector<SendCommand>& commands() { return batch_->commands(); }
  void refuse(std::uint32_t item, Reason reason, Errc code);
  void refuse_all(Errc code);
  // As IntakeTurn::keep().
  void keep(std::shared_ptr<const void> what) { batch_->keep(std::move(what)); }
  // They go on to the next stage. Once, and nothing else afterwards; at once or later, on any
  // thread, on which others may be handed on, too.
  void resume();

 private:
  friend class Intake;
  struct Place;
  IntakeHold(Intake& intake, std::shared_ptr<SendBatch> batch, std::unique_ptr<Place> place);

  Intake* intake_;  // null once resumed
  std::shared_ptr<SendBatch> batch_;
  std::unique_ptr<Place> place_;
};

// One stage's look at one batch, or at what earlier stages have left of it.
class IntakeTurn {
 public:
  IntakeTurn(const IntakeTurn&) = delete;
  IntakeTurn& operator=(const IntakeTurn&) = delete;

  // Items are places in it; only open ones are to be looked at, and may be changed where they are.
  std::vector<SendCommand>& commands() { return batch_->commands(); }
  bool is_open(std::uint32_t item) const { return batch_ != nullptr && batch_->is_open(item); }
  // Of all of them. Null: the core asks for itself.
  const CallerPtr& caller() const { return batch_->caller(); }
  // What came in one request, also if stages have taken it apart since.
  std::size_t request_items() const { return batch_->request_items(); }
  // Only what would become of them is told.
  bool is_rehearsal() const { return batch_->is_rehearsal(); }

  // The item is certainly not stored, and its caller is told why. Before hold().
  void refuse(std::uint32_t item, Reason reason, Errc code);
  void refuse(std::uint32_t item, const SendResult& why);
  // Lives until what is now open was evaluated.
  void keep(std::shared_ptr<const void> what) { batch_->keep(std::move(what)); }
  // Bulk work, evaluated in pieces of so many messages.
  void make_bulk(std::size_t piece_items) { batch_->make_bulk(piece_items); }

  // These open items wait until IntakeHold::resume(), with all others of their channels; the rest
  // goes on. Once, as the last thing but for calls of the hold. Costs allocations, as
  // the first refuse() and keep() of a batch do.
  std::shared_ptr<IntakeHold> hold(const std::vector<std::uint32_t>& items);

 private:
  friend class Intake;
  struct Place;  // among the stages, and among those that wait
  IntakeTurn(Intake& intake, std::shared_ptr<SendBatch>& batch, const Place& place)
      : intake_(intake), batch_(batch), place_(place) {}

  Intake& intake_;
  std::shared_ptr<SendBatch>& batch_;  // null when nothing is left of it
  const Place& place_;
  bool held_ = false;
};

// Outlives whatever is on its way. Thread-safe.
class IntakeStage {
 public:
  virtual ~IntakeStage() = default;

  // False: examine() is not called. Asked once per batch; cheap, does not block.
  virtual bool enabled() const = 0;

  // Does not block and does not throw: what takes time is begun, and what it is needed for is held.
  // Of one channel it is called in the order in which messages came.
  virtual void examine(IntakeTurn& turn) = 0;
};

}  // namespace jindou::partition
