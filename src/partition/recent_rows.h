// Records of rows whose commits may not be readable yet, in memory, for a module of a partition
// that decides by what it has written itself. What is not here the store tells.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "partition/txn.h"

namespace jindou::partition {

// Lives in its partition and on its thread. Memory: the rows of commits that are on their way.
template <class Record>
class RecentRows {
 public:
  // Null: the store tells. Valid until the next change.
  const Record* find(const std::string& row) const {
    const auto found = rows_.find(row);
    return found == rows_.end() ? nullptr : &found->second.record;
  }

  // What the commit being gathered leaves of the row, until that commit is in the store. Undone
  // with it.
  void remember(const std::string& row, Record record, Txn& txn) {
    std::optional<Recent> before;
    if (const auto known = rows_.find(row); known != rows_.end()) before = known->second;
    rows_.insert_or_assign(row, Recent{std::move(record), txn.position()});
    txn.undo([this, row, before = std::move(before)] {
      if (before) {
        rows_.insert_or_assign(row, *before);
      } else {
        rows_.erase(row);
      }
    });
  }

  // The same for all rows before `end` that are here.
  void remember_before(const std::string& end, const Record& record, Txn& txn) {
    std::vector<std::string> before;
    for (const auto& [row, recent] : rows_) {
      if (row < end) before.push_back(row);
    }
    for (const std::string& row : before) remember(row, record, txn);
  }

  // Forgets what the store tells when commits up to the position `durable` are in it.
  void trim(std::uint64_t durable) {
    if (rows_.empty()) return;
    boost::unordered::erase_if(
        rows_, [durable](const auto& entry) { return entry.second.position <= durable; });
  }
  // Forgets everything; the store tells again.
  void clear() { rows_.clear(); }

  // Calls visit(row, record, position of its commit), in no order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const auto& [row, recent] : rows_) visit(row, recent.record, recent.position);
  }

 private:
  struct Recent {
    Record record;
    std::uint64_t position = 0;
  };
  boost::unordered_flat_map<std::string, Recent> rows_;
};

}  // namespace jindou::partition
