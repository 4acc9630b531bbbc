// The routes over the real core and a store in a temporary directory, without sockets. For tests.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/all_routes.h"
#include "api/router.h"
#include "base/mutex.h"
#include "conversation/conversation_reader.h"
#include "conversation/directory.h"
#include "http/answer_fields.h"
#include "partition/inbox_directory.h"
#include "partition/inbox_stage.h"
#include "partition/local_placement.h"
#include "partition/partition_worker.h"
#include "partition/refusals.h"
#include "partition/system_accounts.h"
#include "store/commit_horizon.h"
#include "store/database.h"
#include "store/embedded_commit_log.h"

namespace jindou::api {

class NoDelivery final : public partition::EffectSink {
 public:
  void post_committed(std::shared_ptr<const partition::CommittedBatch>) override {}
};

// Passes commits on, or keeps them until release(): a disk that takes its time.
class GatedLog final : public store::CommitLog {
 public:
  explicit GatedLog(store::CommitLog& log) : log_(log) {}
  void open(PartitionId partition, Opened done) override { log_.open(partition, std::move(done)); }
  void close(PartitionId partition, std::uint64_t opening) override {
    log_.close(partition, opening);
  }
  bool is_certain() const override { return log_.is_certain(); }
  void append(store::Commit commit) override {
    std::vector<store::Commit> alone;
    alone.push_back(std::move(commit));
    append_all(std::move(alone));
  }
  void append_all(std::vector<store::Commit> commits) override {
    const MutexLock lock(mutex_);
    const bool meant = !only_ || std::ranges::any_of(commits, [this](const store::Commit& commit) {
      return commit.partition == *only_;
    });
    if (keeping_ && meant) {
      kept_.push_back(std::move(commits));
    } else {
      log_.append_all(std::move(commits));
    }
  }
  // Those of all partitions, or of one.
  void keep(std::optional<PartitionId> only = {}) {
    const MutexLock lock(mutex_);
    keeping_ = true;
    only_ = only;
  }
  std::size_t kept() {
    const MutexLock lock(mutex_);
    return kept_.size();
  }
  void release() {
    const MutexLock lock(mutex_);
    keeping_ = false;
    for (auto& commits : kept_) log_.append_all(std::move(commits));
    kept_.clear();
  }

