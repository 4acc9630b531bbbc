#include "store/record_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "observe/log.h"
#include "store/index_progress.h"
#include "store/job_records.h"
#include "store/keys.h"
#include "store/records.h"
#include "store/rocksdb_slice.h"
#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

using RowIterator = std::unique_ptr<rocksdb::Iterator>;

// Between two looks at whether to go on.
constexpr std::uint64_t kRowsPerLook = 8192;
// Entries of the index without a message that are named; the rest is counted.
constexpr std::uint64_t kNamedMax = 10;
constexpr std::size_t kKindBytes = 3;  // of a partition and a kind
constexpr std::size_t kChannelHeadBytes = kKindBytes + 3;

std::string shown(const ChannelKey& channel) {
  std::string text = fmt::format("channel {}:", raw(channel.type));
  observe::append_text_escaped(text, channel.id);
  return text;
}

// Explains a seq without a message by itself.
bool is_for_nobody(const GapRecord& gap) { return gap.readers.empty() && !gap.everybody; }

template <class T>
Result<void> outcome_of(const Result<T>& decoded) {
  if (decoded) return {};
  return decoded.error();
}

// Of the kinds whose values have a format, but for messages and commit records.
Result<void> decode_value(KeyKind kind, std::string_view key, std::string_view value) {
  switch (kind) {
    case KeyKind::partition_state: return outcome_of(decode_partition_state(value));
    case KeyKind::channel: return outcome_of(decode_channel(value));
    case KeyKind::conversation: return outcome_of(decode_conversation(value));
    case KeyKind::tombstone:
    case KeyKind::tombstones_dropped: return outcome_of(decode_tombstone(value));
    case KeyKind::gap: return outcome_of(decode_gap(value));
    case KeyKind::log_change: return outcome_of(decode_log_change(value));
    case KeyKind::running_stream: return outcome_of(decode_running_stream(value));
    case KeyKind::device_token: return outcome_of(decode_token(value));
    case KeyKind::command_sync: return outcome_of(decode_command_sync(value));
    case KeyKind::request: return outcome_of(decode_request(value));
    case KeyKind::bulk_count: return outcome_of(decode_bulk_count(value));
    case KeyKind::webhook_cursor: return outcome_of(decode_webhook_cursor(value));
    case KeyKind::webhook_letter: return outcome_of(decode_webhook_letter(value));
    case KeyKind::webhook_letters_dropped: return outcome_of(decode_webhook_letters_dropped(value));
    case KeyKind::template_head: return outcome_of(decode_template(value));
    case KeyKind::template_version: return outcome_of(decode_template_version(value));
    case KeyKind::template_floor: return outcome_of(decode_template_floor(value));
    case KeyKind::job: return outcome_of(decode_job(value, key.substr(kKindBytes)));
    case KeyKind::job_input: return outcome_of(decode_job_input(value));
    case KeyKind::job_results: return outcome_of(decode_job_results(value));
    case KeyKind::event_lane: {
      if (!holds_channel(key, kSeqBytes)) return Error(Errc::storage, "the key is too short");
      const std::size_t anchor =
          kChannelHeadBytes + read_be<std::uint16_t>(key, kKindBytes + 1) + kSeqBytes;
      if (key.size() == anchor) return outcome_of(decode_anchor_events(value));
      return outcome_of(decode_lane(value, key.substr(anchor)));
    }
    default: return {};
  }
}

class Audit {
 public:
  Audit(const OpenStore& store, const AuditHandlers& handlers, AuditScope scope)
      : store_(store), handlers_(handlers), with_index_(scope == AuditScope::all) {}

  Result<AuditCounts> run(std::uint16_t partitions);

 private:
  // What is known of one log while its messages are passed.
  struct Log {
    ChannelKey key;
    std::uint64_t cleared_to = 0;
    std::uint64_t seq_floor = 0;
    bool has_gaps = false;
    bool of_commands = false;
    std::uint64_t next = 1;  // seq that is to come
  };

