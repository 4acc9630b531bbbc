// What is stored for changes of all kinds but those of lists, messages and conversations: tokens,
// system accounts, settings of channels, templates, requests that may be repeated, bulk messages
// that are counted, what the webhook and syncs remember; and the messages of channels that nobody
// sends to, because they are imported.
//
// A fact is a few rows that belong together. What may be in them is known as Possible has it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "partition/change.h"
#include "partition/simulation/possible.h"
#include "store/reader.h"

namespace jindou::partition::simulation {

// Dead letters of the webhook in one partition (PartitionOptions).
inline constexpr std::size_t kWebhookLettersMax = 4;

class FactModel {
 public:
  using Rows = std::map<std::string, std::string>;

  explicit FactModel(std::uint16_t partitions) : partitions_(partitions) {}

  // A change is asked for, of whatever kind.
  void begin(const Change& change, const SharedOutcome& outcome);
  // Names a fact that cannot be as it is stored; empty: there is none. Errors: storage.
  Result<std::string> find_wrong(const store::Reader& reader) const;
  // As Possible has it.
  Result<void> settle(const store::Reader& reader);

 private:
  struct Fact {
    std::vector<std::string> prefixes;  // of its rows
    bool is_channel = false;            // of a channel record, only what somebody has set counts
    Possible<Rows> rows;
  };
  class Begin;

  static Result<Rows> load(const store::Reader& reader, const Fact& fact);

  std::uint16_t partitions_;
  std::map<std::string, Fact> facts_;  // by a name for people
};

}  // namespace jindou::partition::simulation