 private:
  store::CommitLog& log_;
  Mutex mutex_;
  bool keeping_ = false;
  std::optional<PartitionId> only_;
  std::vector<std::vector<store::Commit>> kept_;
};

struct Answer {
  unsigned status = 0;
  std::string body;
  std::string headers;
  bool admitted = false;
};

class RoutesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/jindou_routes_XXXXXX";
    directory_ = std::filesystem::temp_directory_path().string() + name;
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    store::StoreOptions store_options;
    store_options.directory = directory_ + "/db";
    store_options.partitions = 4;
    store_options.write_buffer_bytes = 1 << 20;
    store_options.block_cache_bytes = 1 << 20;
    auto opened = store::Database::open(store_options, random_);
    ASSERT_TRUE(opened) << opened.error().text();
    database_ = std::move(*opened);
    log_ = std::make_unique<store::EmbeddedCommitLog>(*database_, nullptr);
    ASSERT_TRUE(log_->open());
    gate_ = std::make_unique<GatedLog>(*log_);
    const store::PartitionReaders readers(*database_, PartitionMap(4));
    inboxes_ = std::make_unique<partition::InboxDirectory>(readers, 100);
    worker_ = std::make_unique<partition::PartitionWorker>("partitions");
    ASSERT_TRUE(accounts_.load(readers.of_system_accounts()));
    horizon_ = std::make_unique<store::CommitHorizon>(clock_, std::uint16_t{4});
    const partition::PartitionDeps deps{
        .reader = *database_,
        .log = *gate_,
        .loader = *database_,
        .inboxes = *inboxes_,
        .accounts = accounts_,
        .horizon = *horizon_,
        .effects = sink_,
        .clock = clock_,
        .fingerprint_seed = database_->fingerprint_seed(),
        .changed_jobs = &changed_jobs_,
    };
    placement_ = std::make_unique<partition::LocalPlacement>(
        std::vector<partition::PartitionWorker*>{worker_.get()});
    for (const PartitionId id : readers.map().ids()) {
      ASSERT_TRUE(worker_->add(id, deps, partition::PartitionOptions()));
    }
    worker_->start();
    inbox_stage_ = std::make_unique<partition::InboxStage>(
        *inboxes_, readers.map(),
        [this](std::function<void()> work) { return blocking_.post(std::move(work)); });
    core_ = std::make_unique<partition::CommandRouter>(*placement_, readers.map(), *inbox_stage_,
                                                       partition::RouterLimits(), clock_);
    core_->count_refusals_in(&metrics_);
    core_->remember_refusals_in(&refusals_);
    history_ = std::make_unique<partition::History>(readers, clock_, database_->fingerprint_seed());
    records_ = std::make_unique<partition::RecordReader>(readers);
    job_reader_ = std::make_unique<partition::JobReader>(readers);
    letter_reader_ = std::make_unique<partition::LetterReader>(readers);
    conversations_ = std::make_unique<conversation::ConversationReader>(
        readers, *horizon_, clock_, conversation::ReaderLimits());
    directory_of_users_ = std::make_unique<conversation::Directory>(readers, *horizon_, clock_);
    shards_.start();
    configure(ApiOptions());
  }

  void TearDown() override {
    core_->close();
    inbox_stage_->drain();
    worker_->stop();
    log_->stop();
    blocking_.stop();
    shards_.stop();
    database_->stop_loading();
    worker_.reset();
    log_.reset();
    database_.reset();
    std::filesystem::remove_all(directory_);
  }

  // Another front door of the same core.
  void limit_core(const partition::RouterLimits& limits) {
    core_ = std::make_unique<partition::CommandRouter>(*placement_, PartitionMap(4), *inbox_stage_,
                                                       limits, clock_);
    configure(ApiOptions());
  }

  void configure(const ApiOptions& options) {
    ApiDeps deps{
        .shards = shards_,
        .blocking = blocking_,
        .router = *core_,
        .history = *history_,
        .records = *records_,
        .jobs = *job_reader_,
        .letters = *letter_reader_,
        .conversations = *conversations_,
        .directory = *directory_of_users_,
        .metrics = metrics_,
        .clock = clock_,
        .random = random_,
        .accepting = [this] { return accepting_.load(); },
        .trouble = [this] { return trouble_; },
        .addresses =
            [](bool intranet, std::string_view) {
              RouteAddresses addresses;
              addresses.tcp = intranet ? "10.0.0.1:5100" : "example.org:5100";
              addresses.ws = intranet ? "" : "ws://example.org:5200";
              return addresses;
            },
    };
    deps.end_sessions = [this](const std::string& uid, std::optional<DeviceFlag> flag,
                               std::string_view text) {
      kicked_ = uid + "/" + (flag ? std::to_string(raw(*flag)) : "all") + "/" + std::string(text);
    };
    deps.end_masters = [this](const std::string& uid, DeviceFlag flag, std::string_view new_token,
                              std::string_view text) {
      masters_kicked_ = uid + "/" + std::to_string(raw(flag)) + "/" + std::string(new_token) + "/" +
                        std::string(text);
    };
    router_.reset();
    services_ = std::make_unique<Services>(std::move(deps), options, document_of_all_routes);
    services_->deps.refusals = &refusals_;
    services_->deps.damage = [this] { return damage_; };
    services_->deps.warnings = [this] { return warnings_; };
    router_ = std::make_unique<Router>(*services_, all_routes());
  }

  using Headers = std::vector<std::pair<std::string, std::string>>;

  Answer call(Verb method, const std::string& target, const std::string& body = "",
              const std::string& token = "", const Headers& headers = {},
              http::Stream* stream = nullptr) {
    Request request;
    Response response;
    request.set_line(method, std::string_view(to_string(method)), target, 11);
    if (!token.empty()) request.add_header(Field::unknown, "Token", token);
    for (const auto& [name, value] : headers) request.add_header(Field::unknown, name, value);
    request.deadlines = &deadlines_;
    request.turns = &turns_;
    request.body = body;
    Answer answer;
    answer.admitted = router_->admit(request, response);
    if (request.streams) request.stream = stream;
    if (answer.admitted) {
      std::promise<void> done;
      auto task = [&]() -> Task<void> { co_await router_->handle(request, response); };
      boost::asio::co_spawn(shards_.context(0), task, [&done](const std::exception_ptr& failure) {
        if (failure) {
          done.set_exception(failure);
        } else {
          done.set_value();
        }
      });
      auto finished = done.get_future();
      // What the server does periodically.
      while (finished.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) {
        shards_.post(0, [this] { deadlines_.expire(clock_.steady()); });
      }
      finished.get();
    }
    router_->answering(request, response, http::ExchangeTimes());
    router_->answered(request, response, http::ExchangeTimes());
    answer.status = response.status;
    answer.body = response.body;
    answer.headers = response.extra_headers;
    EXPECT_EQ(http::unknown_answer_field(answer.headers), "") << target;
    if (!answer.body.empty() && response.content_type == "application/json") {
      simdjson::dom::parser parser;
      simdjson::dom::element ignored;
      EXPECT_EQ(parser.parse(answer.body).get(ignored), simdjson::SUCCESS) << answer.body;
    }
    return answer;
  }
  Answer post(const std::string& target, const std::string& body) {
    return call(Verb::post, target, body);
  }
  unsigned status(const std::string& target, const std::string& body) {
    return post(target, body).status;
  }
  std::string max_seq(const std::string& channel_id) {
    return call(Verb::get, "/channel/max_message_seq?channel_type=2&channel_id=" + channel_id).body;
  }

  static std::string item(const std::string& number, const std::string& channel_id,
                          const std::string& payload = "aGk=") {
    return "{\"client_msg_no\":\"" + number + "\",\"from_uid\":\"u1\",\"channel_id\":\"" +
           channel_id + "\",\"channel_type\":2,\"payload\":\"" + payload + "\"}";
  }
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  std::string directory_;
  SystemRandom random_;
  SystemClock clock_;
  NoDelivery sink_;
  observe::Metrics metrics_;
  partition::Refusals refusals_{clock_, {}};
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::EmbeddedCommitLog> log_;
  std::unique_ptr<GatedLog> gate_;
  std::unique_ptr<partition::InboxDirectory> inboxes_;
  partition::SystemAccounts accounts_;
  partition::ChangedJobs changed_jobs_;
  std::unique_ptr<store::CommitHorizon> horizon_;
  std::unique_ptr<partition::PartitionWorker> worker_;
  std::unique_ptr<partition::LocalPlacement> placement_;
  std::unique_ptr<partition::InboxStage> inbox_stage_;
  std::unique_ptr<partition::CommandRouter> core_;
  std::unique_ptr<partition::History> history_;
  std::unique_ptr<partition::RecordReader> records_;
  std::unique_ptr<partition::JobReader> job_reader_;
  std::unique_ptr<partition::LetterReader> letter_reader_;
  std::unique_ptr<conversation::ConversationReader> conversations_;
  std::unique_ptr<conversation::Directory> directory_of_users_;
  http::DeadlineList deadlines_;
  runtime::IoShards shards_{1};
  http::Turns turns_{shards_.context(0)};
  runtime::BlockingPool blocking_{1, 100};
  std::unique_ptr<Services> services_;
  std::unique_ptr<Router> router_;
  std::string kicked_;
  std::string masters_kicked_;
  std::string trouble_;
  std::string damage_;
  std::vector<std::string> warnings_;
  std::atomic<bool> accepting_{true};
};

}  // namespace jindou::api
