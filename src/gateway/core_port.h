// What the gateway asks of the core, as an interface: tests run the gateway against a small fake.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/message.h"
#include "observe/log.h"
#include "partition/change.h"
#include "partition/command_router.h"
#include "partition/history.h"
#include "partition/record_reader.h"

namespace jindou::gateway {

class CorePort {
 public:
  virtual ~CorePort() = default;
  // As partition::CommandRouter::post_send: any thread, returns at once; `done` is called exactly
  // once on a thread of the core, unless an error is returned.
  virtual Result<void> post_send(std::vector<SendCommand> commands,
                                 partition::CommandRouter::SendDone done) = 0;
  // As partition::CommandRouter::post_change. Nobody waits for the outcome: a failure is logged.
  virtual Result<void> post_change(partition::Change change) = 0;
  // As partition::RecordReader: block on disk, so call them on the blocking pool.
  virtual Result<std::optional<partition::DeviceToken>> load_token(std::string_view uid,
                                                                   DeviceFlag flag) = 0;
  virtual Result<std::optional<ChannelFlags>> load_flags(const ChannelKey& channel) = 0;
  // Which of these were stored and are there no more: deleted, cleared, or gone with their channel.
  virtual Result<std::vector<MessageId>> find_gone(
      std::span<const std::shared_ptr<const Message>> messages) = 0;
  // Makes the change and waits until it is durable: on the blocking pool. Errors: those of the
  // change, and deadline.
  virtual Result<void> claim_token(partition::StoreToken claim) = 0;
};

// How long a claim waits for the disk: less than a login may take.
inline constexpr std::chrono::seconds kClaimTime{5};

// The real core. Borrows all. A SEND that no partition has begun after `send_timeout` is refused.
class RouterPort final : public CorePort {
 public:
  RouterPort(partition::CommandRouter& router, const partition::History& history,
             const partition::RecordReader& records, const Clock& clock,
             std::chrono::milliseconds send_timeout)
      : router_(router),
        history_(history),
        records_(records),
        clock_(clock),
        send_timeout_(send_timeout) {}

  Result<void> post_send(std::vector<SendCommand> commands,
                         partition::CommandRouter::SendDone done) override {
    const auto deadline = clock_.steady() + send_timeout_;
    JD_RETURN_IF_ERROR(router_.post_send(std::move(commands), std::move(done), deadline));
    return {};
  }
  Result<void> post_change(partition::Change change) override {
    return router_.post_change(std::move(change), [](const Result<void>& outcome) {
      if (!outcome) {
        observe::log_warn("gateway", "a change was not made: {}", outcome.error().text());
      }
    });
  }
  Result<std::optional<partition::DeviceToken>> load_token(std::string_view uid,
                                                           DeviceFlag flag) override {
    return records_.load_token(uid, flag);
  }
  Result<std::optional<ChannelFlags>> load_flags(const ChannelKey& channel) override {
    return records_.load_flags(channel);
  }
  Result<std::vector<MessageId>> find_gone(
      std::span<const std::shared_ptr<const Message>> messages) override;
  Result<void> claim_token(partition::StoreToken claim) override;

 private:
  partition::CommandRouter& router_;
  const partition::History& history_;
  const partition::RecordReader& records_;
  const Clock& clock_;
  const std::chrono::milliseconds send_timeout_;
};

}  // namespace jindou::gateway
