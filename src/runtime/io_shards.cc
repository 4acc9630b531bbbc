#include "runtime/io_shards.h"

#include "base/machine_share.h"
#include "runtime/thread_identity.h"

namespace jindou::runtime {

IoShards::IoShards(unsigned count) {
  if (count == 0) count = usable_processors();
  for (unsigned i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>());
}

IoShards::~IoShards() { stop(); }

bool IoShards::on_shard(unsigned shard) const {
  return shards_[shard]->thread_id.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

void IoShards::start() {
  for (unsigned i = 0; i < shards_.size(); ++i) {
    Shard* shard = shards_[i].get();
    shard->thread = std::thread([shard, i] {
      name_this_thread("io-" + std::to_string(i));
      shard->thread_id = std::this_thread::get_id();
      shard->context.run();
    });
  }
}

void IoShards::stop() {
  for (auto& shard : shards_) shard->context.stop();
  for (auto& shard : shards_) {
    if (shard->thread.joinable()) shard->thread.join();
  }
}

}  // namespace jindou::runtime
