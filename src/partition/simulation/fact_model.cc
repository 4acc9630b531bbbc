#include "partition/simulation/fact_model.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition::simulation {

namespace {

using Rows = FactModel::Rows;

// A channel record without what follows from messages. That of a channel nobody has set anything of
// is none.
void put_settings(Rows& rows, const std::string& key, const store::ChannelRecord& record) {
  store::ChannelRecord settings;
  settings.flags = record.flags;
  settings.retention_seconds = record.retention_seconds;
  settings.retention_count = record.retention_count;
  const std::string bytes = store::encode(settings);
  if (bytes == store::encode(store::ChannelRecord())) {
    rows.erase(key);
  } else {
    rows[key] = bytes;
  }
}

store::ChannelRecord settings_in(const Rows& rows, const std::string& key) {
  const auto it = rows.find(key);
  return it == rows.end() ? store::ChannelRecord() : *store::decode_channel(it->second);
}

}  // namespace

// The rows of the templates of a partition when a version is stored, if it may be.
void store_template(Rows& rows, PartitionId partition, const StoreTemplate& command) {
  const auto head = rows.find(store::template_key(partition, command.name));
  const auto floor = rows.find(store::template_floor_key(partition));
  store::TemplateRecord record;
  if (head != rows.end()) {
    record = *store::decode_template(head->second);
  } else if (floor != rows.end()) {
    record.last_version = store::decode_template_floor(floor->second)->version;
  }
  if (command.version != record.last_version + 1) return;
  record.last_version = command.version;
  record.versions.push_back(command.version);
  rows[store::template_key(partition, command.name)] = store::encode(record);
  rows[store::template_version_key(partition, command.name, command.version)] =
      store::encode(store::TemplateVersionRecord{command.created_at, command.payload});
}

void delete_template(Rows& rows, PartitionId partition, const DeleteTemplate& command) {
  const auto head = rows.find(store::template_key(partition, command.name));
  if (head == rows.end()) return;
  store::TemplateRecord record = *store::decode_template(head->second);
  std::vector<std::uint64_t> gone = record.versions;
  if (command.version != 0) gone = {command.version};
  for (const std::uint64_t version : gone) {
    if (std::erase(record.versions, version) == 0) return;
    rows.erase(store::template_version_key(partition, command.name, version));
  }
  if (!record.versions.empty()) {
    head->second = store::encode(record);
    return;
  }
  rows.erase(head);
  std::string& floor = rows[store::template_floor_key(partition)];
  std::uint64_t before = 0;
  if (!floor.empty()) before = store::decode_template_floor(floor)->version;
  floor = store::encode(store::TemplateFloorRecord{std::max(before, record.last_version)});
}

// The oldest dead letters go when there are too many.
std::uint64_t make_room_for_letters(Rows& rows, PartitionId partition) {
  const std::string prefix = store::webhook_letter_prefix(partition);
  const auto count =
      static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), [&prefix](const auto& row) {
        return row.first.starts_with(prefix);
      }));
  std::uint64_t dropped = 0;
  for (std::size_t n = count; n > kWebhookLettersMax; --n) {
    const auto oldest = rows.lower_bound(prefix);
    const std::uint64_t counter = store::counter_of_webhook_letter_key(oldest->first);
    rows.erase(oldest);
    rows.erase(store::webhook_redrive_key(partition, counter));
    ++dropped;
  }
  return dropped;
}

// What is given up is kept with the position that passes it, and only then.
void advance_webhook(Rows& rows, const AdvanceWebhook& command) {
  if (!command.notified_to && !command.offline_to) return;
  const std::string key = store::webhook_cursor_key(command.partition);
  store::WebhookCursorRecord cursor;
  if (rows.contains(key)) cursor = *store::decode_webhook_cursor(rows[key]);
  const std::uint64_t before = cursor.notified_to;
  cursor.notified_to = std::max(cursor.notified_to, command.notified_to.value_or(0));
  cursor.offline_to = std::max(cursor.offline_to, command.offline_to.value_or(0));
  rows[key] = store::encode(cursor);
  if (cursor.notified_to == before) return;
  for (const WebhookLetter& letter : command.letters) {
    if (letter.counter <= before || letter.counter > cursor.notified_to) continue;
    rows[store::webhook_letter_key(command.partition, letter.counter)] =
        store::encode(letter.record);
  }
  const std::uint64_t dropped =
      command.letters_dropped + make_room_for_letters(rows, command.partition);
  if (dropped == 0) return;
  std::string& row = rows[store::webhook_letters_dropped_key(command.partition)];
  store::WebhookLettersDroppedRecord record;
  if (!row.empty()) record = *store::decode_webhook_letters_dropped(row);
  record.count += dropped;
  row = store::encode(record);
}

