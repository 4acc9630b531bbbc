// What can be done about what an audit has found (record_audit.h), and what that costs.
//
// - What follows from other records is made again, and nothing is lost: the index of client_msg_no,
//   the list of messages that expire, gaps beside messages, how far tombstones were dropped.
// - Of what cannot be read, and follows from nothing, some can be given up: the place of a message
//   is marked as deleted, other records go. Only when the operator says so: then ids and seqs go on
//   behind a floor, and /health shows it (data_loss.h, docs/decisions/0044-repair.md).
// - The rest decides who may do what, or what comes next, and cannot be guessed: a backup has it.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/ids.h"
#include "store/open_store.h"
#include "store/record_audit.h"

namespace jindou::store {

// What is done about the index, as a remedy says it.
inline constexpr const char* kIndexAction =
    "the index of client_msg_no is made again from the commit records";

// About one thing that is wrong.
struct Remedy {
  enum class Cost : std::uint8_t { nothing, loss, impossible };
  std::string fault;  // a sentence: what is wrong
  Cost cost = Cost::nothing;
  std::string action;  // what is done; of what is impossible: why
  std::string loss;    // what is lost with it
};

// What was decided of one store, to be written to the same one later. Holds some hundred bytes for
// each fault.
class RecordRepair {
 public:
  // What may be changed.
  enum class Extent : std::uint8_t {
    derived,  // nothing is lost
    all,      // what is lost was accepted
  };

  // Reads `store` where a record is made of others. `now_ns`: since 1970. Errors: storage.
  Result<void> decide(const OpenStore& store, const std::vector<AuditFault>& faults,
                      std::int64_t now_ns);
  const std::vector<Remedy>& remedies() const { return remedies_; }

  // Whether the table client_numbers is to be made again (index_rebuild.h).
  bool rebuilds_index(Extent extent) const;
  // Writes it to the opened store, durably, but for the index. May be repeated. Errors: storage.
  Result<void> write(OpenStore& store, Extent extent) const;

 private:
  struct Row {
    std::string key;
    std::optional<std::string> value;  // none: it goes
    std::string end;                   // not empty: all rows before it go too
    Remedy::Cost cost = Remedy::Cost::nothing;
  };
  struct Hole {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  using LogOfPartition = std::pair<PartitionId, ChannelKey>;

  Result<Remedy> decide_one(const OpenStore& store, const AuditFault& fault);
  Result<Remedy> decide_unreadable(const OpenStore& store, const AuditFault& fault);
  Remedy give_up_message(const AuditFault& fault);
  Result<Remedy> drop_tombstones(const OpenStore& store, const AuditFault& fault);
  Result<Remedy> decide_gap(const OpenStore& store, const AuditFault& fault);
  Remedy give_up_job(const AuditFault& fault);
  void mark_deleted(const LogOfPartition& log, const Hole& hole);
  void erase(std::string key, Remedy::Cost cost);
  void erase_range(std::string begin, std::string end);
  Result<void> add_holes(const OpenStore& store, rocksdb::WriteBatch& batch) const;

  std::int64_t now_ns_ = 0;
  std::vector<Remedy> remedies_;
  std::vector<Row> rows_;
  // Seqs without a message, which cost what they were.
  std::map<LogOfPartition, std::vector<Hole>> holes_;
  bool index_ = false;
  // Making it again loses what it alone knows.
  bool index_loses_ = false;
};

}  // namespace jindou::store
