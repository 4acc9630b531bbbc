// One commit while it is gathered: what the commands evaluated since the last one have written, and
// who is told what became of it.
//
// A command that may have to be taken back is evaluated behind a save point. Rolling back leaves
// nothing of it: rows, entries, effects and, through undo(), what is in memory.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "partition/effects.h"
#include "partition/release_order.h"
#include "partition/send_batch.h"
#include "store/records.h"

namespace jindou::partition {

// Whether a refusal is true although a commit has failed that it was to be told with. Most say what
// the rows are: a list, a seq, a number, a mark. Those may be of that commit, or of one before it,
// and were not stored. False: it can be tried again, as told_instead() says.
bool holds_after_failure(Errc refusal);
bool holds_after_failure(const SendResult& refusal);
// Of one that was refused nothing was done, whatever became of the commit.
Errc told_instead(Errc failure);
// What a command is told whose commit has failed. `refusal`: of the command; null: it was made.
Error told_after_failure(const Error* refusal, const Error& failure);

// Filled on the thread of its partition; release() is called by the log.
class Txn {
 public:
  using Done = std::function<void(Result<void>)>;

  // What the commit decides of a part of a batch.
  struct Part {
    std::shared_ptr<SendBatch> batch;
    std::size_t part = 0;
    std::size_t first = 0;  // the item of the part that the first result is of
    std::vector<SendResult> results;
  };
  // A change that is told when the commit is decided.
  struct ChangeDone {
    Done done;
    Result<void> outcome;
  };

  // What a commit is likely to hold: so much memory is taken at once, instead of growing piece by
  // piece with all that is there copied each time.
  struct Likely {
    std::size_t bytes = 0;  // of rows
    std::size_t effects = 0;
  };

  // `position`: that of the commit in its partition's log, if it writes anything.
  explicit Txn(std::uint64_t position) : Txn(position, Likely()) {}
  Txn(std::uint64_t position, Likely likely) : position_(position), batch_(likely.bytes) {
    effects_->effects.reserve(likely.effects);
  }
  Txn(const Txn&) = delete;
  Txn& operator=(const Txn&) = delete;

  std::uint64_t position() const { return position_; }

  // Rows.
  void put(std::string_view key, std::string_view value);
  // A value in two pieces, `back` behind `front`. Both are copied once, into the commit.
  void put(std::string_view key, std::string_view front, std::string_view back);
  void erase(std::string_view key);
  void erase_range(std::string_view lower, std::string_view upper);  // [lower, upper)

  // A message that got an id, for the commit record. `timestamp`: seconds.
  void add_entry(const store::CommitEntry& entry, std::int64_t timestamp);
  // Whether the counters of all entries are behind `after`, up to `to`.
  bool entries_are_within(std::uint64_t after, std::uint64_t to) const {
    return record_.empty() || (record_.first_counter() > after && record_.last_counter() <= to);
  }
  // Seqs that the commit gives out, or passes over: for ReleaseOrder, where that is asserted.
  void note_seqs(const ChannelKey& log, std::uint64_t first, std::uint64_t last) {
    if (SlowAssertions::on()) seqs_.push_back({log, first, last});
  }
  void count_message() { ++messages_; }
  std::uint32_t messages() const { return messages_; }
  // Handed on when the commit is durable.
  void add_effect(CommitEffect effect);
  // An accepted message that has none: for who is told that it was not stored after all.
  void add_unheard(std::shared_ptr<const Message> message) {
    unheard_.push_back(std::move(message));
  }
  std::size_t effects() const { return effects_->effects.size(); }
  // Asserts that it is what `order` expects next. When it is durable, before release().
  void pass(const CommitMark& mark, ReleaseOrder& order) const {
    order.pass(mark, seqs_, effects_->effects);
  }
  // Kept until the effects are handed to their receivers; null: nothing is.
  void add_admission(std::shared_ptr<void> admission) {
    if (admission) admissions_.push_back(std::move(admission));
  }

  void add_part(Part part) { parts_.push_back(std::move(part)); }
  // The one added last may still be changed by the evaluation of its command.
  ChangeDone& add_change(Done done);
  ChangeDone& last_change() { return changes_.back(); }
  // It is told with another commit.
  Done take_last_change();
  // Nobody waits for it.
  bool empty() const { return parts_.empty() && changes_.empty(); }

  // Bytes that are still to be written for what was evaluated.
  void expect_bytes(std::size_t bytes) { expected_bytes_ += bytes; }
  // Of the commit, at most.
  std::size_t bytes() const { return batch_.GetDataSize() + record_.bytes() + expected_bytes_; }
  // Whether the state of the partition has to be written, and with it a commit.
  bool writes() const { return needs_state_ || batch_.Count() > 0; }
  // It has changed, whatever else is written.
  void need_state() { needs_state_ = true; }

  // Save points nest; the last one goes first.
  class SavePoint {
   public:
    bool operator==(const SavePoint&) const = default;

   private:
    friend class Txn;
    std::size_t effects_ = 0;
    std::size_t unheard_ = 0;
    std::size_t changes_ = 0;
    std::size_t admissions_ = 0;
    std::size_t expected_bytes_ = 0;
    std::size_t undo_ = 0;
    std::size_t seqs_ = 0;
    std::uint32_t messages_ = 0;
    bool needs_state_ = false;
    store::CommitRecordBuilder::Mark record_;
  };
  SavePoint save();
  // Takes back everything since.
  void roll_back(const SavePoint& point);
  // Forgets the save point; what was done stays.
  void keep(const SavePoint& point);
  // Whether what is done now may be taken back: only then it is worth remembering how.
  bool undoable() const { return save_points_ > 0; }
  // How memory that follows what was written is put back; run in reverse order. Nothing without a
  // save point.
  template <class Work>
  void undo(Work&& work) {
    if (undoable()) undo_.emplace_back(std::forward<Work>(work));
  }

  // Closes it: adds the commit record under `record_key`, which is asked for the counter of its
  // first message.
  template <class RecordKey>
  void write_record(const RecordKey& record_key) {
    if (record_.empty()) return;
    const auto key = record_key(record_.first_counter());
    put(key, record_.before_entries(), record_.entries());
    record_.clear();
  }
  // What the next commit is likely to hold when this one is closed: a little more than this one.
  Likely next_likely() const;
  // No save point may be left.
  rocksdb::WriteBatch take_batch();
  // Whether there may be rows that more than the partition remembers (applied_rows.h).
  bool has_remembered_rows() const { return has_remembered_rows_; }
  // As they are now.
  const std::string& rows() const { return batch_.Data(); }
  // Tells everybody, on a thread of the log.
  void release(const Result<void>& committed, EffectSink& sink);

 private:
  // Nothing was written: the batches get back what their refusals are remembered by.
  void give_back_messages();

  std::uint64_t position_;
  rocksdb::WriteBatch batch_;
  store::CommitRecordBuilder record_;
  std::shared_ptr<CommittedBatch> effects_ = std::make_shared<CommittedBatch>();
  std::vector<std::shared_ptr<const Message>> unheard_;
  std::vector<Part> parts_;
  std::vector<ChangeDone> changes_;
  std::vector<std::shared_ptr<void>> admissions_;
  std::vector<SeqRun> seqs_;
  std::size_t expected_bytes_ = 0;
  std::uint32_t messages_ = 0;
  bool needs_state_ = false;
  bool has_remembered_rows_ = false;
  std::size_t save_points_ = 0;
  std::vector<std::function<void()>> undo_;
};

}  // namespace jindou::partition
