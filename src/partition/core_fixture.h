// The whole core on a real RocksDB with its real threads: router, workers, partitions, commit log.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "partition/changed_jobs.h"
#include "partition/command_router.h"
#include "partition/history.h"
#include "partition/inbox_directory.h"
#include "partition/inbox_stage.h"
#include "partition/local_placement.h"
#include "partition/partition_worker.h"
#include "partition/record_reader.h"
#include "partition/system_accounts.h"
#include "partition/time_reservation.h"
#include "runtime/blocking_pool.h"
#include "store/commit_horizon.h"
#include "store/database.h"
#include "store/embedded_commit_log.h"
#include "store/keys.h"
#include "store/read_position.h"
#include "store/records.h"

namespace jindou::partition {

class SteppedClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return now_ms.load(); }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  std::atomic<std::int64_t> now_ms{1'700'000'000'000};
};

class CollectingSink final : public EffectSink {
 public:
  void post_committed(std::shared_ptr<const CommittedBatch> batch) override {
    const MutexLock lock(mutex);
    effects.insert(effects.end(), batch->effects.begin(), batch->effects.end());
  }
  // Of what was told; the caller holds the mutex.
  std::vector<std::shared_ptr<const Message>> messages() const {
    std::vector<std::shared_ptr<const Message>> out;
    for (const auto& effect : effects) {
      std::visit(Overloaded{[&](const CommittedMessage& told) { out.push_back(told.message); },
                            [](const CommittedEvent&) {}},
                 effect.what);
    }
    return out;
  }
  std::vector<std::shared_ptr<const MessageEvent>> events() const {
    std::vector<std::shared_ptr<const MessageEvent>> out;
    for (const auto& effect : effects) {
      std::visit(Overloaded{[](const CommittedMessage&) {},
                            [&](const CommittedEvent& told) { out.push_back(told.event); }},
                 effect.what);
    }
    return out;
  }
  Mutex mutex;
  std::vector<CommitEffect> effects;
};

