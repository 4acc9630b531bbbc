// How the webhook is joined to the rest: its settings, and its place beside the fan-out.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "api/services.h"
#include "base/result.h"
#include "config/settings.h"
#include "datasource/data_source.h"
#include "model/ids.h"
#include "partition/effects.h"
#include "webhook/options.h"
#include "webhook/told_record.h"

namespace jindou::app {

std::shared_ptr<const webhook::WebhookOptions> webhook_options(const config::Settings& settings);
std::shared_ptr<const datasource::DataSourceOptions> data_source_options(
    const config::Settings& settings);

// Whether webhook.caFile, datasource.caFile and moderation.caFile can be read and hold
// certificates. Errors: invalid.
Result<void> check_ca_files(const config::Settings& settings);

// What the webhook remembers of a message, for the API.
api::WebhookRecord webhook_record(const webhook::ToldRecord& told, MessageId message);

// How it does, for the API.
api::WebhookState webhook_state(const webhook::WebhookStatus& status);

// Hands every commit to two sinks, the fan-out first.
class CommitTee final : public partition::EffectSink {
 public:
  // Borrows both. The second may come later, before anything is committed.
  explicit CommitTee(partition::EffectSink& first) : first_(first) {}
  void attach_second(partition::EffectSink* second) { second_.store(second); }

  void post_committed(std::shared_ptr<const partition::CommittedBatch> batch) override {
    partition::EffectSink* second = second_.load(std::memory_order_relaxed);
    if (second == nullptr) {
      first_.post_committed(std::move(batch));
      return;
    }
    first_.post_committed(batch);
    second->post_committed(std::move(batch));
  }

 private:
  partition::EffectSink& first_;
  std::atomic<partition::EffectSink*> second_{nullptr};
};

}  // namespace jindou::app
