// Asks the customer's system for the lists of channels and for the system accounts
// (datasource.addr, docs/api.md "data source").
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "http/sender.h"
#include "model/channel.h"
#include "partition/list_source.h"

namespace jindou::datasource {

struct DataSourceOptions {
  std::string addr;              // empty: nobody is asked
  std::string ca_file;           // authorities for https, besides the system's
  bool channel_info_on = false;  // ask for the flags of channels too
  std::chrono::milliseconds timeout{2'000};
  std::chrono::milliseconds cache_time{30'000};  // an answer is used again for so long
  std::size_t cache_count = 10'000;              // channels kept, and those whose answers are held
};

struct DataSourceDeps {
  const Clock& clock;
  // As they are now; thread-safe.
  std::function<std::shared_ptr<const DataSourceOptions>()> options;
  // Takes the accounts that were answered; empty optional: nobody is asked any more, the stored
  // ones hold. On a thread of the data source.
  std::function<void(std::optional<std::vector<std::string>>)> set_system_accounts;
  unsigned workers = 4;             // channels asked for at the same time
  std::size_t waiting_max = 2'000;  // sends that wait for an answer
};

// A channel without an answer, or with one that is too old, is asked for when somebody sends to it.
// If that fails, the answer from before is used, if there is one; else the sends that wait are
// refused, and the next one asks again. Of a channel there goes on to be an answer for as long as
// anybody holds one that find() has given, even an older one: the router holds them until what was
// let go on them has been evaluated. Thread-safe.
class DataSource final : public partition::ListSource {
 public:
  explicit DataSource(DataSourceDeps deps);
  // Stops.
  ~DataSource() override;
  DataSource(const DataSource&) = delete;
  DataSource& operator=(const DataSource&) = delete;

  void start();
  // Refuses what waits and ends the threads. Idempotent.
  void stop();

  bool enabled() const override;
  bool in_use() const override { return in_use_.load(std::memory_order_relaxed); }
  std::shared_ptr<const Lists> find(const ChannelKey& channel) const override;
  std::vector<std::shared_ptr<const Lists>> find_ready(
      const std::vector<ChannelKey>& channels) const override;
  void when_ready(std::vector<ChannelKey> channels, std::function<void(Result<void>)> go) override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  // Shared by all answers of one channel, so that its uses tell whether any of them is held.
  struct Lease {};
  struct Answer : Lists {
    std::shared_ptr<const Lease> lease;
  };
  struct Entry {
    std::shared_ptr<const Lease> lease = std::make_shared<Lease>();
    std::shared_ptr<const Answer> lists;  // null while the first answer is awaited
    TimePoint fresh_until;
    bool asking = false;  // queued or under way
    bool failed = false;  // the last try

    bool is_held() const;
  };
  struct Waiting {
    std::vector<ChannelKey> channels;
    std::function<void(Result<void>)> go;
  };

  bool is_ready(const ChannelKey& channel, TimePoint now) const JD_REQUIRES(mutex_);
  void ask(const ChannelKey& channel) JD_REQUIRES(mutex_);
  // `lock` holds the mutex, which is given up at times: the analysis cannot know that they belong
  // together.
  void release(MutexLock& lock) JD_REQUIRES(mutex_) JD_UNCHECKED_LOCKS;
  void make_room() JD_REQUIRES(mutex_);
  void run_worker();
  void run_accounts();
  // Null: no answer, or none that can be understood.
  std::shared_ptr<Answer> fetch(http::Sender& sender, const ChannelKey& channel,
                                const DataSourceOptions& options) const;
  // Of two users together there is only the question who is kept from the other.
  std::shared_ptr<Answer> fetch_pair(http::Sender& sender, const ChannelKey& pair,
                                     const DataSourceOptions& options) const;

  DataSourceDeps deps_;
  mutable std::atomic<bool> in_use_{false};
  mutable Mutex mutex_;
  Condition work_;
  Condition stopped_;
  boost::unordered_flat_map<ChannelKey, Entry, ChannelKeyHash> entries_ JD_GUARDED_BY(mutex_);
  std::deque<ChannelKey> queue_ JD_GUARDED_BY(mutex_);
  // In order of arrival. What shares a channel with one before it waits for that one.
  std::list<Waiting> waiting_ JD_GUARDED_BY(mutex_);
  bool releasing_ JD_GUARDED_BY(mutex_) = false;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::vector<http::Sender*> senders_ JD_GUARDED_BY(mutex_);  // of the workers, to be stopped
  std::vector<std::thread> threads_;
};

}  // namespace jindou::datasource
