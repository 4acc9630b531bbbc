// The index of client_msg_no in one partition: has this sender used this number in this channel?
//
// Recent entries live in a hash table in memory (the generation). They are not lost with it: every
// commit writes its entries in its commit record, from which open() rebuilds the generation. When a
// generation is full it is frozen, sorted and bulk-loaded into table client_numbers. So a message
// costs no key at a random position on the send path, and a look-up is one hash probe, or one Bloom
// filter probe for a number never seen.
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/ids.h"
#include "partition/number_filter.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/bulk_loader.h"
#include "store/fingerprint.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread; only the completion of a load comes from another.
class ClientNumberIndex {
 public:
  // Its table doubles when seven eighths of its places are taken.
  using Generation =
      boost::unordered_flat_map<store::Fingerprint, store::ClientNumber, store::FingerprintHash>;

  // Borrows `reader` and `loader`. `generation_entries`: entries held before they are frozen.
  // `filter_bytes_max`: memory of the filter over what was loaded; see NumberFilter.
  ClientNumberIndex(store::PartitionReader reader, store::BulkLoader& loader,
                    std::size_t generation_entries, std::size_t filter_bytes_max);

  // Rebuilds the generation from the commit records that the table has not got. Errors: storage.
  Result<void> open();

  // Empty when the number was never used. Errors: storage. May read the disk.
  Result<std::optional<store::ClientNumber>> find(const store::Fingerprint& fingerprint) const;

  // Of a message in the commit. Counters rise.
  void insert(const store::Fingerprint& fingerprint, const store::ClientNumber& number, Txn& txn);

  // Continues the filter's way through the table. Freezes a full generation and, once everything in
  // it is durable, starts its load. `evaluated` is the position of the last commit built, `durable`
  // that of the last one known to be durable: an entry must not reach the table before its message
  // is certain.
  void advance(std::uint64_t evaluated, std::uint64_t durable);

  void describe(StateLines& lines) const;

  // True when loads have failed for so long that the memory bound is reached: refuse sends.
  bool full() const;

 private:
  enum class LoadState : int { running, done, failed };

  void add(const store::Fingerprint& fingerprint, const store::ClientNumber& number);
  void start_load();
  void fill_filter();

  PartitionId partition_;
  store::PartitionReader reader_;
  store::BulkLoader& loader_;
  std::size_t generation_entries_;

  Generation recent_;
  std::uint64_t recent_last_counter_ = 0;
  std::uint64_t inserted_to_ = 0;  // the counter that came last since open()
  // Null, or waiting for durability, or being loaded; then the loader's thread reads it too.
  std::shared_ptr<const Generation> frozen_;
  std::uint64_t frozen_last_counter_ = 0;
  std::uint64_t frozen_position_ = 0;
  std::shared_ptr<std::atomic<LoadState>> load_;

  // Of everything in the table. Lost with the process; after a start it is filled from the table, a
  // little with every advance(), and until that is done the table itself is asked.
  NumberFilter filter_;
  std::string filter_cursor_;
  bool filter_complete_ = false;
};

}  // namespace jindou::partition
