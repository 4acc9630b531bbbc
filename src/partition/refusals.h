// What was refused lately, for whoever asks what became of a message that is not stored
// (docs/decisions/0035-message-trace.md). In memory, of this node; the newest are kept, in so many
// bytes and for so long.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "model/channel.h"
#include "model/job.h"
#include "model/message.h"

namespace jindou::partition {

// The defaults are those of src/config/settings.h.
struct RefusalLimits {
  std::size_t bytes_max = std::size_t{4} << 20;  // 0: nothing is remembered
  std::chrono::milliseconds keep{3'600'000};
};

struct Refusal {
  ChannelKey channel;  // as of SendCommand
  std::string from_uid;
  std::string client_msg_no;
  std::int64_t at_ms = 0;  // wall clock
  JobResult result;        // with bounded words
};

// Thread-safe. A mutex is held for copies of some hundred bytes.
class Refusals {
 public:
  Refusals(const Clock& clock, const RefusalLimits& limits) : clock_(clock), limits_(limits) {}
  Refusals(const Refusals&) = delete;
  Refusals& operator=(const Refusals&) = delete;

  bool on() const { return limits_.bytes_max > 0; }
  // Whether it is worth remembering: refused, and not an item of a job that is tried again, or that
  // the job has numbered: its results have that, and are longer than what is remembered here.
  static bool is_told(const SendCommand& command, const SendResult& result);
  void add(const SendCommand& command, const SendResult& result);
  // Its time is taken here.
  void add(Refusal refusal);

  // The last one of a message to the channel with that number.
  std::optional<Refusal> find(const ChannelKey& channel, std::string_view client_msg_no);
  // Everything that was refused since then is there, wall clock in milliseconds.
  std::int64_t since_ms();

 private:
  struct Entry {
    Refusal refusal;
    std::uint64_t key = 0;
    std::size_t bytes = 0;
  };

  static std::uint64_t key_of(const ChannelKey& channel, std::string_view client_msg_no);
  void drop_old(std::int64_t now_ms) JD_REQUIRES(mutex_);
  void drop_first() JD_REQUIRES(mutex_);

  const Clock& clock_;
  const RefusalLimits limits_;
  Mutex mutex_;
  std::deque<Entry> entries_ JD_GUARDED_BY(mutex_);  // in the order in which they came
  std::uint64_t first_ JD_GUARDED_BY(mutex_) = 0;    // number of the first of them
  // The last one with each key, by its number.
  boost::unordered_flat_map<std::uint64_t, std::uint64_t> last_ JD_GUARDED_BY(mutex_);
  std::size_t bytes_ JD_GUARDED_BY(mutex_) = 0;
  std::int64_t since_ms_ JD_GUARDED_BY(mutex_) = clock_.wall_ms();
};

}  // namespace jindou::partition
