// Who may open a connection: how many one address has, how often one address and all of them
// together come. One object per node, shared by the io shards.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "config/live_value.h"
#include "runtime/client_address.h"

namespace jindou::gateway {

// 0: no limit. A change is seen by the next connection; it counts those that are open already.
struct AdmissionLimits {
  config::LiveValue<std::size_t> connections_per_address = std::size_t{0};
  config::LiveValue<std::size_t> handshakes_per_second = std::size_t{0};
  config::LiveValue<std::size_t> handshakes_per_address_per_second = std::size_t{0};
  // Names that visitors make up, of the node.
  config::LiveValue<std::size_t> new_visitors_per_second = std::size_t{0};
};

enum class Refusal : std::uint8_t {
  none,
  max_connections,  // of the node; decided by the listener
  address_connections,
  address_rate,
  rate,
};
// The label of metric connections_refused.
std::string_view refusal_label(Refusal refusal);

// Decides whether the next of evenly spread events may happen: `rate` a second on average, a
// second's worth at once. The state is one number, the time up to which events are paid for (on
// Clock::steady, nanoseconds); 0 is an unused one.
class Pace {
 public:
  // Unchanged when the event may not happen.
  static bool take(std::int64_t& paid_until, std::int64_t now, std::size_t rate);
};

class Admission;

// The count of one connection, given back when it is destroyed.
class AdmissionPlace {
 public:
  AdmissionPlace() = default;
  AdmissionPlace(Admission& admission, const runtime::AddressKey& key)
      : admission_(&admission), key_(key) {}
  ~AdmissionPlace() { release(); }
  AdmissionPlace(AdmissionPlace&& other) noexcept
      : admission_(std::exchange(other.admission_, nullptr)), key_(other.key_) {}
  AdmissionPlace& operator=(AdmissionPlace&& other) noexcept {
    if (this != &other) {
      release();
      admission_ = std::exchange(other.admission_, nullptr);
      key_ = other.key_;
    }
    return *this;
  }
  AdmissionPlace(const AdmissionPlace&) = delete;
  AdmissionPlace& operator=(const AdmissionPlace&) = delete;

  bool held() const { return admission_ != nullptr; }
  void release();

 private:
  Admission* admission_ = nullptr;
  runtime::AddressKey key_;
};

// Thread-safe: 64 tables under a mutex each, by address. An address has an entry of 32 bytes while
// it has connections or came within the last second; what is left over is swept when a table grows,
// so there are never more than about twice as many as needed.
class Admission {
 public:
  // Borrows the clock.
  Admission(const Clock& clock, AdmissionLimits limits)
      : clock_(clock), limits_(std::move(limits)) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // Counts a connection that is about to be served, or says why it is not; a refused one costs its
  // address nothing. `place` must not outlive this object.
  Refusal admit(const runtime::IpAddress& address, AdmissionPlace& place);

  // Whether one more name of a visitor may be stored now.
  bool admit_new_visitor() {
    return take_common(visitors_paid_until_, now(), limits_.new_visitors_per_second);
  }

  // Entries held; for tests.
  std::size_t entry_count();

 private:
  friend class AdmissionPlace;

  struct Entry {
    std::int64_t paid_until = 0;
    std::uint32_t connections = 0;

    bool is_unused(std::int64_t now) const { return connections == 0 && paid_until <= now; }
  };
  struct KeyHash {
    using is_avalanching = void;
    std::size_t operator()(const runtime::AddressKey& key) const noexcept;
  };
  struct Table {
    Mutex mutex;
    boost::unordered_flat_map<runtime::AddressKey, Entry, KeyHash> entries JD_GUARDED_BY(mutex);
    std::size_t sweep_at JD_GUARDED_BY(mutex) = kSweepMin;
  };
  static constexpr std::size_t kTables = 64;
  static constexpr std::size_t kSweepMin = 64;

  Table& table_of(const runtime::AddressKey& key) { return tables_[KeyHash()(key) % kTables]; }
  std::int64_t now() const;
  static bool take_common(std::atomic<std::int64_t>& paid_until, std::int64_t now,
                          std::size_t rate);
  static void sweep(Table& table, std::int64_t now) JD_REQUIRES(table.mutex);
  void leave(const runtime::AddressKey& key);

  const Clock& clock_;
  const AdmissionLimits limits_;
  std::atomic<std::int64_t> paid_until_{0};
  std::atomic<std::int64_t> visitors_paid_until_{0};
  std::array<Table, kTables> tables_;
};

}  // namespace jindou::gateway
