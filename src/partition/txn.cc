#include "partition/txn.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/assert.h"
#include "partition/applied_rows.h"
#include "store/batch_put.h"
#include "store/rocksdb_slice.h"

namespace jindou::partition {

namespace {

// A result that was to be released with a commit that failed.
SendResult after_failure(const SendResult& result, Errc failure) {
  if (!result.ok()) {
    if (holds_after_failure(result)) return result;
    return SendResult::refuse(Reason::system_error, told_instead(failure));
  }
  if (failure == Errc::unknown_outcome) {
    SendResult unknown;
    unknown.code = Errc::unknown_outcome;
    return unknown;
  }
  return SendResult::refuse(Reason::system_error, failure);
}

// The most that is taken before it is known to be wanted: each partition has a commit that is
// gathered, also when nobody sends.
constexpr std::size_t kLikelyBytesMax = std::size_t{64} << 10;
constexpr std::size_t kLikelyEffectsMax = 256;

// One that is a little larger than the one before does not grow at its very end.
std::size_t a_little_more(std::size_t count) { return count + count / 4; }

// A write batch answers with a status, and fails at limits that are not set.
void expect_ok(const rocksdb::Status& status) { JD_ASSERT(status.ok()); }

}  // namespace

// Also one that is invalid: for a channel that was disbanded, say. What can be tried again anyhow
// stays as it is.
bool holds_after_failure(Errc refusal) { return errc_retriable(refusal); }

bool holds_after_failure(const SendResult& refusal) {
  // These were found before it came to its partition.
  if (refusal.moderation || refusal.reason == Reason::receiver_cap) return true;
  return holds_after_failure(refusal.code);
}

Errc told_instead(Errc failure) {
  return failure == Errc::unknown_outcome ? Errc::unavailable : failure;
}

Error told_after_failure(const Error* refusal, const Error& failure) {
  if (refusal == nullptr) return Error(failure);
  return holds_after_failure(refusal->code()) ? Error(*refusal)
                                              : Error(told_instead(failure.code()));
}

void Txn::put(std::string_view key, std::string_view value) {
  has_remembered_rows_ = has_remembered_rows_ || is_remembered(key);
  expect_ok(batch_.Put(store::slice(key), store::slice(value)));
}

void Txn::put(std::string_view key, std::string_view front, std::string_view back) {
  has_remembered_rows_ = has_remembered_rows_ || is_remembered(key);
  expect_ok(store::put_joined(batch_, key, front, back));
}

void Txn::erase(std::string_view key) {
  has_remembered_rows_ = has_remembered_rows_ || is_remembered(key);
  expect_ok(batch_.Delete(store::slice(key)));
}

void Txn::erase_range(std::string_view lower, std::string_view upper) {
  has_remembered_rows_ = has_remembered_rows_ || is_remembered(lower);
  expect_ok(batch_.DeleteRange(store::slice(lower), store::slice(upper)));
}

void Txn::add_entry(const store::CommitEntry& entry, std::int64_t timestamp) {
  record_.add(entry, timestamp);
}

void Txn::add_effect(CommitEffect effect) { effects_->effects.push_back(std::move(effect)); }

Txn::ChangeDone& Txn::add_change(Done done) {
  return changes_.emplace_back(ChangeDone{std::move(done), {}});
}

Txn::Done Txn::take_last_change() {
  JD_ASSERT(save_points_ == 0);
  Done done = std::move(changes_.back().done);
  changes_.pop_back();
  return done;
}

Txn::SavePoint Txn::save() {
  ++save_points_;
  batch_.SetSavePoint();
  SavePoint point;
  point.effects_ = effects_->effects.size();
  point.unheard_ = unheard_.size();
  point.changes_ = changes_.size();
  point.admissions_ = admissions_.size();
  point.expected_bytes_ = expected_bytes_;
  point.undo_ = undo_.size();
  point.seqs_ = seqs_.size();
  point.messages_ = messages_;
  point.needs_state_ = needs_state_;
  point.record_ = record_.mark();
  return point;
}

void Txn::roll_back(const SavePoint& point) {
  JD_ASSERT(save_points_ > 0);
  JD_ASSERT(undo_.size() >= point.undo_);
  for (; undo_.size() > point.undo_; undo_.pop_back()) undo_.back()();
  expect_ok(batch_.RollbackToSavePoint());
  effects_->effects.resize(point.effects_);
  unheard_.resize(point.unheard_);
  changes_.resize(point.changes_);
  admissions_.resize(point.admissions_);
  seqs_.resize(point.seqs_);
  expected_bytes_ = point.expected_bytes_;
  messages_ = point.messages_;
  needs_state_ = point.needs_state_;
  record_.cut(point.record_);
  --save_points_;
}

void Txn::keep(const SavePoint& point) {
  JD_ASSERT(save_points_ > 0);
  JD_ASSERT(undo_.size() >= point.undo_);
  expect_ok(batch_.PopSavePoint());
  // An outer save point may still want them.
  if (--save_points_ == 0) undo_.clear();
}

Txn::Likely Txn::next_likely() const {
  return {.bytes = std::min(a_little_more(batch_.GetDataSize()), kLikelyBytesMax),
          .effects = std::min(a_little_more(effects()), kLikelyEffectsMax)};
}

rocksdb::WriteBatch Txn::take_batch() {
  JD_ASSERT(save_points_ == 0);
  return std::move(batch_);
}

void Txn::give_back_messages() {
  if (parts_.empty()) return;
  boost::unordered_flat_map<std::uint64_t, const Message*> messages;
  for (const CommitEffect& effect : effects_->effects) {
    std::visit(Overloaded{[&messages](const CommittedMessage& told) {
                            messages.emplace(raw(told.message->id), told.message.get());
                          },
                          [](const CommittedEvent&) {}},
               effect.what);
  }
  for (const auto& message : unheard_) messages.emplace(raw(message->id), message.get());
  for (const auto& part : parts_) {
    for (std::size_t i = 0; i < part.results.size(); ++i) {
      const SendResult& result = part.results[i];
      if (result.state != SendResult::State::accepted) continue;
      const auto found = messages.find(raw(result.message_id));
      // Of a rehearsal nothing was kept.
      if (found != messages.end()) part.batch->give_back(part.part, part.first + i, *found->second);
    }
  }
}

void Txn::release(const Result<void>& committed, EffectSink& sink) {
  if (!committed) {
    if (committed.error().code() != Errc::unknown_outcome) give_back_messages();
    for (auto& part : parts_) {
      for (auto& result : part.results) result = after_failure(result, committed.error().code());
    }
  } else if (!effects_->effects.empty()) {
    for (const auto& part : parts_) effects_->admissions.push_back(part.batch->admission());
    for (auto& admission : admissions_) effects_->admissions.push_back(std::move(admission));
    sink.post_committed(std::move(effects_));
  }
  for (const auto& part : parts_) part.batch->finish_items(part.part, part.first, part.results);
  for (auto& change : changes_) {
    if (committed) {
      change.done(std::move(change.outcome));
    } else {
      const Error* const refusal = change.outcome ? nullptr : &change.outcome.error();
      change.done(told_after_failure(refusal, committed.error()));
    }
  }
}

}  // namespace jindou::partition
