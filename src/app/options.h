// From the settings to what each part of the node is told at start. Pure; the settings are valid
// (config::load_settings). docs/configuration.md says what the keys mean.
#pragma once

#include <cstddef>
#include <cstdint>

#include "api/api_server.h"
#include "backup/backups.h"
#include "base/result.h"
#include "config/loaded_settings.h"
#include "gateway/options.h"
#include "jobs/runner.h"
#include "observe/audit_log.h"
#include "partition/partition.h"
#include "partition/rate_limits.h"
#include "retention/sweeper.h"
#include "store/database.h"
#include "tracing/exporter.h"

namespace jindou::app {

store::StoreOptions store_options(const config::Settings& settings);
// Limits of the whole node are shared out among its `partitions`.
partition::PartitionOptions partition_options(const config::Settings& settings,
                                              std::uint16_t partitions);
// How much one answer holds, in bytes of payloads and text of events: a page of one channel, and an
// answer for several.
struct AnswerSizes {
  std::size_t page = 0;
  std::size_t wide = 0;
};
AnswerSizes answer_sizes(const config::Settings& settings);
// `refusals_max`, here and below: descriptor_budget.h.
api::ApiOptions api_options(const config::Settings& settings, std::size_t refusals_max);
observe::AuditOptions audit_options(const config::Settings& settings);
backup::BackupsOptions backups_options(const config::Settings& settings);
retention::SweeperOptions sweeper_options(const config::Settings& settings);
partition::RateRules rate_rules(const config::Settings& settings);
// Only where there is a collector.
tracing::ExporterOptions exporter_options(const config::Settings& settings);
jobs::RunnerOptions runner_options(const config::Settings& settings);
// Without what a reload may change, which LiveOptions has. Errors: invalid (an address
// or network).
Result<gateway::GatewayOptions> gateway_options(const config::Settings& settings,
                                                std::size_t refusals_max);
// Threads that flush and merge, while both have work.
unsigned background_jobs(const config::Settings& settings);
// Threads that evaluate commands.
unsigned worker_count(const config::Settings& settings);

}  // namespace jindou::app