  RowIterator rows_of(Table table) const {
    rocksdb::ReadOptions read;
    read.fill_cache = false;
    read.readahead_size = std::size_t{1} << 20;
    return RowIterator(store_.db().NewIterator(read, store_.handle(table)));
  }
  Result<bool> get(Table table, const std::string& key, std::string& value) const;
  // Of the partition that is looked at.
  void fault(AuditFault::Kind kind, std::string sentence) {
    AuditFault found;
    found.kind = kind;
    found.sentence = std::move(sentence);
    tell(std::move(found));
  }
  void unreadable(std::string_view key, std::string sentence) {
    AuditFault found;
    found.key = key;
    found.sentence = std::move(sentence);
    tell(std::move(found));
  }
  void tell(AuditFault found) {
    found.partition = partition_;
    handlers_.fault(found);
  }
  Result<void> count_row();

  Result<void> audit_partition(PartitionId partition);
  Result<void> audit_row(std::string_view key, std::string_view value);
  Result<void> audit_message(std::string_view key, std::string_view value);
  Result<Log> load_log(ChannelKey key) const;
  Result<void> audit_expiry(const Message& message, MessageSeq seq);
  // The first gap of a log at a seq or behind it, if it is before behind_gaps(). Valid until the
  // next call.
  const RowIterator& gaps_of(const ChannelKey& log, std::uint64_t from);
  std::string behind_gaps(const ChannelKey& log) const;
  // The log whose messages came last has no more.
  Result<void> end_log();
  // Seqs of the log that have no row.
  Result<void> explain(std::uint64_t first, std::uint64_t last);
  void tell_missing(std::uint64_t first, std::uint64_t last);
  Result<void> audit_commit(std::string_view key, std::string_view value);
  Result<void> audit_entry(const CommitEntry& entry);
  // Whether a message that was stored at that place is gone for a reason.
  Result<bool> is_gone_by_right(const CommitEntry& entry);
  Result<void> audit_numbers();
  Result<void> name_strangers(std::uint64_t how_many);

  const OpenStore& store_;
  const AuditHandlers& handlers_;
  const bool with_index_;
  AuditCounts counts_;
  PartitionId partition_{};
  std::optional<Log> log_;
  RowIterator gaps_;
  std::uint64_t indexed_to_ = 0;
  std::uint64_t known_numbers_ = 0;  // of the partition: of the index, with a commit record
  // Of logs that commit records name.
  std::map<ChannelKey, Log> logs_;
};

// Logs that are remembered while commit records are passed.
constexpr std::size_t kLogsMax = 100'000;

Result<bool> Audit::get(Table table, const std::string& key, std::string& value) const {
  const auto status =
      store_.db().Get(rocksdb::ReadOptions(), store_.handle(table), slice(key), &value);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return to_error(status);
}

Result<void> Audit::count_row() {
  if (++counts_.rows % kRowsPerLook != 0 || !handlers_.keep_on) return {};
  if (handlers_.keep_on(counts_)) return {};
  return Error(Errc::unavailable, "it was given up");
}

Result<Audit::Log> Audit::load_log(ChannelKey key) const {
  Log log;
  log.of_commands = key.id.ends_with(kCommandSuffix);
  std::string value;
  JD_TRY(const bool known, get(Table::main, channel_key(partition_, key), value));
  log.key = std::move(key);
  if (!known) return log;
  const auto record = decode_channel(value);
  // That it cannot be read is told of its own row.
  if (!record) return log;
  log.cleared_to = record->cleared_to;
  log.seq_floor = record->seq_floor;
  log.has_gaps = record->has_gaps;
  log.next = log.cleared_to + 1;
  return log;
}

const RowIterator& Audit::gaps_of(const ChannelKey& log, std::uint64_t from) {
  if (!gaps_) gaps_ = rows_of(Table::main);
  gaps_->Seek(slice(gap_key(partition_, log, static_cast<MessageSeq>(from))));
  return gaps_;
}

std::string Audit::behind_gaps(const ChannelKey& log) const {
  const std::string first = gap_key(partition_, log, MessageSeq{0});
  return after_prefix(std::string_view(first).substr(0, first.size() - kSeqBytes));
}

