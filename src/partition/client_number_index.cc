#include "partition/client_number_index.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "store/index_progress.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

// A generation that cannot be loaded may grow to this many times its size before sends are refused.
constexpr std::size_t kOverfillFactor = 16;
// Keys read for the filter in one go: about a millisecond.
constexpr std::size_t kFilterStep = 2000;

}  // namespace

ClientNumberIndex::ClientNumberIndex(store::PartitionReader reader, store::BulkLoader& loader,
                                     std::size_t generation_entries, std::size_t filter_bytes_max)
    : partition_(reader.partition()),
      reader_(reader),
      loader_(loader),
      generation_entries_(generation_entries),
      filter_(filter_bytes_max) {}

Result<void> ClientNumberIndex::open() {
  JD_TRY(const std::uint64_t indexed_to, store::load_index_progress(reader_));
  recent_.clear();
  frozen_.reset();
  load_.reset();
  filter_.clear();
  filter_complete_ = false;
  filter_cursor_ = store::first_client_number(partition_);
  recent_last_counter_ = indexed_to;
  inserted_to_ = 0;
  frozen_last_counter_ = indexed_to;
  // The record that holds `indexed_to` may start before it.
  const std::string prefix = store::commit_record_prefix(partition_);
  std::string lower = store::commit_record_key(partition_, indexed_to + 1);
  JD_RETURN_IF_ERROR(reader_.scan_backward(store::Table::main, prefix, lower,
                                           [&](std::string_view key, std::string_view) {
                                             lower = std::string(key);
                                             return false;
                                           }));
  Result<void> decoded;
  JD_RETURN_IF_ERROR(reader_.scan(store::Table::main, lower, store::after_prefix(prefix),
                                  [&](std::string_view key, std::string_view value) {
                                    auto record = store::decode_commit_record(
                                        value, store::counter_of_commit_record_key(key));
                                    if (!record) {
                                      decoded = std::move(record).error();
                                      return false;
                                    }
                                    for (const auto& entry : record->entries) {
                                      if (entry.kind != store::EntryKind::message) continue;
                                      if (entry.counter <= indexed_to) continue;
                                      store::ClientNumber number;
                                      number.counter = entry.counter;
                                      number.seq = entry.seq;
                                      number.payload = entry.payload;
                                      number.timestamp = record->timestamp;
                                      number.idempotent = entry.idempotent;
                                      add(entry.fingerprint, number);
                                    }
                                    return true;
                                  }));
  return decoded;
}

Result<std::optional<store::ClientNumber>> ClientNumberIndex::find(
    const store::Fingerprint& fingerprint) const {
  using Found = std::optional<store::ClientNumber>;
  if (const auto it = recent_.find(fingerprint); it != recent_.end()) return Found(it->second);
  if (frozen_) {
    if (const auto it = frozen_->find(fingerprint); it != frozen_->end()) return Found(it->second);
  }
  if (filter_complete_ && !filter_.may_contain(fingerprint)) return Found();
  std::string value;
  JD_TRY(const bool found, reader_.get(store::Table::client_numbers,
                                       store::client_number_key(partition_, fingerprint), value));
  if (!found) return Found();
  JD_TRY(const store::ClientNumber number, store::decode_client_number(value));
  return Found(number);
}

void ClientNumberIndex::insert(const store::Fingerprint& fingerprint,
                               const store::ClientNumber& number, Txn& txn) {
  // What is loaded says how far the table has got by the last of them.
  JD_ASSERT(number.counter > inserted_to_);
  if (txn.undoable()) {
    // Between commands a generation may be frozen, but never before a command is kept or taken
    // back.
    const auto known = recent_.find(fingerprint);
    auto before = known != recent_.end() ? std::optional(known->second) : std::nullopt;
    txn.undo([this, fingerprint, before, last_counter = recent_last_counter_,
              inserted_to = inserted_to_] {
      recent_.erase(fingerprint);
      if (before) recent_.emplace(fingerprint, *before);
      recent_last_counter_ = last_counter;
      inserted_to_ = inserted_to;
    });
  }
  inserted_to_ = number.counter;
  add(fingerprint, number);
}

void ClientNumberIndex::add(const store::Fingerprint& fingerprint,
                            const store::ClientNumber& number) {
  if (recent_.empty()) recent_.reserve(generation_entries_);
  recent_.insert_or_assign(fingerprint, number);
  recent_last_counter_ = number.counter;
}

void ClientNumberIndex::advance(std::uint64_t evaluated, std::uint64_t durable) {
  if (!filter_complete_) fill_filter();
  if (load_) {
    const auto state = load_->load(std::memory_order_acquire);
    if (state == LoadState::running) return;
    load_.reset();
    if (state == LoadState::done) frozen_.reset();
  }
  if (!frozen_ && recent_.size() >= generation_entries_) {
    frozen_ = std::make_shared<const Generation>(std::move(recent_));
    recent_ = Generation();
    // The table never gets less far.
    JD_ASSERT_SLOW(recent_last_counter_ >= frozen_last_counter_);
    frozen_last_counter_ = recent_last_counter_;
    frozen_position_ = evaluated;
    // Before the first of them can leave for the table.
    for (const auto& entry : *frozen_) filter_.add(entry.first);
  }
  if (frozen_ && durable >= frozen_position_) start_load();
}

void ClientNumberIndex::fill_filter() {
  std::size_t count = 0;
  const auto read = reader_.scan(store::Table::client_numbers, filter_cursor_,
                                 store::after_prefix(store::client_number_prefix(partition_)),
                                 [&](std::string_view key, std::string_view) {
                                   filter_.add(store::fingerprint_of_client_number_key(key));
                                   // The smallest key behind this one.
                                   filter_cursor_.assign(key);
                                   filter_cursor_.push_back('\0');
                                   return ++count < kFilterStep;
                                 });
  // A failed read is tried again with the next advance(); look-ups ask the table meanwhile.
  if (read && count < kFilterStep) filter_complete_ = true;
}

void ClientNumberIndex::start_load() {
  auto state = std::make_shared<std::atomic<LoadState>>(LoadState::running);
  load_ = state;
  auto make = [generation = frozen_, partition = partition_, last = frozen_last_counter_] {
    std::vector<std::pair<store::Fingerprint, store::ClientNumber>> sorted(generation->begin(),
                                                                           generation->end());
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    store::BulkLoader::Entries entries;
    entries.reserve(sorted.size() + 1);
    entries.emplace_back(store::index_progress_key(partition), store::encode_index_progress(last));
    for (const auto& [fingerprint, number] : sorted) {
      entries.emplace_back(store::client_number_key(partition, fingerprint), store::encode(number));
    }
    return entries;
  };
  loader_.load(store::Table::client_numbers, std::move(make), [state](const Result<void>& done) {
    state->store(done ? LoadState::done : LoadState::failed, std::memory_order_release);
  });
}

void ClientNumberIndex::describe(StateLines& lines) const {
  lines.add("last number", recent_last_counter_);
  for (const auto& [fingerprint, number] : recent_) {
    lines.add("number", fingerprint.number, fingerprint.sender, store::encode(number));
  }
}

bool ClientNumberIndex::full() const {
  return recent_.size() >= generation_entries_ * kOverfillFactor;
}

}  // namespace jindou::partition