void settle_redrives(Rows& rows, const SettleRedrives& command) {
  for (const auto& settled : command.settled) {
    const auto letter = rows.find(store::webhook_letter_key(command.partition, settled.counter));
    const auto mark = rows.find(store::webhook_redrive_key(command.partition, settled.counter));
    if (letter == rows.end() || mark == rows.end()) continue;
    if (store::decode_webhook_letter(letter->second)->redrives != settled.redrives) continue;
    rows.erase(mark);
    if (!settled.again) {
      rows.erase(letter);
      continue;
    }
    store::WebhookLetterRecord record = *settled.again;
    record.redrives = settled.redrives + 1;
    letter->second = store::encode(record);
  }
}

// Messages of another server, where the log ends in front of them.
void import_messages(Rows& rows, PartitionId partition, const ImportMessages& command) {
  const std::string prefix = store::message_prefix(partition, command.channel);
  std::uint64_t last = 0;
  for (const auto& [key, value] : rows) {
    if (key.starts_with(prefix)) last = raw(store::seq_of_message_key(key));
  }
  if (last != command.after_seq) return;
  for (const Message& given : command.messages) {
    const std::uint64_t seq = raw(given.seq);
    if (seq > last + 1) {
      store::GapRecord gap;
      gap.seqs = seq - 1 - last;
      rows[store::gap_key(partition, command.channel, MessageSeq{seq - 1})] = store::encode(gap);
    }
    Message message = given;
    message.channel = command.channel;
    std::string value;
    store::encode_message(value, message, command.channel);
    rows[store::message_key(partition, command.channel, given.seq)] = value;
    last = seq;
  }
}

// Adds the attempt to the fact that a command changes.
class FactModel::Begin {
 public:
  Begin(FactModel& model, const SharedOutcome& outcome) : model_(model), outcome_(outcome) {}

