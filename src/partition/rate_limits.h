// How fast callers may send: limits per API key, per sender, per channel and in total, counted in
// messages (docs/decisions/0032-rate-limits.md). A stage of the intake, and what goes beside it:
// messages that are made all or none, and who waits rather than be refused.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "model/caller.h"
#include "model/channel.h"
#include "model/message.h"
#include "model/rate.h"
#include "partition/intake_stage.h"
#include "partition/token_buckets.h"

namespace jindou::partition {

// Those that are off limit nothing. `key` is for keys that have no rate of their own.
struct RateRules {
  Rate total;
  Rate key;
  Rate sender;
  Rate channel;
  Rate reader;                   // of requests with a read token; no messages are held to it
  bool keys_have_rates = false;  // at least one has
  bool any() const {
    return total.on() || key.on() || sender.on() || channel.on() || keys_have_rates;
  }
};

// Thread-safe. What the core sends for itself, without a caller, is not limited.
class RateLimits final : public IntakeStage {
 public:
  enum class Limit : std::uint8_t { key, sender, channel, total };

  // Borrows the clock. `bucket_bytes_max`: of all buckets of senders, channels and
  // readers; see TokenBuckets. Those of keys take 96 KiB beside.
  RateLimits(const Clock& clock, std::size_t bucket_bytes_max, std::uint64_t seed);

  // From a reload. Buckets keep what was taken of them.
  void set_rules(const RateRules& rules);

  // Whether there is any limit for messages.
  bool enabled() const override { return enabled_.load(std::memory_order_relaxed); }

  // Items over a limit are refused (Errc::rate_limited, with retry_after_ms); the others are
  // charged. Of several that are over the same limit each is told a time of its own: who waits for
  // the longest may send all of them then. A rehearsal is told the same and charged nothing.
  void examine(IntakeTurn& turn) override;

  enum class Binding : std::uint8_t {
    all_or_none,  // one over a limit: none is charged
    up_to_first,  // those before it are
  };
  // The same of messages that are not sent one by one. The first that is over a limit; none: all
  // are charged.
  std::optional<std::pair<std::size_t, SendResult>> charge_together(
      const CallerIdentity& caller, const std::vector<SendCommand>& commands, Binding binding);

  // Whether so many messages can ever be charged all_or_none. Errors: too_large, with a sentence
  // that names the limit and its setting: a full bucket holds fewer, so that waiting does not help.
  // Cost: linear where the messages of one sender or channel may be too many, else none.
  Result<void> check_together(const CallerIdentity& caller,
                              const std::vector<SendCommand>& commands) const;

  // For who would rather wait: how many messages of this caller are best sent together, and how
  // long until so many may pass, as far as key and total are concerned.
  std::size_t portion_max(const CallerIdentity& caller) const;
  std::chrono::nanoseconds wait_for(const CallerIdentity& caller, std::size_t items) const;

  // Counts a request of a user who reads with a token. Zero: it passes; otherwise how long until
  // another one does.
  TokenBuckets::Wait take_read(std::string_view uid);

  // How one limit stands.
  struct Standing {
    Limit limit{};
    Rate rate;
    TokenBuckets::Level level;
  };
  // Of the limits that hold for this caller, with a message also those of its sender and channel.
  std::vector<Standing> standings(const CallerIdentity& caller, std::string_view from_uid = {},
                                  const ChannelKey* channel = nullptr) const;
  static std::string_view limit_name(Limit limit);

  // For a scrape: jindou_rate_… .
  void append_metrics(std::string& out) const;

 private:
  struct Refused {
    std::uint32_t item = 0;
    SendResult result;
  };
  enum class Mode : std::uint8_t { single, rehearsal, all_or_none, up_to_first };
  using IsOpen = std::function<bool(std::uint32_t item)>;
  class Charge;

  RateRules rules() const;
  // The rate of the key that the caller has; off: there is none.
  static Rate key_rate(const RateRules& rules, const CallerIdentity& caller);
  TokenBuckets::Id sender_bucket(std::string_view uid) const;
  TokenBuckets::Id channel_bucket(const ChannelKey& channel) const;
  TokenBuckets::Id key_bucket(const CallerIdentity& caller) const;
  // What is refused, in the order of the items.
  std::vector<Refused> charge(const CallerIdentity& caller,
                              const std::vector<SendCommand>& commands, const IsOpen& is_open,
                              Mode mode);

  const Clock& clock_;
  TokenBuckets buckets_;  // of senders, channels and readers
  TokenBuckets few_;      // of keys, and the one of all
  const TokenBuckets::Id total_bucket_;
  std::atomic<bool> enabled_{false};
  std::array<std::atomic<std::uint64_t>, 4> refused_{};  // by limit
  mutable Mutex mutex_;
  RateRules rules_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::partition
