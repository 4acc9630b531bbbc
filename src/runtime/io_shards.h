// The network threads: one io_context and one thread per shard. A connection lives on the shard
// that accepted it and is touched by no other thread; shards talk by posting.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace jindou::runtime {

class IoShards {
 public:
  // `count` 0 means one shard per usable processor
  // (base/machine_share.h). Threads start with start().
  explicit IoShards(unsigned count);
  // Stops and joins.
  ~IoShards();
  IoShards(const IoShards&) = delete;
  IoShards& operator=(const IoShards&) = delete;

  unsigned size() const { return static_cast<unsigned>(shards_.size()); }
  boost::asio::io_context& context(unsigned shard) { return shards_[shard]->context; }

  // Runs `work` on the shard's thread, after what was posted before from this thread. Thread-safe.
  template <class Work>
  void post(unsigned shard, Work&& work) {
    boost::asio::post(shards_[shard]->context, std::forward<Work>(work));
  }

  // True on the thread that runs `shard`.
  bool on_shard(unsigned shard) const;

  void start();
  // Stops the loops where they are and joins the threads. Idempotent.
  void stop();

 private:
  struct Shard {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        boost::asio::make_work_guard(context)};
    std::thread thread;
    std::atomic<std::thread::id> thread_id;
  };
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace jindou::runtime
