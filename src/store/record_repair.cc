#include "store/record_repair.h"

#include <fmt/format.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <string_view>

#include "model/job.h"
#include "model/message.h"
#include "store/keys.h"
#include "store/records.h"
#include "store/rocksdb_slice.h"
#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

using Cost = Remedy::Cost;

constexpr std::size_t kJobIdOffset = 3;  // of a key: behind its partition and kind
constexpr std::size_t kLetterKeyBytes = 12;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// Records that stand for themselves: without one, nothing else is wrong.
struct Expendable {
  KeyKind kind;
  const char* loss;
};
constexpr std::array<Expendable, 8> kExpendables = {{
    {KeyKind::conversation,
     "one user's conversation: how far he had read, and its place in his list until he sends there "
     "or opens it again"},
    {KeyKind::running_stream, "which stream an older client had open: it begins another one"},
    {KeyKind::device_token, "the token of one device: its user needs a new one (POST /user/token)"},
    {KeyKind::command_sync, "what a user's last sync of commands returned: it is returned again"},
    {KeyKind::request,
     "the answer to a request with an Idempotency-Key: a repeat of it is carried out again"},
    {KeyKind::bulk_count, "how many bulk messages a user was sent in a day: counted anew"},
    {KeyKind::webhook_letter, "one dead letter of the webhook"},
    {KeyKind::webhook_letters_dropped, "how many dead letters had made room for others"},
}};

Result<bool> load_row(const OpenStore& store, const std::string& key, std::string& value) {
  const auto status =
      store.db().Get(rocksdb::ReadOptions(), store.handle(Table::main), slice(key), &value);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return to_error(status);
}

bool is_of_commands(const ChannelKey& log) { return log.id.ends_with(kCommandSuffix); }

}  // namespace

void RecordRepair::erase(std::string key, Cost cost) {
  rows_.push_back({std::move(key), std::nullopt, {}, cost});
}

void RecordRepair::erase_range(std::string begin, std::string end) {
  rows_.push_back({std::move(begin), std::nullopt, std::move(end), Cost::loss});
}

void RecordRepair::mark_deleted(const LogOfPartition& log, const Hole& hole) {
  std::vector<Hole>& known = holes_[log];
  // A message is missed by its neighbours, and by its commit record.
  const bool covered = std::ranges::any_of(known, [&hole](const Hole& other) {
    return other.first <= hole.first && hole.last <= other.last;
  });
  if (!covered) known.push_back(hole);
}

Remedy RecordRepair::give_up_message(const AuditFault& fault) {
  const ChannelKey log = channel_of_channel_scoped_key(fault.key);
  const MessageSeq seq = seq_of_message_key(fault.key);
  erase(fault.key, Cost::loss);
  for (std::string prefix : {event_lane_prefix(fault.partition, log, seq),
                             event_text_prefix(fault.partition, log, seq)}) {
    std::string end = after_prefix(prefix);
    erase_range(std::move(prefix), std::move(end));
  }
  mark_deleted({fault.partition, log}, {raw(seq), raw(seq)});
  return {fault.sentence, Cost::loss, "its place is marked as that of a deleted message",
          fmt::format("the message at seq {}, with its events", raw(seq))};
}

Result<Remedy> RecordRepair::drop_tombstones(const OpenStore& store, const AuditFault& fault) {
  // No tombstone can be later than the last of these three: the clock may have been set back since
  // one was stamped.
  TombstoneRecord dropped;
  dropped.deleted_at_ns = now_ns_;
  std::string value;
  JD_TRY(const bool stamped, load_row(store, partition_state_key(fault.partition), value));
  if (stamped) {
    const auto state = decode_partition_state(value);
    if (state) dropped.deleted_at_ns = std::max(dropped.deleted_at_ns, state->stamped_to_ns);
  }
  const std::string key = tombstones_dropped_key(fault.partition);
  JD_TRY(const bool told, load_row(store, key, value));
  if (told) {
    const auto before = decode_tombstone(value);
    if (before) dropped.deleted_at_ns = std::max(dropped.deleted_at_ns, before->deleted_at_ns);
  }
  rows_.push_back({key, encode(dropped), {}, Cost::nothing});
  return Remedy{fault.sentence,
                Cost::nothing,
                "clients that keep a list of conversations are told to fetch all of it",
                {}};
}

