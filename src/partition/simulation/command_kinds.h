// Commands of every kind over one small store, for tests of what a command leaves behind that fails
// or is taken back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partition/simulation/lone_partition.h"
#include "partition/simulation/memory_store.h"

namespace jindou::partition::simulation {

struct CommandKind {
  std::string name;
  Command command;
};

// The store that every run begins with.
MemoryStore furnished();

// Between them every alternative of Change, and events and messages of all kinds.
std::vector<CommandKind> changes_of_channels();
std::vector<CommandKind> other_commands();
// Changes of lists by more than two uids.
std::vector<CommandKind> long_changes();

// How a partition is when the command comes.
enum class Situation : std::uint8_t {
  settled,    // everything is in the store, nothing in memory
  unsettled,  // memory is ahead of the store
  cut_short,  // settled, and changes of more than two uids are made in slices
  under_way,  // and one of those is half done
};
PartitionOptions options_of(Situation situation);
// Brings a partition over the furnished store there.
void prepare(LonePartition& partition, Situation situation);

// Shows what is in memory: all of it goes to the store or to somebody.
void follow_up(LonePartition& partition);

}  // namespace jindou::partition::simulation
