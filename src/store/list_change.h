// A change of a channel's lists that is too long for one commit, as the store holds it while it is
// under way: what the lists are to become, decided in one commit; their rows follow in slices.
// Whoever reads the rows of a list asks here, too, at the same moment of the store.
//
// The uids come first, in rows of their own, which may take several commits; the record of the
// decision comes last and counts them. Without it the rows mean nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/keys.h"
#include "store/partition_reader.h"

namespace jindou::store {

struct ListChange {
  enum class Kind : std::uint8_t {
    add,       // `uids`, none of which was in the list
    remove,    // `uids`, all of which were
    replace,   // the list is `uids`
    dissolve,  // all lists of the channel are empty
  };
  Kind kind = Kind::add;
  KeyKind list = KeyKind::subscriber;  // or denylist, allowlist
  // Where the conversations of those who are added begin.
  std::uint64_t read_to = 0;
  std::uint64_t command_read_to = 0;
  std::vector<std::string> uids;

  bool concerns(KeyKind wanted) const { return kind == Kind::dissolve || list == wanted; }
  // The rows that were there before do not matter.
  bool is_whole() const { return kind == Kind::replace || kind == Kind::dissolve; }
};

// The record that decides the change, whose uids are in `parts` rows.
std::string encode_list_change(const ListChange& change, std::uint32_t parts);
// Adds a uid to the value of such a row.
void add_to_list_change_part(std::string& part, std::string_view uid);

// Empty when nothing is under way, or nothing decided. Moves the cursor when something is; it is
// one of Table::main. Errors: storage.
Result<std::optional<ListChange>> load_list_change(PartitionCursor& cursor,
                                                   const ChannelKey& channel);
// All of a partition; rows without a decision are told with an empty change. Errors: storage.
Result<std::vector<std::pair<ChannelKey, std::optional<ListChange>>>> load_list_changes(
    const PartitionReader& reader);

}  // namespace jindou::store
