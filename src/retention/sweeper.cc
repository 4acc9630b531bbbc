#include "retention/sweeper.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "codec/stream_events.h"
#include "model/channel.h"
#include "observe/log.h"
#include "runtime/thread_identity.h"
#include "store/index_progress.h"
#include "store/job_records.h"
#include "store/keys.h"

namespace jindou::retention {

namespace {

using store::Table;

// Expiry keys in one change: small enough to pass between two sends unnoticed.
constexpr std::size_t kExpiredPerChange = 200;
constexpr std::size_t kRecordsPerChange = 200;
constexpr std::size_t kTombstonesPerChange = 200;
// Looked at in one walk of a partition: with one walk a minute 29 million a day, for rows that are
// kept for weeks.
constexpr std::size_t kTombstonesPerWalk = 20'000;
// Commit records looked at in one walk of a partition.
constexpr std::size_t kRecordsPerWalk = 20'000;
// Messages of a log that a walk by age reads with one cursor, which keeps what it sees from being
// freed.
constexpr std::size_t kRowsPerCursor = 20'000;
// Messages whose time has not come yet that a walk by age passes over in a log.
constexpr std::size_t kAheadPerWalk = 10'000;
constexpr std::chrono::milliseconds kStreamCheck{5'000};
// Expired messages go within a second or two of their time.
constexpr std::chrono::milliseconds kTick{1'000};
constexpr std::int64_t kDaySeconds = 86'400;

// The log that a message key belongs to.
ChannelKey log_of_message_key(std::string_view key) {
  constexpr std::size_t kIdOffset = 6;
  return ChannelKey(std::string(key.substr(kIdOffset, key.size() - kIdOffset - store::kSeqBytes)),
                    static_cast<ChannelType>(key[3]));
}

bool is_command_log(const ChannelKey& log) {
  return log.id.ends_with(kCommandSuffix) && log.type != ChannelType::temp;
}

ChannelKey source_of(const ChannelKey& log) {
  return ChannelKey(log.id.substr(0, log.id.size() - kCommandSuffix.size()), log.type);
}

// 0: the record tells of changes only, which the index of client_msg_no knows nothing of.
std::uint64_t last_message_counter(const store::CommitRecord& record) {
  std::uint64_t last = 0;
  for (const auto& entry : record.entries) {
    if (entry.kind == store::EntryKind::message) last = entry.counter;
  }
  return last;
}

}  // namespace

// The key of a client_msg_no in the index, and the message it was used for.
struct Sweeper::UsedNumber {
  std::string key;
  std::uint64_t counter = 0;
};

// One walk through the channels of a partition.
struct Sweeper::Walk {
  store::PartitionReader reader;
  PartitionId partition;
  store::PartitionCursor cursor;
  std::int64_t now = 0;
};

Sweeper::Sweeper(SweeperDeps deps) : deps_(std::move(deps)), options_(deps_.options()) {}

Sweeper::~Sweeper() { stop(); }

void Sweeper::start() {
  thread_ = std::thread([this] { run(); });
}

void Sweeper::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Sweeper::wait(std::chrono::milliseconds time) {
  MutexLock lock(mutex_);
  wake_.wait_for(lock, time, [this]() JD_REQUIRES(mutex_) { return stopping_; });
  return !stopping_;
}

void Sweeper::run() {
  runtime::name_this_thread("retention");
  runtime::lower_this_threads_priority();
  auto next_walk = deps_.clock.steady();
  auto next_streams = next_walk + kStreamCheck;
  while (wait(kTick)) {
    options_ = deps_.options();
    Result<void> done = for_each_owned(&Sweeper::reclaim_expired);
    const auto now = deps_.clock.steady();
    if (done && now >= next_streams) {
      done = for_each_owned(&Sweeper::close_idle_streams);
      next_streams = now + kStreamCheck;
    }
    if (done && now >= next_walk) {
      const auto walked = sweep_once();
      if (!walked) done = Error(walked.error());
      next_walk = deps_.clock.steady() + options_.interval;
    }
    if (!done) observe::log_warn("retention", "a walk was cut short: {}", done.error().text());
  }
}

Result<void> Sweeper::for_each_owned(Result<void> (Sweeper::*work)(PartitionId)) {
  for (const PartitionId partition : deps_.owned.list()) {
    const auto done = (this->*work)(partition);
    // Not this node's any more: whoever has it does the rest.
    if (!done && done.error().code() != Errc::not_owner) return Error(done.error());
  }
  return {};
}

Result<void> Sweeper::sweep(PartitionId partition) {
  JD_RETURN_IF_ERROR(reclaim_expired(partition));
  JD_RETURN_IF_ERROR(reclaim_requests(partition));
  JD_RETURN_IF_ERROR(forget_bulk_counts(partition));
  JD_RETURN_IF_ERROR(reclaim_jobs(partition));
  JD_RETURN_IF_ERROR(apply_limits(partition));
  JD_RETURN_IF_ERROR(drop_commit_records(partition));
  return drop_tombstones(partition);
}

Result<SweepTotals> Sweeper::sweep_once() {
  options_ = deps_.options();
  JD_RETURN_IF_ERROR(for_each_owned(&Sweeper::sweep));
  if (rows_since_compaction_ >= options_.compact_after_rows) {
    rows_since_compaction_ = 0;
    JD_RETURN_IF_ERROR(deps_.compact());
  }
  return totals_;
}

Result<void> Sweeper::change(partition::Change what) {
  struct Outcome {
    Mutex mutex;
    Condition ready;
    std::optional<Result<void>> value JD_GUARDED_BY(mutex);
  };
  auto outcome = std::make_shared<Outcome>();
  JD_RETURN_IF_ERROR(deps_.post_change(std::move(what), [outcome](Result<void> done) {
    const MutexLock lock(outcome->mutex);
    outcome->value = std::move(done);
    outcome->ready.notify_one();
  }));
  MutexLock lock(outcome->mutex);
  outcome->ready.wait(
      lock, [&outcome]() JD_REQUIRES(outcome->mutex) { return outcome->value.has_value(); });
  return std::move(*outcome->value);
}

Result<void> Sweeper::reclaim_expired(PartitionId partition) {
  const store::PartitionReader reader = deps_.readers.of(partition);
  const std::int64_t now = deps_.clock.wall_seconds();
  const std::string prefix = store::expiry_prefix(partition);
  for (;;) {
    partition::ReclaimExpired expired;
    expired.partition = partition;
    JD_RETURN_IF_ERROR(reader.scan(Table::main, prefix, store::after_prefix(prefix),
                                   [&](std::string_view key, std::string_view) {
                                     if (!store::expiry_of_key(key).over_at(now)) return false;
                                     expired.keys.emplace_back(key);
                                     return expired.keys.size() < kExpiredPerChange;
                                   }));
    if (expired.keys.empty()) return {};
    const std::size_t count = expired.keys.size();
    JD_RETURN_IF_ERROR(change(std::move(expired)));
    totals_.expired += count;
    rows_since_compaction_ += count;
    deps_.metrics.retention_expired.Increment(static_cast<double>(count));
    if (count < kExpiredPerChange) return {};
    const MutexLock lock(mutex_);
    if (stopping_) return Error(Errc::unavailable, "stopping");
  }
}

Result<void> Sweeper::reclaim_requests(PartitionId partition) {
  const store::PartitionReader reader = deps_.readers.of(partition);
  const std::string prefix = store::request_expiry_prefix(partition);
  for (;;) {
    partition::ReclaimRequests over;
    over.partition = partition;
    over.now_s = deps_.clock.wall_seconds();
    JD_RETURN_IF_ERROR(reader.scan(Table::main, prefix, store::after_prefix(prefix),
                                   [&](std::string_view key, auto) {
                                     if (store::request_expiry_of_key(key).at_s > over.now_s)
                                       return false;
                                     over.keys.emplace_back(key);
                                     return over.keys.size() < kExpiredPerChange;
                                   }));
    if (over.keys.empty()) return {};
    const std::size_t count = over.keys.size();
    JD_RETURN_IF_ERROR(change(std::move(over)));
    totals_.requests += count;
    rows_since_compaction_ += 2 * count;
    if (count < kExpiredPerChange) return {};
    const MutexLock lock(mutex_);
    if (stopping_) return Error(Errc::unavailable, "stopping");
  }
}

Result<void> Sweeper::forget_bulk_counts(PartitionId partition) {
  // The day before counts, too: for a message whose count began before midnight, and for repeats.
  const std::int64_t kept_from = deps_.clock.wall_seconds() / kDaySeconds - 1;
  partition::ForgetBulkCounts forget;
  forget.partition = partition;
  forget.before_day = static_cast<std::uint32_t>(std::max<std::int64_t>(0, kept_from));
  bool any = false;
  const store::PartitionReader reader = deps_.readers.of(partition);
  JD_RETURN_IF_ERROR(reader.scan(Table::main, store::bulk_count_prefix(partition),
                                 store::bulk_count_day_prefix(partition, forget.before_day),
                                 [&any](auto, auto) {
                                   any = true;
                                   return false;
                                 }));
  return any ? change(std::move(forget)) : Result<void>();
}

Result<void> Sweeper::reclaim_jobs(PartitionId partition) {
  const store::PartitionReader reader = deps_.readers.of(partition);
  const std::string prefix = store::job_prefix(partition);
  partition::ReclaimJobs reclaim;
  reclaim.partition = partition;
  reclaim.now_ms = deps_.clock.wall_ms();
  reclaim.ended_by_ms = reclaim.now_ms - options_.job_age.count();
  reclaim.uploads_by_ms = reclaim.now_ms - options_.upload_idle.count();
  // Most partitions have none: look before a change is posted, which takes some of them at a time.
  std::size_t before = 0;
  for (;;) {
    std::size_t over = 0;
    std::uint64_t chunks = 0;
    Result<void> decoded;
    JD_RETURN_IF_ERROR(reader.scan(Table::main, prefix, store::after_prefix(prefix),
                                   [&](std::string_view key, std::string_view value) {
                                     const auto job =
                                         store::decode_job(value, store::id_of_job_key(key));
                                     if (!job) {
                                       decoded = Error(job.error());
                                       return false;
                                     }
                                     if (!partition::is_reclaimed(*job, reclaim)) return true;
                                     ++over;
                                     chunks += job->input_bytes / kJobChunkBytesMax + 1;
                                     return true;
                                   }));
    JD_RETURN_IF_ERROR(decoded);
    if (before > over) totals_.jobs += before - over;
    if (over == 0 || (before != 0 && over >= before)) return {};
    before = over;
    JD_RETURN_IF_ERROR(change(reclaim));
    rows_since_compaction_ += 2 * chunks;
    const MutexLock lock(mutex_);
    if (stopping_) return Error(Errc::unavailable, "stopping");
  }
}

Result<void> Sweeper::apply_limits(PartitionId partition) {
  const store::PartitionReader reader = deps_.readers.of(partition);
  const std::int64_t now = deps_.clock.wall_seconds();
  std::string from = store::message_prefix(partition);
  const std::string end = store::after_prefix(from);
  for (;;) {
    // A cursor keeps what it sees from being freed: a new one for every channel.
    Walk walk{reader, partition, reader.open_cursor(Table::main), now};
    const bool found = walk.cursor.seek(from);
    JD_RETURN_IF_ERROR(walk.cursor.status());
    if (!found || walk.cursor.key() >= end) return {};
    const ChannelKey log = log_of_message_key(walk.cursor.key());
    JD_RETURN_IF_ERROR(limit_log(walk, log));
    from = store::after_prefix(store::message_prefix(partition, log));
    const MutexLock lock(mutex_);
    if (stopping_) return Error(Errc::unavailable, "stopping");
  }
}

Result<void> Sweeper::limit_log(Walk& walk, const ChannelKey& log) {
  const std::uint64_t low = raw(store::seq_of_message_key(walk.cursor.key()));
  const bool commands = is_command_log(log);
  const ChannelKey source = commands ? source_of(log) : log;
  std::string value;
  store::ChannelRecord record;
  JD_TRY(const bool exists,
         walk.reader.get(Table::main, store::channel_key(walk.partition, source), value));
  if (exists) {
    JD_TRY(record, store::decode_channel(value));
  }
  const Limits limits =
      options_.policy.of(log.type, record.retention_seconds, record.retention_count);
  if (!limits.any()) return {};

  std::uint64_t cut = 0;
  if (limits.max_count != 0) {
    const std::string behind = store::after_prefix(store::message_prefix(walk.partition, log));
    std::uint64_t high = low;
    if (walk.cursor.seek_before(behind)) high = raw(store::seq_of_message_key(walk.cursor.key()));
    JD_RETURN_IF_ERROR(walk.cursor.status());
    JD_TRY(cut, find_count_cut(walk, log, low, high, limits.max_count));
  }
  if (limits.max_age_seconds != 0) {
    const std::int64_t before = walk.now - static_cast<std::int64_t>(std::min<std::uint64_t>(
                                               limits.max_age_seconds, std::uint64_t{1} << 40));
    JD_TRY(const std::uint64_t age_cut, find_age_cut(walk, log, low, before));
    cut = std::max(cut, age_cut);
  }
  if (cut < low) return {};
  partition::ClearMessages clear;
  clear.channel = source;
  clear.up_to = cut;
  clear.commands = commands;
  JD_RETURN_IF_ERROR(change(std::move(clear)));
  const std::uint64_t count = cut - low + 1;
  totals_.cleared += count;
  rows_since_compaction_ += count;
  deps_.metrics.retention_cleared.Increment(static_cast<double>(count));
  return {};
}

Result<std::uint64_t> Sweeper::find_count_cut(Walk& walk, const ChannelKey& log, std::uint64_t low,
                                              std::uint64_t high, std::uint64_t max_count) {
  if (high - low < max_count) return 0;
  std::string value;
  JD_TRY(const bool exists,
         walk.reader.get(Table::main, store::channel_key(walk.partition, log), value));
  bool has_gaps = false;
  if (exists) {
    JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
    has_gaps = record.has_gaps;
  }
  // Without holes the seqs tell. Otherwise the rows have to be counted, the newest first.
  if (!has_gaps) return high - max_count;
  const std::string prefix = store::message_prefix(walk.partition, log);
  bool found = walk.cursor.seek_before(store::after_prefix(prefix));
  for (std::uint64_t kept = 0; found && kept < max_count; ++kept) {
    if (!walk.cursor.key().starts_with(prefix)) return 0;
    found = walk.cursor.prev();
  }
  JD_RETURN_IF_ERROR(walk.cursor.status());
  if (!found || !walk.cursor.key().starts_with(prefix)) return 0;
  return raw(store::seq_of_message_key(walk.cursor.key()));
}

Result<std::uint64_t> Sweeper::find_age_cut(Walk& walk, const ChannelKey& log, std::uint64_t low,
                                            std::int64_t before) {
  // Times are those of a clock that may have been wrong, or of another server: they do not rise
  // with the seq, and only what is seen to be old is. A time to come says nothing of the age.
  std::uint64_t cut = 0;
  std::size_t ahead = 0;
  const std::string prefix = store::message_prefix(walk.partition, log);
  bool found =
      walk.cursor.seek(store::message_key(walk.partition, log, static_cast<MessageSeq>(low)));
  for (std::size_t rows = 1; found && walk.cursor.key().starts_with(prefix); ++rows) {
    JD_TRY(const std::int64_t timestamp, store::message_timestamp(walk.cursor.value()));
    const MessageSeq seq = store::seq_of_message_key(walk.cursor.key());
    const bool is_old = timestamp <= before;
    const bool is_ahead = timestamp > walk.now;
    if (is_old) cut = raw(seq);
    if (is_ahead) ++ahead;
    if ((!is_old && !is_ahead) || ahead > kAheadPerWalk) return cut;
    if (rows % kRowsPerCursor != 0) {
      found = walk.cursor.next();
      continue;
    }
    {
      const MutexLock lock(mutex_);
      if (stopping_) return Error(Errc::unavailable, "stopping");
    }
    walk.cursor = walk.reader.open_cursor(Table::main);
    found = walk.cursor.seek(
        store::message_key(walk.partition, log, static_cast<MessageSeq>(raw(seq) + 1)));
  }
  JD_RETURN_IF_ERROR(walk.cursor.status());
  return cut;
}

Result<store::BulkLoader::Entries> Sweeper::find_own_entries(
    const store::PartitionReader& reader, const std::vector<UsedNumber>& numbers) {
  store::BulkLoader::Entries own;
  std::string value;
  for (const UsedNumber& number : numbers) {
    JD_TRY(const bool there, reader.get(Table::client_numbers, number.key, value));
    if (!there) continue;
    JD_TRY(const store::ClientNumber row, store::decode_client_number(value));
    if (row.counter == number.counter) own.emplace_back(number.key, value);
  }
  return own;
}

Result<void> Sweeper::drop_commit_records(PartitionId partition) {
  const store::PartitionReader reader = deps_.readers.of(partition);
  JD_TRY(const std::uint64_t indexed_to, store::load_index_progress(reader));
  if (indexed_to == 0) return {};
  const std::int64_t now = deps_.clock.wall_seconds();
  const std::int64_t before = now - options_.commit_record_seconds;
  const std::string end = store::after_prefix(store::commit_record_prefix(partition));
  std::uint64_t next = record_cursor_[partition];
  std::map<ChannelKey, std::uint64_t> cleared;
  std::string value;
  const auto is_gone = [&](const store::CommitEntry& entry) -> Result<bool> {
    if (entry.kind != store::EntryKind::message || entry.seq == 0) return true;
    auto [it, fresh] = cleared.try_emplace(entry.log, 0);
    if (fresh) {
      JD_TRY(const bool exists,
             reader.get(Table::main, store::channel_key(partition, entry.log), value));
      if (exists) {
        JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
        it->second = record.cleared_to;
      }
    }
    if (entry.seq <= it->second) return true;
    const auto key = store::message_key(partition, entry.log, static_cast<MessageSeq>(entry.seq));
    JD_TRY(const bool there, reader.get(Table::main, key, value));
    return !there;
  };

  std::size_t seen = 0;
  bool more = true;
  while (more && seen < kRecordsPerWalk) {
    partition::DropCommitRecords drop;
    drop.partition = partition;
    std::vector<UsedNumber> numbers;
    more = false;
    Result<void> judged;
    JD_RETURN_IF_ERROR(
        reader.scan(Table::main, store::commit_record_key(partition, next), end,
                    [&](std::string_view key, std::string_view bytes) {
                      const std::uint64_t counter = store::counter_of_commit_record_key(key);
                      const auto record = store::decode_commit_record(bytes, counter);
                      if (!record) {
                        judged = Error(record.error());
                        return false;
                      }
                      const bool answers = record->timestamp > before;
                      const bool indexed = last_message_counter(*record) <= indexed_to;
                      if (indexed && record->timestamp > now) {
                        // Of a clock that was ahead: it tells nothing of those behind it, and stays
                        // until its own time is over.
                        next = counter + 1;
                        ++seen;
                        return seen < kRecordsPerWalk;
                      }
                      if (answers || !indexed) {
                        // Those behind it are hardly older. Begin anew with the next walk.
                        next = 0;
                        return false;
                      }
                      bool gone = true;
                      for (const auto& entry : record->entries) {
                        const auto entry_gone = is_gone(entry);
                        if (!entry_gone) {
                          judged = Error(entry_gone.error());
                          return false;
                        }
                        gone = *entry_gone;
                        if (!gone) break;
                      }
                      next = counter + 1;
                      ++seen;
                      if (gone) {
                        drop.first_counters.push_back(counter);
                        for (const auto& entry : record->entries) {
                          if (entry.kind != store::EntryKind::message) continue;
                          numbers.push_back({store::client_number_key(partition, entry.fingerprint),
                                             entry.counter});
                        }
                      }
                      more = drop.first_counters.size() >= kRecordsPerChange;
                      return !more && seen < kRecordsPerWalk;
                    }));
    JD_RETURN_IF_ERROR(judged);
    if (!more && seen < kRecordsPerWalk) next = 0;
    if (drop.first_counters.empty()) {
      record_cursor_[partition] = next;
      return {};
    }
    JD_TRY(const store::BulkLoader::Entries own, find_own_entries(reader, numbers));
    // The index first: an entry without its record would stay for ever.
    JD_RETURN_IF_ERROR(deps_.loader.erase(Table::client_numbers, own));
    const std::size_t count = drop.first_counters.size();
    JD_RETURN_IF_ERROR(change(std::move(drop)));
    record_cursor_[partition] = next;
    totals_.records += count;
    rows_since_compaction_ += own.size();
  }
  return {};
}

Result<void> Sweeper::drop_tombstones(PartitionId partition) {
  if (options_.tombstone_age.count() == 0) return {};
  const store::PartitionReader reader = deps_.readers.of(partition);
  const std::int64_t before = deps_.clock.wall_ns() - options_.tombstone_age.count() * 1'000'000;
  const std::string first = store::tombstone_prefix(partition);
  const std::string end = store::after_prefix(first);
  std::string next = tombstone_cursor_[partition];
  for (std::size_t seen = 0; seen < kTombstonesPerWalk;) {
    partition::DropTombstones drop;
    drop.partition = partition;
    bool ended = true;
    Result<void> decoded;
    JD_RETURN_IF_ERROR(
        reader.scan(Table::main, next.empty() ? first : next, end,
                    [&](std::string_view key, std::string_view value) {
                      const auto tombstone = store::decode_tombstone(value);
                      if (!tombstone) {
                        decoded = Error(tombstone.error());
                        return false;
                      }
                      ended = false;
                      next.assign(key).push_back('\0');
                      ++seen;
                      if (tombstone->deleted_at_ns <= before) {
                        drop.keys.emplace_back(key);
                        drop.up_to_ns = std::max(drop.up_to_ns, tombstone->deleted_at_ns);
                      }
                      return drop.keys.size() < kTombstonesPerChange && seen < kTombstonesPerWalk;
                    }));
    JD_RETURN_IF_ERROR(decoded);
    const std::size_t count = drop.keys.size();
    if (count > 0) JD_RETURN_IF_ERROR(change(std::move(drop)));
    totals_.tombstones += count;
    rows_since_compaction_ += count;
    if (ended) next.clear();  // begin anew with the next walk
    tombstone_cursor_[partition] = next;
    if (ended) return {};
  }
  return {};
}

Result<void> Sweeper::close_idle_streams(PartitionId partition) {
  // Most partitions have none: look before a change is posted.
  const std::string prefix = store::running_stream_prefix(partition);
  bool any = false;
  JD_RETURN_IF_ERROR(deps_.readers.of(partition).scan(
      Table::main, prefix, store::after_prefix(prefix), [&any](auto, auto) {
        any = true;
        return false;
      }));
  if (!any) return {};
  partition::CloseIdleStreams close;
  close.partition = partition;
  close.idle_ms = options_.stream_idle.count();
  close.event_type = codec::kTextEnd;
  return change(std::move(close));
}

}  // namespace jindou::retention
