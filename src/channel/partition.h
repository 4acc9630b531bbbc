// One partition: the single writer of its channels and users.
//
// Commands are evaluated one after another. Evaluation yields one write batch, the results and the
// effects; all three leave together as a commit, and results and effects are released only when the
// commit is durable. While commits are in flight, further commands are evaluated on top of them, in
// memory; if a commit fails, that memory is dropped and read again from the store.
#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "channel/change.h"
#include "channel/client_number_index.h"
#include "channel/effects.h"
#include "channel/inbox_directory.h"
#include "channel/permission.h"
#include "channel/send_batch.h"
#include "model/message.h"
#include "observe/metrics.h"
#include "store/bulk_loader.h"
#include "store/commit_log.h"
#include "store/reader.h"
#include "store/records.h"

namespace jindou::channel {

struct PartitionOptions {
  PermissionPolicy permission;
  // A repeat of a client_msg_no within this many seconds is a duplicate; later it is a new message.
  std::int64_t idempotency_window_seconds = 7 * 24 * 3600;
  // Cached channels; those with commits in flight are kept beyond it.
  std::size_t channels_max = 8192;
  // Messages gathered into one commit while others are in flight.
  std::size_t commit_messages_max = 8192;
  std::size_t index_generation_entries = 32768;
  std::size_t index_filter_bytes_max = std::size_t{16} << 20;
};

// Everything a partition works with. All outlive it.
struct PartitionDeps {
  const store::Reader& reader;
  store::CommitLog& log;
  store::BulkLoader& loader;
  InboxDirectory& inboxes;
  EffectSink& effects;
  const Clock& clock;
  std::uint64_t fingerprint_seed = 0;
  std::uint16_t partitions = 1;
  // Counts refusals by reason; may be null.
  observe::Metrics* metrics = nullptr;
};

// Lives on one thread, its worker's; every call comes from there.
class Partition {
 public:
  // `wake` is called, on a thread of the log, each time a commit is finished: pump() may have work.
  Partition(PartitionId id, PartitionDeps deps, PartitionOptions options,
            std::function<void()> wake);
  ~Partition();
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  // Reads the partition's state. Errors: storage.
  Result<void> open();

  // Evaluates one part of a batch, or one change. The outcome is released after the commit.
  void execute(const std::shared_ptr<SendBatch>& batch, std::size_t part);
  void execute(Change change, std::function<void(Result<void>)> done);

  // Hands the gathered commit to the log if few enough are in flight. Call after every round of
  // execute() and after every wake.
  void pump();

  // True while something was evaluated but not yet handed to the log.
  bool has_gathered() const;

 private:
  struct Channel;
  struct Gathering;
  struct Flight;  // shared with the log's thread
  class ChannelFacts;

  Result<SendResult> evaluate(SendCommand& command);
  Result<void> evaluate_change(const UpsertChannel& change);
  Result<void> evaluate_change(const ChangeMembers& change);
  Result<void> evaluate_change(const DeleteChannel& change);
  Result<void> evaluate_change(const StoreToken& change);

  // The cached state of a channel or log; reads the store on a miss. Errors: storage.
  Result<Channel*> load_channel(const ChannelKey& key);
  Result<UidSet*> load_list(Channel& channel, MemberList list);
  // The same, but unshared, for changing it.
  Result<UidSet*> load_list_for_change(Channel& channel, MemberList list);
  Result<Recipients> recipients_of(const SendCommand& command, Channel& channel);
  void put_record(Channel& channel);
  void set_members(Channel& channel, MemberList list, UidSet& set,
                   const std::vector<std::string>& uids, bool add);
  void touch(Channel& channel);
  void evict_channels();

  // False while a failed commit is being digested: nothing may be evaluated.
  bool ensure_usable();
  std::uint64_t next_counter();

  PartitionId id_;
  PartitionDeps deps_;
  PartitionOptions options_;
  std::function<void()> wake_;

  ClientNumberIndex index_;
  boost::unordered_flat_map<ChannelKey, std::unique_ptr<Channel>, ChannelKeyHash> channels_;
  std::size_t channels_weight_ = 0;
  std::uint64_t use_tick_ = 0;

  std::uint64_t position_ = 0;  // of the last commit built
  std::uint64_t counter_ = 0;   // of the last message id given out
  std::uint64_t id_bound_ = 0;  // reserved in the store, or in a commit on its way there
  std::unique_ptr<Gathering> gathering_;
  std::shared_ptr<Flight> flight_;
  std::string key_scratch_;
  std::string value_scratch_;
};

}  // namespace jindou::channel
