#include "partition/rate_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <iterator>
#include <limits>

#include "observe/metrics.h"

namespace jindou::partition {

namespace {

// Spaces of names; channels have one for each type.
constexpr std::uint32_t kSenders = 0x100;
constexpr std::uint32_t kKeys = 0x200;
constexpr std::uint32_t kTotal = 0x300;
constexpr std::uint32_t kReaders = 0x400;
// Room for 4096: there are a thousand entries in a list of settings at most.
constexpr std::size_t kFewBytes = std::size_t{96} << 10;

std::uint32_t ms_of(TokenBuckets::Wait wait) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(ms, 1, std::numeric_limits<std::uint32_t>::max()));
}

SendResult::Cause cause_of(RateLimits::Limit limit) {
  switch (limit) {
    case RateLimits::Limit::key: return SendResult::Cause::key_rate;
    case RateLimits::Limit::sender: return SendResult::Cause::sender_rate;
    case RateLimits::Limit::channel: return SendResult::Cause::channel_rate;
    case RateLimits::Limit::total: break;
  }
  return SendResult::Cause::total_rate;
}

struct IdHash {
  using is_avalanching = void;  // it is a hash
  std::size_t operator()(const TokenBuckets::Id& id) const noexcept { return id.low; }
};

using CountById = boost::unordered_flat_map<TokenBuckets::Id, std::uint64_t, IdHash>;

// `of_one`: of which kind of one they are; empty: they are all. `whose`: the limit's.
Error never_together(std::uint64_t messages, std::string_view of_one, std::string_view whose,
                     const Rate& rate, std::string_view setting) {
  return Error(Errc::too_large,
               fmt::format("{} messages{} are to be sent all or none, and the rate limit of {} "
                           "never lets more than {} pass at once ({}): nothing was sent; split the "
                           "batch",
                           messages, of_one, whose, rate.burst, setting));
}

}  // namespace

// One batch, or what of it comes together.
class RateLimits::Charge {
 public:
  Charge(RateLimits& limits, const CallerIdentity& caller, const RateRules& rules)
      : limits_(limits),
        rules_(rules),
        key_rate_(RateLimits::key_rate(rules, caller)),
        key_(key_rate_.on() ? limits.key_bucket(caller) : TokenBuckets::Id()),
        now_(limits.clock_.steady()) {}

  // As many as key and total let pass, of so many. They are taken.
  void take_portion(std::uint64_t items) {
    left_ = items;
    if (rules_.total.on()) {
      left_ = limits_.few_.take_up_to(limits_.total_bucket_, rules_.total, left_, now_);
      if (left_ < items) scarce_ = Limit::total;
    }
    if (!key_rate_.on()) return;
    const std::uint64_t of_key = limits_.few_.take_up_to(key_, key_rate_, left_, now_);
    if (of_key < left_) scarce_ = Limit::key;
    give_back_total(left_ - of_key);
    left_ = of_key;
  }

  // None: it passes.
  std::optional<SendResult> take(const SendCommand& command) {
    if (left_ == 0) return refuse(scarce_);
    if (rules_.sender.on()) {
      const auto id = limits_.sender_bucket(command.from_uid);
      if (const auto wait = limits_.buckets_.take(id, rules_.sender, 1, now_); wait.count() > 0) {
        return refuse(Limit::sender, id, rules_.sender, wait);
      }
    }
    if (rules_.channel.on()) {
      const auto id = limits_.channel_bucket(command.channel);
      if (const auto wait = limits_.buckets_.take(id, rules_.channel, 1, now_); wait.count() > 0) {
        give_back_sender(command);
        return refuse(Limit::channel, id, rules_.channel, wait);
      }
    }
    --left_;
    return std::nullopt;
  }

  // Of one that passed.
  void give_back(const SendCommand& command) {
    give_back_sender(command);
    if (rules_.channel.on()) {
      limits_.buckets_.give_back(limits_.channel_bucket(command.channel), rules_.channel, 1, now_);
    }
    ++left_;
  }

  // What no item took.
  void finish() {
    give_back_total(left_);
    if (key_rate_.on()) limits_.few_.give_back(key_, key_rate_, left_, now_);
    left_ = 0;
  }

 private:
  void give_back_total(std::uint64_t items) {
    if (rules_.total.on()) {
      limits_.few_.give_back(limits_.total_bucket_, rules_.total, items, now_);
    }
  }
  void give_back_sender(const SendCommand& command) {
    if (rules_.sender.on()) {
      limits_.buckets_.give_back(limits_.sender_bucket(command.from_uid), rules_.sender, 1, now_);
    }
  }

