// What a partition works with, and its bounds.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "observe/metrics.h"
#include "partition/changed_jobs.h"
#include "partition/effects.h"
#include "partition/event_lanes.h"
#include "partition/inbox_directory.h"
#include "partition/jobs.h"
#include "partition/list_job.h"
#include "partition/list_source.h"
#include "partition/outbox.h"
#include "partition/permission.h"
#include "partition/system_accounts.h"
#include "partition/templates.h"
#include "store/bulk_loader.h"
#include "store/commit_horizon.h"
#include "store/commit_log.h"
#include "store/reader.h"

namespace jindou::partition {

struct PartitionOptions {
  PermissionPolicy permission;
  // A repeat of a client_msg_no within this many seconds is a duplicate; later it is a new message.
  std::int64_t idempotency_window_seconds = 7 * 24 * 3600;
  // Cached channels; those with commits in flight are kept beyond it.
  std::size_t channels_max = 8192;
  // Messages of one commit; those that are left of a part go into the next one.
  std::size_t commit_messages_max = 8192;
  // Bytes of one commit: a message or a change that would take it beyond goes into the next one.
  // Only one that is larger by itself makes a larger commit, and a slice of a long change of lists
  // comes on top.
  std::size_t commit_bytes_max = std::size_t{1} << 20;
  // Rows of changes kept of one log; the oldest go.
  std::size_t log_changes_max = 10'000;
  std::size_t index_generation_entries = 24'576;
  std::size_t index_filter_bytes_max = std::size_t{16} << 20;
  ListLimits lists;
  EventLimits events;
  TemplateLimits templates;
  JobLimits jobs;
  WebhookLetterLimits webhook_letters;
};

// Everything a partition works with. All outlive it.
struct PartitionDeps {
  const store::Reader& reader;  // of which it reads its own part (store/partition_reader.h)
  store::CommitLog& log;
  store::BulkLoader& loader;
  InboxDirectory& inboxes;
  SystemAccounts& accounts;
  store::CommitHorizon& horizon;
  EffectSink& effects;
  const Clock& clock;
  std::uint64_t fingerprint_seed = 0;
  // Lists that another system keeps; may be null.
  const ListSource* lists = nullptr;
  // Is told of them; may be null.
  const ChangedJobs* changed_jobs = nullptr;
  // Tells how many templates all partitions have; may be null.
  observe::Gauge* templates_stored = nullptr;
  // No message gets a seq up to here: they may have been given out before data was lost.
  std::uint64_t seq_floor = 0;
};

}  // namespace jindou::partition