Result<Remedy> RecordRepair::decide_gap(const OpenStore& store, const AuditFault& fault) {
  const ChannelKey log = channel_of_channel_scoped_key(fault.key);
  const MessageSeq seq = seq_of_message_key(fault.key);
  std::string value;
  JD_TRY(const bool there, load_row(store, message_key(fault.partition, log, seq), value));
  if (!there) {
    mark_deleted({fault.partition, log}, {raw(seq), raw(seq)});
    return Remedy{fault.sentence, Cost::loss, "its place is marked as that of a deleted message",
                  "why there is no message"};
  }
  const auto message = decode_message(value, log, seq);
  if (!message) {
    // The message goes, and its place is marked: that is told of the message.
    return Remedy{fault.sentence, Cost::loss, "it goes with its message", "nothing beside it"};
  }
  const auto gap = gap_of(*message);
  if (gap) {
    rows_.push_back({fault.key, encode(*gap), {}, Cost::nothing});
  } else {
    erase(fault.key, Cost::nothing);
  }
  return Remedy{fault.sentence, Cost::nothing, "it is made again from its message", {}};
}

Remedy RecordRepair::give_up_job(const AuditFault& fault) {
  const std::string id = fault.key.substr(kJobIdOffset, kJobIdBytes);
  erase(job_key(fault.partition, id), Cost::loss);
  for (const KeyKind kind : {KeyKind::job_input, KeyKind::job_results}) {
    std::string prefix = job_chunk_prefix(fault.partition, kind, id);
    std::string end = after_prefix(prefix);
    erase_range(std::move(prefix), std::move(end));
  }
  return {fault.sentence, Cost::loss, "the whole job is removed",
          "the job with its input and its results; what it has sent stays"};
}

Result<Remedy> RecordRepair::decide_unreadable(const OpenStore& store, const AuditFault& fault) {
  const KeyKind kind = kind_of_key(fault.key);
  // A key that is too short for what it is names nothing that could be marked.
  const bool whole_key = holds_channel(fault.key, kSeqBytes);
  if (whole_key && kind == KeyKind::message) return give_up_message(fault);
  if (whole_key && kind == KeyKind::gap) return decide_gap(store, fault);
  switch (kind) {
    case KeyKind::commit_record:
      erase(fault.key, Cost::loss);
      index_ = true;
      index_loses_ = true;
      return Remedy{
          fault.sentence, Cost::loss, std::string("it is removed, and ") + kIndexAction,
          "what one commit has listed: its messages stay, are not found by their ids any more, a "
          "repeat of one is stored again, and the webhook hears of none that it has not heard of"};
    case KeyKind::tombstone: erase(fault.key, Cost::nothing); return drop_tombstones(store, fault);
    case KeyKind::tombstones_dropped: return drop_tombstones(store, fault);
    case KeyKind::job:
    case KeyKind::job_input:
    case KeyKind::job_results:
      if (fault.key.size() >= kJobIdOffset + kJobIdBytes) return give_up_job(fault);
      break;
    default: break;
  }
  const auto* const known = std::ranges::find(kExpendables, kind, &Expendable::kind);
  if (known != kExpendables.end()) {
    erase(fault.key, Cost::loss);
    if (kind == KeyKind::webhook_letter && fault.key.size() == kLetterKeyBytes) {
      // A mark that it is to be told again would be of nothing.
      erase(webhook_redrive_key(fault.partition, counter_of_webhook_letter_key(fault.key)),
            Cost::loss);
    }
    return Remedy{fault.sentence, Cost::loss, "it is removed", known->loss};
  }
  return Remedy{fault.sentence,
                Cost::impossible,
                "what it said follows from nothing else, and cannot be guessed",
                {}};
}