  SendResult refuse(Limit limit) {
    const bool of_key = limit == Limit::key;
    const Rate& rate = of_key ? key_rate_ : rules_.total;
    const TokenBuckets::Id id = of_key ? key_ : limits_.total_bucket_;
    if (short_of_portion_ == 0) portion_wait_ = limits_.few_.wait_for(id, rate, 1, now_);
    return make(limit, portion_wait_ + rate.interval_ns() * ns(short_of_portion_++));
  }
  // The first one waits for a token, the next one for another.
  SendResult refuse(Limit limit, TokenBuckets::Id id, const Rate& rate, TokenBuckets::Wait wait) {
    return make(limit, wait + rate.interval_ns() * ns(short_of_[id]++));
  }
  static TokenBuckets::Wait ns(std::uint64_t count) {
    return TokenBuckets::Wait(static_cast<std::int64_t>(count));
  }
  static SendResult make(Limit limit, TokenBuckets::Wait wait) {
    SendResult result = SendResult::refuse(Reason::rate_limit, Errc::rate_limited);
    result.cause = cause_of(limit);
    result.retry_after_ms = ms_of(wait);
    return result;
  }

  RateLimits& limits_;
  const RateRules& rules_;
  const Rate key_rate_;
  const TokenBuckets::Id key_;
  const TokenBuckets::TimePoint now_;
  std::uint64_t left_ = 0;              // of what key and total let pass
  Limit scarce_ = Limit::total;         // which of them lets no more pass
  std::uint64_t short_of_portion_ = 0;  // refused for it
  TokenBuckets::Wait portion_wait_{0};
  CountById short_of_;
};

RateLimits::RateLimits(const Clock& clock, std::size_t bucket_bytes_max, std::uint64_t seed)
    : clock_(clock),
      buckets_(bucket_bytes_max, seed),
      few_(kFewBytes, seed),
      total_bucket_(few_.id_of(kTotal, {})) {}

void RateLimits::set_rules(const RateRules& rules) {
  {
    const MutexLock lock(mutex_);
    rules_ = rules;
  }
  enabled_.store(rules.any(), std::memory_order_relaxed);
}

RateRules RateLimits::rules() const {
  const MutexLock lock(mutex_);
  return rules_;
}

Rate RateLimits::key_rate(const RateRules& rules, const CallerIdentity& caller) {
  if (caller.key == nullptr) return {};
  return caller.key->rate.on() ? caller.key->rate : rules.key;
}

TokenBuckets::Id RateLimits::sender_bucket(std::string_view uid) const {
  return buckets_.id_of(kSenders, uid);
}
TokenBuckets::Id RateLimits::channel_bucket(const ChannelKey& channel) const {
  return buckets_.id_of(raw(channel.type), channel.id);
}
TokenBuckets::Id RateLimits::key_bucket(const CallerIdentity& caller) const {
  return few_.id_of(kKeys, caller.key->name);
}

std::vector<RateLimits::Refused> RateLimits::charge(const CallerIdentity& caller,
                                                    const std::vector<SendCommand>& commands,
                                                    const IsOpen& is_open, Mode mode) {
  const RateRules rules = this->rules();
  Charge charge(*this, caller, rules);
  const auto count = static_cast<std::uint32_t>(commands.size());
  std::uint64_t open = 0;
  for (std::uint32_t item = 0; item < count; ++item) open += is_open(item) ? 1 : 0;
  charge.take_portion(open);
  std::vector<Refused> refused;
  for (std::uint32_t item = 0; item < count; ++item) {
    if (!is_open(item)) continue;
    if (const auto why = charge.take(commands[item])) {
      refused.push_back({item, *why});
      if (mode == Mode::up_to_first) break;
    }
  }
  if (mode == Mode::rehearsal || (mode == Mode::all_or_none && !refused.empty())) {
    auto next = refused.begin();
    for (std::uint32_t item = 0; item < count; ++item) {
      if (!is_open(item)) continue;
      if (next != refused.end() && next->item == item) {
        ++next;
      } else {
        charge.give_back(commands[item]);
      }
    }
  }
  charge.finish();
  if (mode == Mode::rehearsal) return refused;
  for (const Refused& one : refused) {
    const auto limit = static_cast<std::size_t>(one.result.cause) -
                       static_cast<std::size_t>(SendResult::Cause::key_rate);
    refused_[limit].fetch_add(1, std::memory_order_relaxed);
  }
  return refused;
}

void RateLimits::examine(IntakeTurn& turn) {
  const CallerPtr& caller = turn.caller();
  if (caller == nullptr) return;
  const IsOpen is_open = [&turn](std::uint32_t item) { return turn.is_open(item); };
  const auto refused = charge(*caller, turn.commands(), is_open,
                              turn.is_rehearsal() ? Mode::rehearsal : Mode::single);
  for (const Refused& one : refused) turn.refuse(one.item, one.result);
}

std::optional<std::pair<std::size_t, SendResult>> RateLimits::charge_together(
    const CallerIdentity& caller, const std::vector<SendCommand>& commands, Binding binding) {
  if (!enabled()) return std::nullopt;
  const Mode mode = binding == Binding::all_or_none ? Mode::all_or_none : Mode::up_to_first;
  const auto refused = charge(
      caller, commands, [](std::uint32_t) { return true; }, mode);
  if (refused.empty()) return std::nullopt;
  std::pair<std::size_t, SendResult> first{refused.front().item, refused.front().result};
  // None of them passes before all of them do.
  for (const Refused& one : refused) {
    first.second.retry_after_ms = std::max(first.second.retry_after_ms, one.result.retry_after_ms);
  }
  return first;
}

