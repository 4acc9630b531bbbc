// The gateway over real sockets, against a core that answers from memory: for tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "gateway/gateway.h"
#include "gateway/test_certificate.h"
#include "gateway/test_client.h"
#include "gateway/transport.h"

namespace jindou::gateway {

// Accepts everything, numbers it, and keeps what it got. `hold` keeps answers back until release().
class FakeCore final : public CorePort {
 public:
  Result<void> post_send(std::vector<SendCommand> commands,
                         partition::CommandRouter::SendDone done) override {
    const MutexLock lock(mutex);
    if (overloaded) return Error(Errc::overloaded);
    if (unavailable) return Error(Errc::unavailable);
    std::vector<SendResult> results;
    for (SendCommand& command : commands) {
      SendResult result;
      if (too_late) {
        results.push_back(SendResult::refuse(Reason::system_error, Errc::overloaded));
        received.push_back(std::move(command));
        continue;
      }
      result.state = state;
      result.reason =
          state == SendResult::State::accepted ? Reason::success : Reason::not_allow_send;
      result.message_id = static_cast<MessageId>(1000 + ++seq);
      if (state == SendResult::State::accepted) result.message_seq = static_cast<MessageSeq>(seq);
      results.push_back(result);
      received.push_back(std::move(command));
    }
    ++batches;
    auto answer = [done = std::move(done), results = std::move(results)] { done(results); };
    if (hold) {
      held.push_back(std::move(answer));
    } else {
      answer();
    }
    return {};
  }
  Result<void> post_change(partition::Change change) override {
    const MutexLock lock(mutex);
    changes.push_back(std::move(change));
    return {};
  }
  Result<std::optional<partition::DeviceToken>> load_token(std::string_view, DeviceFlag) override {
    if (storage_fails) return Error(Errc::storage);
    if (token.empty() && !has_quit) return std::optional<partition::DeviceToken>();
    partition::DeviceToken stored;
    stored.token = token;
    stored.level = level;
    if (after_token) after_token();
    return std::optional<partition::DeviceToken>(stored);
  }
  Result<std::optional<ChannelFlags>> load_flags(const ChannelKey& channel) override {
    if (storage_fails) return Error(Errc::storage);
    if (channel.id != "banned" && channel.id != "disbanded") return std::optional<ChannelFlags>();
    ChannelFlags flags;
    flags.ban = channel.id == "banned";
    flags.disband = channel.id == "disbanded";
    return std::optional<ChannelFlags>(flags);
  }

  Result<std::vector<MessageId>> find_gone(
      std::span<const std::shared_ptr<const Message>> messages) override {
    if (storage_fails) return Error(Errc::storage);
    const MutexLock lock(mutex);
    std::vector<MessageId> gone;
    for (const auto& message : messages) {
      if (deleted.contains(message->id)) gone.push_back(message->id);
    }
    return gone;
  }

  Result<void> claim_token(partition::StoreToken claim) override {
    const MutexLock lock(mutex);
    const auto [found, is_new] = claimed.emplace(claim.uid, claim.token);
    if (!is_new && found->second != claim.token) return Error(Errc::conflict);
    return {};
  }

  // Answers what was held back, the last batch first.
  void release() {
    std::vector<std::function<void()>> answers;
    {
      const MutexLock lock(mutex);
      answers.swap(held);
      hold = false;
    }
    for (auto it = answers.rbegin(); it != answers.rend(); ++it) (*it)();
  }
  std::size_t received_count() {
    const MutexLock lock(mutex);
    return received.size();
  }