Result<Remedy> RecordRepair::decide_one(const OpenStore& store, const AuditFault& fault) {
  switch (fault.kind) {
    case AuditFault::Kind::unreadable: return decide_unreadable(store, fault);
    case AuditFault::Kind::missing:
      if (fault.first == 0) break;
      mark_deleted({fault.partition, fault.log}, {fault.first, fault.last});
      return Remedy{fault.sentence, Cost::loss, "its place is marked as that of a deleted message",
                    fault.first == fault.last
                        ? fmt::format("the message at seq {}", fault.first)
                        : fmt::format("the messages from seq {} to {}", fault.first, fault.last)};
    case AuditFault::Kind::index:
      index_ = true;
      return Remedy{fault.sentence, Cost::nothing, kIndexAction, {}};
    case AuditFault::Kind::stranger:
      index_ = true;
      index_loses_ = true;
      return Remedy{fault.sentence, Cost::loss,
                    std::string(kIndexAction) + ", which do not have it",
                    "that the message is known: a repeat of it is stored again"};
    case AuditFault::Kind::derived:
      rows_.push_back({fault.key, fault.value, {}, Cost::nothing});
      return Remedy{fault.sentence, Cost::nothing, "it is added to the list", {}};
    case AuditFault::Kind::other_id: break;
  }
  return Remedy{fault.sentence, Cost::impossible, "which of the two is right cannot be told", {}};
}

Result<void> RecordRepair::decide(const OpenStore& store, const std::vector<AuditFault>& faults,
                                  std::int64_t now_ns) {
  now_ns_ = now_ns;
  // Widest first, so that what lies in them is seen to.
  std::vector<std::size_t> order(faults.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [&faults](std::size_t i) { return faults[i].last - faults[i].first; });
  remedies_.resize(faults.size());
  for (const std::size_t i : order) {
    JD_TRY(remedies_[i], decide_one(store, faults[i]));
  }
  if (!index_loses_) return {};
  // It is one table: made again, it has only what the commit records have.
  for (Remedy& remedy : remedies_) {
    if (remedy.action != kIndexAction) continue;
    remedy.cost = Cost::loss;
    remedy.loss = "what the index alone knows, as told of the other records";
  }
  return {};
}

bool RecordRepair::rebuilds_index(Extent extent) const {
  return index_ && (extent == Extent::all || !index_loses_);
}

Result<void> RecordRepair::add_holes(const OpenStore& store, rocksdb::WriteBatch& batch) const {
  rocksdb::ColumnFamilyHandle* const main = store.handle(Table::main);
  std::string value;
  for (const auto& [place, holes] : holes_) {
    const auto& [partition, log] = place;
    const std::string channel = channel_key(partition, log);
    ChannelRecord record;
    JD_TRY(const bool known, load_row(store, channel, value));
    if (known) {
      JD_TRY(record, decode_channel(value));
    } else {
      record.created_at = now_ns_ / kNsPerSecond;
    }
    record.has_gaps = true;
    for (const Hole& hole : holes) {
      record.seq_floor = std::max(record.seq_floor, hole.last);
      // Of a log of commands `has_gaps` says it all.
      if (is_of_commands(log)) continue;
      const std::string last = gap_key(partition, log, static_cast<MessageSeq>(hole.last));
      if (hole.first < hole.last) {
        const std::string first = gap_key(partition, log, static_cast<MessageSeq>(hole.first));
        batch.DeleteRange(main, first, last).PermitUncheckedError();
      }
      GapRecord gap;
      gap.seqs = hole.last - hole.first + 1;
      batch.Put(main, last, encode(gap)).PermitUncheckedError();
    }
    batch.Put(main, channel, encode(record)).PermitUncheckedError();
  }
  return {};
}

Result<void> RecordRepair::write(OpenStore& store, Extent extent) const {
  rocksdb::ColumnFamilyHandle* const main = store.handle(Table::main);
  rocksdb::WriteBatch batch;
  for (const Row& row : rows_) {
    if (row.cost != Cost::nothing && extent != Extent::all) continue;
    rocksdb::Status added;
    if (row.value) {
      added = batch.Put(main, row.key, *row.value);
    } else if (row.end.empty()) {
      added = batch.Delete(main, row.key);
    } else {
      added = batch.DeleteRange(main, row.key, row.end);
    }
    if (!added.ok()) return to_error(added);
  }
  if (extent == Extent::all) JD_RETURN_IF_ERROR(add_holes(store, batch));
  auto status = store.db().Write(rocksdb::WriteOptions(), &batch);
  if (status.ok()) status = store.db().FlushWAL(true);
  if (!status.ok()) return to_error(status);
  return {};
}

}  // namespace jindou::store