Result<void> Audit::explain(std::uint64_t first, std::uint64_t last) {
  const Log& log = *log_;
  // Commands that expired leave nothing behind.
  if (log.of_commands && log.has_gaps) return {};
  const std::string end = behind_gaps(log.key);
  gaps_of(log.key, first);
  std::uint64_t next = first;
  for (; next <= last && gaps_->Valid() && view(gaps_->key()) < end; gaps_->Next()) {
    const std::uint64_t seq = raw(seq_of_message_key(view(gaps_->key())));
    const auto gap = decode_gap(view(gaps_->value()));
    if (!gap || !is_for_nobody(*gap)) continue;
    const std::uint64_t begin = gap->seqs > seq ? 1 : seq - gap->seqs + 1;
    if (begin > next) tell_missing(next, std::min(begin - 1, last));
    next = std::max(next, seq + 1);
  }
  if (!gaps_->status().ok()) return to_error(gaps_->status());
  if (next <= last) tell_missing(next, last);
  return {};
}

void Audit::tell_missing(std::uint64_t first, std::uint64_t last) {
  AuditFault found;
  found.kind = AuditFault::Kind::missing;
  found.log = log_->key;
  found.first = first;
  found.last = last;
  found.sentence = fmt::format(
      "{} (partition {}): there is no message at seq {}{}, and nothing says why", shown(log_->key),
      raw(partition_), first, last > first ? fmt::format(" and others up to {}", last) : "");
  tell(std::move(found));
}

Result<void> Audit::end_log() {
  if (!log_) return {};
  if (log_->seq_floor >= log_->next) JD_RETURN_IF_ERROR(explain(log_->next, log_->seq_floor));
  log_.reset();
  return {};
}

Result<void> Audit::audit_message(std::string_view key, std::string_view value) {
  if (!holds_channel(key, kSeqBytes)) {
    unreadable(key,
               fmt::format("partition {}: the key of a message is too short", raw(partition_)));
    return {};
  }
  ChannelKey channel = channel_of_channel_scoped_key(key);
  const MessageSeq at = seq_of_message_key(key);
  const std::uint64_t seq = raw(at);
  ++counts_.messages;
  if (!log_ || log_->key != channel) {
    JD_RETURN_IF_ERROR(end_log());
    JD_TRY(Log log, load_log(channel));
    log_ = std::move(log);
    ++counts_.logs;
  }
  if (seq > log_->next) JD_RETURN_IF_ERROR(explain(log_->next, seq - 1));
  log_->next = std::max(log_->next, seq + 1);
  const auto message = decode_message(value, channel, at);
  if (!message) {
    unreadable(key, fmt::format("{} (partition {}): the message at seq {} cannot be read: {}",
                                shown(channel), raw(partition_), seq, message.error().detail()));
    return {};
  }
  return audit_expiry(*message, at);
}

Result<void> Audit::audit_expiry(const Message& message, MessageSeq seq) {
  // What was cleared goes as a whole.
  if (message.expire == 0 || raw(seq) <= log_->cleared_to) return {};
  AuditFault found;
  found.kind = AuditFault::Kind::derived;
  found.key =
      expiry_key(partition_, static_cast<std::uint64_t>(message.expires_at()), log_->key, seq);
  std::string value;
  JD_TRY(const bool there, get(Table::main, found.key, value));
  if (there) return {};
  found.sentence = fmt::format(
      "{} (partition {}): the message at seq {} expires and is not in the list of those that do",
      shown(log_->key), raw(partition_), raw(seq));
  tell(std::move(found));
  return {};
}

Result<bool> Audit::is_gone_by_right(const CommitEntry& entry) {
  auto found = logs_.find(entry.log);
  if (found == logs_.end()) {
    if (logs_.size() >= kLogsMax) logs_.clear();
    JD_TRY(Log log, load_log(entry.log));
    found = logs_.emplace(entry.log, std::move(log)).first;
  }
  const Log& log = found->second;
  if (entry.seq <= log.cleared_to || (log.of_commands && log.has_gaps)) return true;
  const RowIterator& gaps = gaps_of(log.key, entry.seq);
  const bool any = gaps->Valid() && view(gaps->key()) < behind_gaps(log.key);
  if (!gaps->status().ok()) return to_error(gaps->status());
  if (!any) return false;
  // One may be of many seqs, of which its key has the last.
  const std::uint64_t last = raw(seq_of_message_key(view(gaps->key())));
  const auto gap = decode_gap(view(gaps->value()));
  return gap && is_for_nobody(*gap) && last - entry.seq < gap->seqs;
}