Result<void> RateLimits::check_together(const CallerIdentity& caller,
                                        const std::vector<SendCommand>& commands) const {
  if (!enabled()) return {};
  const RateRules rules = this->rules();
  const std::uint64_t count = commands.size();
  if (const Rate rate = key_rate(rules, caller); rate.on() && count > rate.burst) {
    const std::string_view setting =
        caller.key->rate.on() ? "the burst of the key" : "limits.keyBurst";
    return never_together(count, "", "the API key", rate, setting);
  }
  if (rules.total.on() && count > rules.total.burst) {
    return never_together(count, "", "the server", rules.total, "limits.burst");
  }
  if (rules.sender.on() && count > rules.sender.burst) {
    CountById of_each;
    std::uint64_t most = 0;
    for (const SendCommand& command : commands) {
      most = std::max(most, ++of_each[sender_bucket(command.from_uid)]);
    }
    if (most > rules.sender.burst) {
      return never_together(most, " of one sender", "a sender", rules.sender, "limits.senderBurst");
    }
  }
  if (rules.channel.on() && count > rules.channel.burst) {
    CountById of_each;
    std::uint64_t most = 0;
    for (const SendCommand& command : commands) {
      most = std::max(most, ++of_each[channel_bucket(command.channel)]);
    }
    if (most > rules.channel.burst) {
      return never_together(most, " to one channel", "a channel", rules.channel,
                            "limits.channelBurst");
    }
  }
  return {};
}

std::size_t RateLimits::portion_max(const CallerIdentity& caller) const {
  std::uint64_t most = std::numeric_limits<std::size_t>::max();
  if (!enabled()) return most;
  const RateRules rules = this->rules();
  for (const Rate& rate : {key_rate(rules, caller), rules.total}) {
    // What comes back in a second: smaller ones let others have their turn.
    if (rate.on()) most = std::min(most, std::min(rate.burst, rate.per_second));
  }
  return most;
}

std::chrono::nanoseconds RateLimits::wait_for(const CallerIdentity& caller,
                                              std::size_t items) const {
  std::chrono::nanoseconds wait{0};
  if (!enabled()) return wait;
  const RateRules rules = this->rules();
  const auto now = clock_.steady();
  const auto look = [&](const Rate& rate, TokenBuckets::Id id) {
    const std::uint64_t tokens = std::min<std::uint64_t>(items, rate.burst);
    wait = std::max(wait, few_.wait_for(id, rate, tokens, now));
  };
  if (const Rate rate = key_rate(rules, caller); rate.on()) look(rate, key_bucket(caller));
  if (rules.total.on()) look(rules.total, total_bucket_);
  return wait;
}

TokenBuckets::Wait RateLimits::take_read(std::string_view uid) {
  const Rate rate = rules().reader;
  if (!rate.on()) return TokenBuckets::Wait(0);
  return buckets_.take(buckets_.id_of(kReaders, uid), rate, 1, clock_.steady());
}

std::vector<RateLimits::Standing> RateLimits::standings(const CallerIdentity& caller,
                                                        std::string_view from_uid,
                                                        const ChannelKey* channel) const {
  std::vector<Standing> found;
  if (!enabled()) return found;
  const RateRules rules = this->rules();
  const auto now = clock_.steady();
  const auto add = [&](Limit limit, const Rate& rate, const TokenBuckets& in, TokenBuckets::Id id) {
    found.push_back({limit, rate, in.level(id, rate, now)});
  };
  if (const Rate rate = key_rate(rules, caller); rate.on()) {
    add(Limit::key, rate, few_, key_bucket(caller));
  }
  if (rules.sender.on() && !from_uid.empty()) {
    add(Limit::sender, rules.sender, buckets_, sender_bucket(from_uid));
  }
  if (rules.channel.on() && channel != nullptr) {
    add(Limit::channel, rules.channel, buckets_, channel_bucket(*channel));
  }
  if (rules.total.on()) add(Limit::total, rules.total, few_, total_bucket_);
  return found;
}

std::string_view RateLimits::limit_name(Limit limit) {
  switch (limit) {
    case Limit::key: return "key";
    case Limit::sender: return "sender";
    case Limit::channel: return "channel";
    case Limit::total: break;
  }
  return "total";
}

void RateLimits::append_metrics(std::string& out) const {
  constexpr std::string_view kRefused = "jindou_rate_limited_items_total";
  fmt::format_to(std::back_inserter(out),
                 "# HELP {0} Messages refused because a rate limit was reached, by limit.\n"
                 "# TYPE {0} counter\n",
                 kRefused);
  for (const Limit limit : {Limit::key, Limit::sender, Limit::channel, Limit::total}) {
    fmt::format_to(std::back_inserter(out), "{}{{limit=\"{}\"}} {}\n", kRefused, limit_name(limit),
                   refused_[static_cast<std::size_t>(limit)].load(std::memory_order_relaxed));
  }
  observe::append_sample(out, "jindou_rate_buckets_given_up_total", "counter",
                         "Senders, channels and readers whose limit was forgotten early, because "
                         "limits.bucketBytesMax has no room for more.",
                         static_cast<double>(buckets_.given_up()));
}

}  // namespace jindou::partition
