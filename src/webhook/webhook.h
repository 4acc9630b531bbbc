// Tells the customer's systems what happens here: messages stored (msg.notify), recalled
// (msg.recall) and edited (msg.edit), messages whose receivers are not online (msg.offline), users
// who come and go (user.onlinestatus).
//
// Everything is told at least once, also across a crash: what is to be told is read from the store,
// or put there first. One that hears slowly slows nobody: each kind of event has a thread of its
// own with low priority, and the send path does no more than count.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "partition/effects.h"
#include "partition/owned_partitions.h"
#include "presence/session_directory.h"
#include "store/partition_reader.h"
#include "webhook/core_link.h"
#include "webhook/cursor_keeper.h"
#include "webhook/durable_marks.h"
#include "webhook/message_stream.h"
#include "webhook/options.h"
#include "webhook/presence_stream.h"
#include "webhook/told_record.h"

namespace jindou::webhook {

// All outlive the webhook.
struct WebhookDeps {
  store::PartitionReaders readers;
  CoreLink& core;
  const presence::SessionDirectory& sessions;
  const Clock& clock;
  Random& random;  // thread-safe
  OptionsSource options;
  // Only of these is told; those that come and go while it runs are followed.
  const partition::OwnedPartitions& owned;
  std::uint32_t node_id = 0;
  // Of this process, whose number `node_id` is, too.
  std::uint64_t boot_id = 0;
  // Whether another start of a node is running: such a one tells of its sessions itself. Null: none
  // is, as on one machine.
  LiveStarts is_live = {};
  std::size_t workers = 4;  // requests under way at the same time, for each kind of message event
  std::size_t record_bytes = 0;  // see ToldRecord; 0: nothing is remembered
  // Dead letters that a partition keeps (partition::WebhookLetterLimits).
  std::size_t letters_max = 5'000;
  // See StreamDeps.
  std::size_t offline_bytes_max = kOfflineBytesMax;
};

class Webhook final : public partition::EffectSink {
 public:
  explicit Webhook(WebhookDeps deps);
  // stop().
  ~Webhook() override;
  Webhook(const Webhook&) = delete;
  Webhook& operator=(const Webhook&) = delete;

  // Starts what the settings ask for. Call it when the core runs and before anything can be sent or
  // log in: the first start with a webhook begins at the present. Blocks. Errors: storage,
  // unavailable, deadline.
  Result<void> start();
  // The settings have changed. Blocks like start(); what it could not start is tried again by the
  // streams themselves.
  void refresh();
  // Call it when no session can come or go any more and the core still takes changes. At most about
  // a second. Idempotent.
  void stop();

  // From the core, beside the fan-out. Never blocks.
  void post_committed(std::shared_ptr<const partition::CommittedBatch> batch) override;
  // From the session directory, in the order of each user's changes. Never blocks.
  void note_presence(const presence::PresenceChange& change);

  // Thread-safe.
  WebhookStatus status() const;
  const ToldRecord& told() const { return told_; }
  // For a scrape: jindou_webhook_… by event. Blocks on disk, a read for each partition.
  void append_metrics(std::string& out) const;

 private:
  StreamDeps stream_deps(Event event);
  // Dead letters that made room for others, in the partitions that are owned.
  std::uint64_t letters_dropped() const;
  // Of a message that is not stored only those who are offline now can be told of.
  void put_unstored(std::shared_ptr<const Message> message,
                    const partition::Recipients& recipients);

  WebhookDeps deps_;
  std::array<EventCounters, kEvents> counters_;
  CursorKeeper cursors_;
  DurableMarks durable_;
  ToldRecord told_;
  std::vector<std::unique_ptr<MessageStream>> streams_;
  std::vector<MessageStream*> offline_streams_;  // main, agent
  std::unique_ptr<PresenceStream> presence_;

  Mutex mutex_;  // start, refresh, stop
  bool stopped_ JD_GUARDED_BY(mutex_) = false;
  bool presence_ready_ JD_GUARDED_BY(mutex_) = false;
  std::atomic<bool> tells_messages_{false};
  std::array<std::atomic<bool>, 2> tells_unstored_{};  // as offline_streams_
  std::atomic<bool> tells_presence_{false};
};

}  // namespace jindou::webhook