  void operator()(const UpsertChannel& command) const {
    settings(command.channel,
             [flags = command.flags](store::ChannelRecord& record) { record.flags = flags; });
  }
  void operator()(const DeleteChannel& command) const {
    settings(command.channel, [](store::ChannelRecord& record) {
      record.flags.disband = true;
      record.retention_seconds.reset();
      record.retention_count.reset();
    });
  }
  void operator()(const SetRetention& command) const {
    settings(command.channel, [command](store::ChannelRecord& record) {
      record.retention_seconds = command.max_age_seconds;
      record.retention_count = command.max_count;
    });
  }
  void operator()(const StoreToken& command) const {
    const PartitionId partition = of(command.uid);
    store::TokenRecord record;
    record.token = command.token;
    record.level = command.level;
    put("tokens of " + command.uid, {store::device_token_prefix(partition, command.uid)},
        store::device_token_key(partition, command.uid, command.device_flag),
        store::encode(record));
  }
  void operator()(const ClearTokens& command) const {
    const PartitionId partition = of(command.uid);
    const auto wanted = command.device_flag
                            ? store::device_token_key(partition, command.uid, *command.device_flag)
                            : std::string();
    fact("tokens of " + command.uid, {store::device_token_prefix(partition, command.uid)})
        .rows.attempt(
            [wanted](Rows& rows) {
              for (auto& [key, bytes] : rows) {
                if (!wanted.empty() && key != wanted) continue;
                store::TokenRecord record = *store::decode_token(bytes);
                record.token.clear();
                bytes = store::encode(record);
              }
            },
            outcome_);
  }
  void operator()(const ChangeSystemAccounts& command) const {
    const PartitionId partition = of(kSystemUid);
    fact("system accounts", {store::system_account_prefix(partition)})
        .rows.attempt(
            [command, partition](Rows& rows) {
              for (const auto& uid : command.uids) {
                rows.erase(store::system_account_key(partition, uid));
                if (command.add) rows[store::system_account_key(partition, uid)];
              }
            },
            outcome_);
  }
  void operator()(const RecordCommandSync& command) const {
    const std::string key = store::command_sync_key(of(command.uid), command.uid);
    store::CommandSyncRecord record;
    for (const auto& [channel, seq] : command.positions) record.positions.push_back({channel, seq});
    const std::string bytes = record.positions.empty() ? std::string() : store::encode(record);
    fact("command sync of " + command.uid, {key})
        .rows.attempt(
            [key, bytes](Rows& rows) {
              rows.clear();
              if (!bytes.empty()) rows[key] = bytes;
            },
            outcome_);
  }
  void operator()(const AdvanceWebhook& command) const {
    webhook(command.partition)
        .rows.attempt([command](Rows& rows) { advance_webhook(rows, command); }, outcome_);
  }
  void operator()(const RedriveWebhook& command) const {
    webhook(command.partition)
        .rows.attempt(
            [command](Rows& rows) {
              for (const std::uint64_t counter : command.counters) {
                if (!rows.contains(store::webhook_letter_key(command.partition, counter))) continue;
                rows[store::webhook_redrive_key(command.partition, counter)];
              }
            },
            outcome_);
  }
  void operator()(const SettleRedrives& command) const {
    webhook(command.partition)
        .rows.attempt([command](Rows& rows) { settle_redrives(rows, command); }, outcome_);
  }
  void operator()(const RecordPresenceEvent& command) const {
    const PartitionId partition = of(command.uid);
    const auto session = store::online_session_key(partition, command.uid, command.device_flag,
                                                   command.start, command.session_id);
    presence(partition).rows.attempt(
        [command, partition, session](Rows& rows) {
          rows.erase(session);
          if (command.online) rows[session];
          rows[store::presence_event_key(partition, command.at_ns, command.start,
                                         command.session_id, command.online)] = command.text;
        },
        outcome_);
  }
  void operator()(const ForgetPresenceEvents& command) const {
    presence(command.partition)
        .rows.attempt(
            [command](Rows& rows) {
              for (const auto& key : command.keys) rows.erase(key);
            },
            outcome_);
  }
  void operator()(const ClaimRequest& command) const {
    requests(command.partition)
        .rows.attempt(
            [command](Rows& rows) {
              const std::string row = store::request_key(command.partition, command.key);
              forget_expiry(rows, command.partition, command.key);
              store::RequestRecord record;
              record.fingerprint = command.fingerprint;
              record.claim = command.claim;
              record.until_ms = command.until_ms;
              record.expires_s = command.expires_s;
              record.numbers = command.numbers;
              rows[row] = store::encode(record);
              rows[store::request_expiry_key(command.partition, command.expires_s, command.key)];
            },
            outcome_);
  }
  void operator()(const FinishRequest& command) const {
    requests(command.partition)
        .rows.attempt(
            [command](Rows& rows) {
              const auto row = rows.find(store::request_key(command.partition, command.key));
              if (row == rows.end()) return;
              store::RequestRecord record = *store::decode_request(row->second);
              record.finished = true;
              record.status = command.status;
              record.headers = command.headers;
              record.answer = command.answer;
              row->second = store::encode(record);
            },
            outcome_);
  }
  void operator()(const ReleaseRequest& command) const {
    requests(command.partition)
        .rows.attempt(
            [command](Rows& rows) {
              const auto row = rows.find(store::request_key(command.partition, command.key));
              if (row == rows.end()) return;
              store::RequestRecord record = *store::decode_request(row->second);
              if (record.finished || record.claim != command.claim) return;
              record.until_ms = 0;
              row->second = store::encode(record);
            },
            outcome_);
  }
  void operator()(const ReclaimRequests& command) const {
    requests(command.partition)
        .rows.attempt(
            [command](Rows& rows) {
              for (const std::string& expiry : command.keys) {
                const auto [at, key] = store::request_expiry_of_key(expiry);
                if (at > command.now_s) continue;
                const auto row = rows.find(store::request_key(command.partition, key));
                if (row != rows.end() && store::decode_request(row->second)->expires_s == at) {
                  rows.erase(row);
                }
                rows.erase(expiry);
              }
            },
            outcome_);
  }
  void operator()(const CountBulk& command) const {
    bulk_counts(command.partition)
        .rows.attempt(
            [command](Rows& rows) {
              for (const auto& [uid, number] : command.messages) {
                const auto before =
                    rows.find(store::bulk_count_key(command.partition, command.day - 1, uid));
                const bool was_counted =
                    before != rows.end() && store::decode_bulk_count(before->second)->has(number);
                if (was_counted) continue;
                std::string& row = rows[store::bulk_count_key(command.partition, command.day, uid)];
                store::BulkCountRecord record;
                if (!row.empty()) record = *store::decode_bulk_count(row);
                const bool has_room = record.messages.size() < command.most;
                if (has_room && !record.has(number)) record.messages.push_back(number);
                row = store::encode(record);
              }
            },
            outcome_);
  }
  void operator()(const ForgetBulkCounts& command) const {
    bulk_counts(command.partition)
        .rows.attempt(
            [command](Rows& rows) {
              std::erase_if(rows, [&command](const auto& row) {
                return store::day_of_bulk_count_key(row.first) < command.before_day;
              });
            },
            outcome_);
  }
  void operator()(const StoreTemplate& command) const {
    const PartitionId partition = of(command.name);
    templates(partition).rows.attempt(
        [partition, command](Rows& rows) { store_template(rows, partition, command); }, outcome_);
  }
  void operator()(const DeleteTemplate& command) const {
    const PartitionId partition = of(command.name);
    templates(partition).rows.attempt(
        [partition, command](Rows& rows) { delete_template(rows, partition, command); }, outcome_);
  }
  void operator()(const ImportMessages& command) const {
    const PartitionId partition = of(command.channel.id);
    const std::string first = store::gap_key(partition, command.channel, MessageSeq{0});
    fact("imported into " + command.channel.id, {store::message_prefix(partition, command.channel),
                                                 first.substr(0, first.size() - store::kSeqBytes)})
        .rows.attempt(
            [partition, command](Rows& rows) { import_messages(rows, partition, command); },
            outcome_);
  }
  template <class Other>
  void operator()(const Other& /*command*/) const {}

