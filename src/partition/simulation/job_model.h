// What is stored of jobs: a model of each that is kept item by item, and knows nothing of how the
// partition counts. What may be there is known as Possible has it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "partition/change.h"
#include "partition/simulation/possible.h"
#include "store/reader.h"

namespace jindou::partition::simulation {

class JobModel {
 public:
  using Rows = std::map<std::string, std::string>;

  explicit JobModel(std::uint16_t partitions) : partitions_(partitions) {}

  // A change is asked for, of whatever kind.
  void begin(const Change& change, const SharedOutcome& outcome);
  // Says what is wrong with one that is stored: it cannot be so after what was asked for, or does
  // not agree with itself; empty: nothing. Errors: storage.
  Result<std::string> find_wrong(const store::Reader& reader) const;
  // As Possible has it.
  Result<void> settle(const store::Reader& reader);

 private:
  class Begin;

  Result<Rows> load(const store::Reader& reader, const std::string& id) const;

  std::uint16_t partitions_;
  std::map<std::string, Possible<Rows>> jobs_;  // by id
};

}  // namespace jindou::partition::simulation