  Mutex mutex;
  std::vector<SendCommand> received;
  std::vector<partition::Change> changes;
  std::map<std::string, std::string> claimed;
  std::set<MessageId> deleted;
  std::vector<std::function<void()>> held;
  std::size_t batches = 0;
  std::uint64_t seq = 0;
  std::atomic<bool> hold{false};
  std::atomic<bool> overloaded{false};
  std::atomic<bool> too_late{false};  // messages wait too long in the queue
  std::atomic<bool> unavailable{false};
  std::atomic<bool> storage_fails{false};
  SendResult::State state = SendResult::State::accepted;
  std::string token;
  std::atomic<bool> has_quit{false};  // the device has a record, but its token is cleared
  DeviceLevel level = DeviceLevel::slave;
  std::function<void()> after_token;  // runs when a login has read its token
};

// Runs over each of the transports that a suite names.
class GatewayTest : public testing::TestWithParam<Transport> {
 protected:
  GatewayTest() : shards_(2), pool_(2, 1000), fan_out_(shards_, clock_, metrics_, {}) {
    options_.tcp = config::ListenAddress{"127.0.0.1", 0};
    options_.ws = config::ListenAddress{"127.0.0.1", 0};
    if (is_tls(GetParam())) {
      options_.tls = config::ListenAddress{"127.0.0.1", 0};
      options_.wss = config::ListenAddress{"127.0.0.1", 0};
      options_.certificate.set({certificate_.cert_file(), certificate_.key_file(), {}});
    }
    options_.linger_time = std::chrono::milliseconds(200);
    options_.limits.kick_grace = std::chrono::milliseconds(80);
  }
  ~GatewayTest() override {
    if (gateway_) gateway_->stop();
    shards_.stop();
    pool_.stop();
  }

  void start() {
    const GatewayDeps deps{
        .shards = shards_,
        .pool = pool_,
        .core = core_,
        .fan_out = fan_out_,
        .directory = directory_,
        .metrics = metrics_,
        .clock = clock_,
        .random = random_,
    };
    gateway_ = std::make_unique<Gateway>(deps, options_);
    const auto listening = gateway_->listen();
    ASSERT_TRUE(listening) << listening.error().text();
    shards_.start();
  }
  bool websocket() const { return is_websocket(GetParam()); }
  bool tls() const { return is_tls(GetParam()); }
  std::string address() const {
    switch (GetParam()) {
      case Transport::tcp: return gateway_->tcp_address();
      case Transport::websocket: return gateway_->ws_address();
      case Transport::tls: return gateway_->tls_address();
      case Transport::tls_websocket: return gateway_->wss_address();
    }
    return {};
  }
  std::unique_ptr<TestClient> client() {
    return std::make_unique<TestClient>(address(), websocket(), tls());
  }
  std::unique_ptr<TestClient> client(std::string_view uid, std::string_view device = "dev") {
    auto made = client();
    EXPECT_EQ(made->login(uid, device), Reason::success);
    return made;
  }
  void fan_out(std::uint64_t first, std::uint64_t last, std::initializer_list<const char*> uids,
               std::size_t payload_bytes = 20, bool no_persist = false) {
    auto batch = std::make_shared<partition::CommittedBatch>();
    auto subscribers = std::make_shared<UidSet>();
    for (const char* uid : uids) subscribers->emplace(uid);
    for (std::uint64_t id = first; id <= last; ++id) {
      auto message = std::make_shared<Message>();
      message->id = static_cast<MessageId>(id);
      message->seq = static_cast<MessageSeq>(id);
      message->channel = ChannelKey("g", ChannelType::group);
      message->from_uid = "author";
      message->payload = std::string(payload_bytes, 'x');
      message->flags.no_persist = no_persist;
      batch->effects.push_back(
          {partition::CommittedMessage{std::move(message)}, {subscribers, {}, nullptr}});
    }
    fan_out_.post_committed(std::move(batch));
  }
  std::uint64_t read_recv(TestClient& from, int timeout_ms = 5000) {
    const auto frame = from.read_frame(timeout_ms);
    if (!frame || frame->type != codec::FrameType::recv) return 0;
    const auto recv = codec::decode_recv(*frame, from.version());
    std::string plain;
    if (!recv || !from.cipher().open(*recv, plain)) return 0;
    return raw(recv->message_id);
  }
  std::optional<codec::SendAck> read_sendack(TestClient& from, int timeout_ms = 5000) {
    const auto frame = from.read_frame(timeout_ms);
    if (!frame || frame->type != codec::FrameType::sendack) return std::nullopt;
    const auto ack = codec::decode_sendack(*frame, from.version());
    if (!ack) return std::nullopt;
    return *ack;
  }
  template <class Condition>
  static bool eventually(Condition&& condition) {
    for (int i = 0; i < 6000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  TestCertificate certificate_;
  GatewayOptions options_;
  SystemClock clock_;
  SystemRandom random_;
  observe::Metrics metrics_;
  FakeCore core_;
  presence::SessionDirectory directory_;
  runtime::IoShards shards_;
  runtime::BlockingPool pool_;
  delivery::FanOut fan_out_;
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace jindou::gateway