// The core itself. Not a test, as GoogleTest's objects belong to one thread: several may run beside
// each other.
class RunningCore {
 protected:
  void make_and_open() {
    std::string name = (std::filesystem::temp_directory_path() / "jindou-core-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    options_.directory = name;
    options_.partitions = 4;
    options_.write_buffer_bytes = 4 << 20;
    options_.block_cache_bytes = 4 << 20;
    open();
  }
  void close_and_remove() {
    close();
    std::filesystem::remove_all(options_.directory);
  }

  void open() {
    database_ = std::move(*Database::open(options_, random_));
    log_ = std::make_unique<store::EmbeddedCommitLog>(*database_, nullptr);
    ASSERT_TRUE(log_->open().has_value());
    const store::PartitionReaders readers(*database_, PartitionMap(database_->partitions()));
    inboxes_ = std::make_unique<InboxDirectory>(readers, 1000);
    ASSERT_TRUE(accounts_.load(readers.of_system_accounts()).has_value());
    horizon_ = std::make_unique<store::CommitHorizon>(clock_, database_->partitions());
    const PartitionDeps deps{
        .reader = *database_,
        .log = *log_,
        .loader = *database_,
        .inboxes = *inboxes_,
        .accounts = accounts_,
        .horizon = *horizon_,
        .effects = sink_,
        .clock = clock_,
        .fingerprint_seed = database_->fingerprint_seed(),
        .lists = lists_,
        .changed_jobs = &changed_jobs_,
        .seq_floor = seq_floor_,
    };
    owned_ = std::make_unique<OwnedPartitions>(database_->partitions());
    std::vector<PartitionWorker*> borrowed;
    for (int i = 0; i < 2; ++i) {
      workers_.push_back(
          std::make_unique<PartitionWorker>("worker", owned_.get(), bulk_turn_items_));
      borrowed.push_back(workers_.back().get());
    }
    placement_ = std::make_unique<LocalPlacement>(borrowed);
    for (const PartitionId id : readers.map().ids()) {
      ASSERT_TRUE(placement_->worker_of(id).add(id, deps, partition_options_).has_value());
    }
    reads_ = std::make_unique<runtime::BlockingPool>(2, 10'000);
    inbox_stage_ = std::make_unique<InboxStage>(
        *inboxes_, readers.map(),
        [this](std::function<void()> work) { return reads_->post(std::move(work)); });
    router_ =
        std::make_unique<CommandRouter>(*placement_, readers.map(), *inbox_stage_, limits_, clock_);
    router_->set_list_source(lists_);
    history_ = std::make_unique<History>(readers, clock_, database_->fingerprint_seed());
    records_ = std::make_unique<RecordReader>(readers);
    horizon_->set_reserve(reserve_time_through(*router_, *owned_));
    for (auto& worker : workers_) worker->start();
  }
  void close() {
    router_->close();
    inbox_stage_->drain();
    for (auto& worker : workers_) worker->stop();
    log_->stop();
    reads_->stop();
    workers_.clear();
    log_.reset();
    database_->stop_loading();
    database_.reset();
  }

  // Has this node own a partition, or not.
  Result<void> move(PartitionId partition, bool open) {
    std::promise<Result<void>> moved;
    auto done = [&moved](Result<void> outcome) { moved.set_value(std::move(outcome)); };
    PartitionWorker& worker = *workers_[raw(partition) % workers_.size()];
    if (open) {
      worker.open(partition, done);
    } else {
      worker.close(partition, done);
    }
    return moved.get_future().get();
  }
  // Until nothing is in flight: whoever answers a batch still holds it for a moment, and gives
  // back its items, its bytes and its place one after the other.
  void settle() {
    while (router_->items_in_flight() > 0 || router_->bytes_in_flight() > 0 ||
           router_->batches_in_flight() > 0) {
      std::this_thread::yield();
    }
  }
  std::vector<SendResult> send(std::vector<SendCommand> commands) {
    std::promise<std::vector<SendResult>> results;
    auto posted = router_->post_send(std::move(commands), [&results](std::vector<SendResult> done) {
      results.set_value(std::move(done));
    });
    EXPECT_TRUE(posted.has_value());
    return results.get_future().get();
  }
  // One, again while more numbers wait for the index than it may have in memory: in tests of small
  // generations the sends are quicker than whoever writes them.
  SendResult send_when_there_is_room(const SendCommand& command) {
    for (;;) {
      SendResult result = send({command})[0];
      if (result.state != SendResult::State::refused || result.code != Errc::unavailable) {
        return result;
      }
      std::this_thread::yield();
    }
  }
  Result<void> change(Change what) {
    std::promise<Result<void>> outcome;
    EXPECT_TRUE(
        router_
            ->post_change(std::move(what),
                          [&outcome](Result<void> done) { outcome.set_value(std::move(done)); })
            .has_value());
    return outcome.get_future().get();
  }
  static SendCommand to_group(const std::string& group, const std::string& payload,
                              const std::string& client_msg_no = {}) {
    SendCommand command;
    command.channel = ChannelKey(group, ChannelType::group);
    command.from_uid = "u1";
    command.payload = payload;
    command.idempotent = !client_msg_no.empty();
    static int generated = 0;
    command.client_msg_no =
        client_msg_no.empty() ? "generated" + std::to_string(++generated) : client_msg_no;
    return command;
  }
  Result<EventOutcome> append(AppendEvent event) {
    std::promise<Result<EventOutcome>> outcome;
    EXPECT_TRUE(router_
                    ->post_event(std::move(event),
                                 [&outcome](Result<EventOutcome> done) {
                                   outcome.set_value(std::move(done));
                                 })
                    .has_value());
    return outcome.get_future().get();
  }
  Result<Recipients> recipients(const ChannelKey& channel) {
    std::promise<Result<Recipients>> answer;
    EXPECT_TRUE(
        router_
            ->post_recipients(
                channel, [&answer](Result<Recipients> done) { answer.set_value(std::move(done)); })
            .has_value());
    return answer.get_future().get();
  }
  // Empty when the user has no conversation with the channel.
  std::optional<store::ConversationRecord> conversation(const std::string& uid,
                                                        const ChannelKey& channel) {
    std::string value;
    const PartitionId partition = partition_for(channel.id, database_->partitions());
    const auto found =
        database_->get(store::Table::main, store::conversation_key(partition, uid, channel), value);
    EXPECT_TRUE(found.has_value());
    if (!found || !*found) return std::nullopt;
    return *store::decode_conversation(value);
  }
  // How far the user has read.
  std::uint64_t read_position(const std::string& uid, const ChannelKey& channel) {
    const auto row = conversation(uid, channel);
    EXPECT_TRUE(row.has_value());
    if (!row) return 0;
    const store::PartitionReader reader(*database_,
                                        partition_for(channel.id, database_->partitions()));
    auto cursor = reader.open_cursor(store::Table::main);
    return store::load_read_position(cursor, channel, uid, *row).value();
  }
  std::vector<std::string> payloads(const std::string& group, const std::string& viewer = {}) {
    RangeQuery query;
    query.channel = ChannelKey(group, ChannelType::group);
    query.viewer = viewer;
    std::vector<std::string> out;
    const auto page = history_->load_range(query);
    EXPECT_TRUE(page.has_value());
    for (const auto& message : page->messages) out.push_back(message.payload.str());
    return out;
  }

  using Database = store::Database;
  store::StoreOptions options_;
  PartitionOptions partition_options_;
  RouterLimits limits_;
  std::size_t bulk_turn_items_ = 256;
  ListSource* lists_ = nullptr;
  std::uint64_t seq_floor_ = 0;
  SteppedClock clock_;
  SystemAccounts accounts_;
  ChangedJobs changed_jobs_;
  std::unique_ptr<store::CommitHorizon> horizon_;
  SystemRandom random_;
  CollectingSink sink_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<store::EmbeddedCommitLog> log_;
  std::unique_ptr<InboxDirectory> inboxes_;
  std::unique_ptr<OwnedPartitions> owned_;
  std::vector<std::unique_ptr<PartitionWorker>> workers_;
  std::unique_ptr<LocalPlacement> placement_;
  std::unique_ptr<runtime::BlockingPool> reads_;
  std::unique_ptr<InboxStage> inbox_stage_;
  std::unique_ptr<CommandRouter> router_;
  std::unique_ptr<History> history_;
  std::unique_ptr<RecordReader> records_;
};

// A test with a core of its own.
class Core : public ::testing::Test, protected RunningCore {
 protected:
  void SetUp() override { make_and_open(); }
  void TearDown() override { close_and_remove(); }
};

}  // namespace jindou::partition