Result<void> Audit::audit_entry(const CommitEntry& entry) {
  const auto told = [&](AuditFault::Kind kind, std::string_view what) {
    AuditFault found;
    found.kind = kind;
    found.log = entry.log;
    found.first = entry.seq;
    found.last = entry.seq;
    found.sentence =
        fmt::format("{} (partition {}): {} {}", shown(entry.log), raw(partition_),
                    entry.seq == 0 ? fmt::format("the message with counter {}", entry.counter)
                                   : fmt::format("the message at seq {}", entry.seq),
                    what);
    tell(std::move(found));
  };
  std::string value;
  bool there = false;
  if (entry.seq != 0) {
    JD_TRY(there,
           get(Table::main, message_key(partition_, entry.log, static_cast<MessageSeq>(entry.seq)),
               value));
    if (there) {
      const auto head = decode_message_head(value);
      const MessageId id = message_id_of(entry.counter, partition_);
      if (head && head->id != id) {
        told(AuditFault::Kind::other_id,
             fmt::format("has the id {} and was committed as {}", raw(head->id), raw(id)));
      }
    } else {
      JD_TRY(const bool by_right, is_gone_by_right(entry));
      if (!by_right) told(AuditFault::Kind::missing, "was committed and is not there");
    }
  }
  if (!with_index_) return {};
  JD_TRY(const bool indexed,
         get(Table::client_numbers, client_number_key(partition_, entry.fingerprint), value));
  if (!indexed) {
    if (there && entry.counter <= indexed_to_) {
      told(AuditFault::Kind::index,
           "is missing in the index of client_msg_no: a repeat would be stored again");
    }
    return {};
  }
  const auto number = decode_client_number(value);
  if (!number) return {};
  if (number->counter == entry.counter) {
    ++known_numbers_;
    if (number->seq != entry.seq || number->payload != entry.payload) {
      told(AuditFault::Kind::index, "is another one in the index of client_msg_no");
    }
  } else if (number->counter < entry.counter && entry.counter <= indexed_to_) {
    told(AuditFault::Kind::index, "is an older one in the index of client_msg_no");
  }
  return {};
}

Result<void> Audit::audit_commit(std::string_view key, std::string_view value) {
  const std::uint64_t first = counter_of_commit_record_key(key);
  const auto record = decode_commit_record(value, first);
  if (!record) {
    unreadable(key, fmt::format("partition {}: the commit record {} cannot be read: {}",
                                raw(partition_), first, record.error().detail()));
    return {};
  }
  for (const CommitEntry& entry : record->entries) {
    if (entry.kind == EntryKind::message) JD_RETURN_IF_ERROR(audit_entry(entry));
  }
  return {};
}

Result<void> Audit::audit_row(std::string_view key, std::string_view value) {
  const KeyKind kind = kind_of_key(key);
  if (kind == KeyKind::message) return audit_message(key, value);
  JD_RETURN_IF_ERROR(end_log());
  if (kind == KeyKind::commit_record) return audit_commit(key, value);
  if (const auto read = decode_value(kind, key, value); !read) {
    std::string where;
    const bool of_channel = kind == KeyKind::channel || kind == KeyKind::gap ||
                            kind == KeyKind::event_lane || kind == KeyKind::log_change ||
                            kind == KeyKind::running_stream;
    if (of_channel && holds_channel(key, 0)) {
      where = ", " + shown(channel_of_channel_scoped_key(key));
    }
    unreadable(key, fmt::format("partition {}{}: a record of kind {:#04x} cannot be read: {}",
                                raw(partition_), where, static_cast<unsigned>(kind),
                                read.error().detail()));
  }
  return {};
}