 private:
  PartitionId of(std::string_view id) const { return partition_for(id, model_.partitions_); }
  Fact& fact(const std::string& name, std::vector<std::string> prefixes) const {
    Fact& found = model_.facts_[name];
    found.prefixes = std::move(prefixes);
    return found;
  }
  Fact& presence(PartitionId partition) const {
    return fact("presence " + std::to_string(raw(partition)),
                {store::online_session_prefix(partition), store::presence_event_prefix(partition)});
  }
  Fact& webhook(PartitionId partition) const {
    return fact(
        "webhook " + std::to_string(raw(partition)),
        {store::webhook_cursor_key(partition), store::webhook_letter_prefix(partition),
         store::webhook_redrive_prefix(partition), store::webhook_letters_dropped_key(partition)});
  }
  Fact& bulk_counts(PartitionId partition) const {
    return fact("bulk counts " + std::to_string(raw(partition)),
                {store::bulk_count_prefix(partition)});
  }
  Fact& requests(PartitionId partition) const {
    return fact("requests " + std::to_string(raw(partition)),
                {store::request_prefix(partition), store::request_expiry_prefix(partition)});
  }
  // The row that says when the request of a key is forgotten.
  static void forget_expiry(Rows& rows, PartitionId partition, const std::string& key) {
    const auto row = rows.find(store::request_key(partition, key));
    if (row == rows.end()) return;
    const store::RequestRecord record = *store::decode_request(row->second);
    rows.erase(store::request_expiry_key(partition, record.expires_s, key));
  }
  Fact& templates(PartitionId partition) const {
    return fact("templates " + std::to_string(raw(partition)),
                {store::template_prefix(partition), store::template_version_prefix(partition),
                 store::template_floor_key(partition)});
  }
  void put(const std::string& name, std::vector<std::string> prefixes, std::string key,
           std::string value) const {
    fact(name, std::move(prefixes))
        .rows.attempt(
            [key = std::move(key), value = std::move(value)](Rows& rows) { rows[key] = value; },
            outcome_);
  }
  template <class Set>
  void settings(const ChannelKey& channel, const Set& set) const {
    const std::string key = store::channel_key(of(channel.id), channel);
    Fact& settings = fact("settings of " + channel.id, {key});
    settings.is_channel = true;
    settings.rows.attempt(
        [key, set](Rows& rows) {
          store::ChannelRecord record = settings_in(rows, key);
          set(record);
          put_settings(rows, key, record);
        },
        outcome_);
  }

  FactModel& model_;
  const SharedOutcome& outcome_;
};

void FactModel::begin(const Change& change, const SharedOutcome& outcome) {
  std::visit(Begin(*this, outcome), change);
}

Result<FactModel::Rows> FactModel::load(const store::Reader& reader, const Fact& fact) {
  Rows rows;
  for (const auto& prefix : fact.prefixes) {
    JD_RETURN_IF_ERROR(reader.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                   [&rows](std::string_view key, std::string_view value) {
                                     rows.emplace(key, value);
                                     return true;
                                   }));
  }
  if (fact.is_channel) {
    const Rows records = std::exchange(rows, {});
    for (const auto& [key, bytes] : records) {
      JD_TRY(const store::ChannelRecord record, store::decode_channel(bytes));
      put_settings(rows, key, record);
    }
  }
  return rows;
}

Result<std::string> FactModel::find_wrong(const store::Reader& reader) const {
  for (const auto& [name, fact] : facts_) {
    JD_TRY(const Rows rows, load(reader, fact));
    if (!fact.rows.allows(rows)) return name;
  }
  return std::string();
}

Result<void> FactModel::settle(const store::Reader& reader) {
  for (auto& [name, fact] : facts_) {
    JD_TRY(Rows rows, load(reader, fact));
    fact.rows.settle(std::move(rows));
  }
  return {};
}

}  // namespace jindou::partition::simulation
