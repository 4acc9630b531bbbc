#include "partition/simulation/server.h"

#include <set>
#include <string>

#include "partition/applied_rows.h"
#include "partition/simulation/fact_model.h"

namespace jindou::partition::simulation {

namespace {

constexpr std::size_t kInboxesMax = 64;

store::PartitionReaders readers_of(const store::Reader& reader) {
  return store::PartitionReaders(reader, PartitionMap(kPartitions));
}

PartitionOptions small_options() {
  PartitionOptions options;
  options.channels_max = 3;
  options.index_generation_entries = 7;
  options.commit_messages_max = 20;
  options.log_changes_max = 6;
  options.commit_bytes_max = 3000;  // parts of several items span commits
  options.lists.slice = 2;
  options.lists.part_bytes = 4;
  options.idempotency_window_seconds = std::int64_t{1} << 40;
  options.jobs.per_partition_max = 3;
  options.jobs.input_bytes_max = 2000;
  options.webhook_letters.per_partition_max = kWebhookLettersMax;
  return options;
}

bool is_same(const UidSet& a, const UidSet& b) {
  return std::set<std::string>(a.begin(), a.end()) == std::set<std::string>(b.begin(), b.end());
}

}  // namespace

Server::Server(const NodeParts& parts, const Clock& clock, EffectSink& effects)
    : rows_(parts.reader),
      clock_(clock),
      reader_(parts.reader),
      inboxes_(readers_of(reader_), kInboxesMax),
      horizon_(clock, kPartitions) {
  const PartitionDeps deps{
      .reader = reader_,
      .log = parts.log,
      .loader = parts.loader,
      .inboxes = inboxes_,
      .accounts = accounts_,
      .horizon = horizon_,
      .effects = effects,
      .clock = clock,
      .fingerprint_seed = kFingerprintSeed,
      .lists = nullptr,
      .changed_jobs = &changed_jobs_,
  };
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    hosts_.push_back(std::make_unique<PartitionHost>(
        static_cast<PartitionId>(i), deps, small_options(), [] {}, &owned_));
  }
}

Result<void> Server::forget_what_was_read() {
  inboxes_.clear();
  return accounts_.load(readers_of(rows_).of_system_accounts());
}

void Server::follow(const rocksdb::WriteBatch& batch) {
  partition::follow(read_applied_rows(batch), inboxes_, accounts_, &changed_jobs_);
}

Result<bool> Server::remembers_its_rows(const std::vector<std::string>& uids) {
  SystemAccounts stored_accounts;
  JD_RETURN_IF_ERROR(stored_accounts.load(readers_of(rows_).of_system_accounts()));
  if (stored_accounts.list() != accounts_.list()) return false;
  InboxDirectory stored(readers_of(rows_), kInboxesMax);
  for (const std::string& uid : uids) {
    const auto known = inboxes_.find(uid);
    if (!known) continue;
    JD_TRY(const auto inbox, stored.load(uid));
    const bool both = inbox != nullptr && *known != nullptr;
    if (!both && inbox != *known) return false;
    if (!both) continue;
    const bool same = (*known)->flags == inbox->flags &&
                      is_same((*known)->denylist, inbox->denylist) &&
                      is_same((*known)->allowlist, inbox->allowlist);
    if (!same) return false;
  }
  return true;
}

}  // namespace jindou::partition::simulation