Result<void> Audit::name_strangers(std::uint64_t how_many) {
  const RowIterator it = rows_of(Table::client_numbers);
  const RowIterator records = rows_of(Table::main);
  const std::string end = after_prefix(client_number_prefix(partition_));
  const std::string prefix = commit_record_prefix(partition_);
  std::uint64_t named = 0;
  for (it->Seek(slice(first_client_number(partition_)));
       it->Valid() && view(it->key()) < end && named < std::min(how_many, kNamedMax); it->Next()) {
    JD_RETURN_IF_ERROR(count_row());
    const auto number = decode_client_number(view(it->value()));
    if (!number) continue;
    records->SeekForPrev(slice(commit_record_key(partition_, number->counter)));
    bool known = false;
    if (records->Valid() && view(records->key()).starts_with(prefix)) {
      const auto record = decode_commit_record(view(records->value()),
                                               counter_of_commit_record_key(view(records->key())));
      known = record && std::ranges::any_of(record->entries, [&](const CommitEntry& entry) {
                return entry.counter == number->counter;
              });
    }
    if (known) continue;
    ++named;
    fault(
        AuditFault::Kind::stranger,
        fmt::format("partition {}: an entry of the index of client_msg_no is of message {} (seq "
                    "{}), which no commit record has",
                    raw(partition_), raw(message_id_of(number->counter, partition_)), number->seq));
  }
  return {};
}

Result<void> Audit::audit_numbers() {
  const RowIterator it = rows_of(Table::client_numbers);
  const std::string end = after_prefix(client_number_prefix(partition_));
  std::uint64_t numbers = 0;
  for (it->Seek(slice(first_client_number(partition_))); it->Valid() && view(it->key()) < end;
       it->Next()) {
    JD_RETURN_IF_ERROR(count_row());
    ++numbers;
    const auto number = decode_client_number(view(it->value()));
    if (!number) {
      fault(AuditFault::Kind::index,
            fmt::format("partition {}: an entry of the index of client_msg_no cannot be read: {}",
                        raw(partition_), number.error().detail()));
    }
  }
  if (!it->status().ok()) return to_error(it->status());
  counts_.numbers += numbers;
  if (numbers > known_numbers_) return name_strangers(numbers - known_numbers_);
  return {};
}

Result<void> Audit::audit_partition(PartitionId partition) {
  partition_ = partition;
  known_numbers_ = 0;
  logs_.clear();
  indexed_to_ = 0;
  std::string value;
  bool indexed = false;
  if (with_index_) {
    JD_TRY(indexed, get(Table::client_numbers, index_progress_key(partition), value));
  }
  if (indexed) {
    const auto progress = decode_index_progress(value);
    if (progress) {
      indexed_to_ = *progress;
    } else {
      fault(AuditFault::Kind::index,
            fmt::format("partition {}: how far the index of client_msg_no has got cannot be read",
                        raw(partition)));
    }
  }
  const RowIterator it = rows_of(Table::main);
  const std::string begin = client_number_prefix(partition);  // of both tables
  const std::string end = after_prefix(begin);
  for (it->Seek(slice(begin)); it->Valid() && (end.empty() || view(it->key()) < end); it->Next()) {
    if (!view(it->key()).starts_with(begin)) break;
    JD_RETURN_IF_ERROR(count_row());
    JD_RETURN_IF_ERROR(audit_row(view(it->key()), view(it->value())));
  }
  if (!it->status().ok()) return to_error(it->status());
  JD_RETURN_IF_ERROR(end_log());
  if (!with_index_) return {};
  return audit_numbers();
}

Result<AuditCounts> Audit::run(std::uint16_t partitions) {
  for (std::uint16_t i = 0; i < partitions; ++i) {
    JD_RETURN_IF_ERROR(audit_partition(PartitionId{i}));
  }
  return counts_;
}

}  // namespace

Result<AuditCounts> audit_records(const OpenStore& store, std::uint16_t partitions,
                                  const AuditHandlers& handlers, AuditScope scope) {
  return Audit(store, handlers, scope).run(partitions);
}

}  // namespace jindou::store
