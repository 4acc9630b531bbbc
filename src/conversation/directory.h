// The directory of a user's conversations, for clients that walk through all of it page by page and
// keep a copy (POST /conversation/list, /conversation/retry).
//
// A pass begins without a cursor and ends with `done`. A client that comes back after a completed
// pass says up to when it has everything, and hears besides of what was deleted since.
//
// Thread-safe; both calls block on disk, so edges call them through runtime::BlockingPool. A page
// reads the store as of one moment. It costs one step for each of the user's conversations, and two
// seeks for each one on the page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/channel.h"
#include "model/message.h"
#include "store/commit_horizon.h"
#include "store/partition_reader.h"

namespace jindou::conversation {

struct DirectoryEntry {
  ChannelKey channel;  // internal id
  std::int64_t active_at_ns = 0;
  std::uint64_t read_to = 0;  // as Conversation::read_to
  std::uint64_t deleted_to = 0;
  std::uint64_t unread = 0;
  std::optional<Message> last_message;  // none in a conversation that is only active
};

// Where a page ended: those behind it in the order of the directory come with the next one.
struct DirectoryCursor {
  std::int64_t coverage_ns = 0;  // of the whole pass
  // The latest activation when it began; what is later came meanwhile.
  std::int64_t newest_active_ns = 0;
  std::int64_t active_at_ns = 0;
  ChannelKey channel;
  bool operator==(const DirectoryCursor&) const = default;
};

struct DirectoryQuery {
  std::string uid;
  std::optional<DirectoryCursor> after;  // none: the first page
  std::size_t limit = 50;                // candidates looked at
  std::int64_t covered_ns = 0;  // the coverage of the client's last completed pass; 0: none
};

struct DirectoryPage {
  std::vector<DirectoryEntry> entries;
  std::vector<ChannelKey> deleted;
  // Not read, because the answer would have become too large; ask for them again.
  std::vector<ChannelKey> unresolved;
  std::optional<DirectoryCursor> last;  // of what was looked at; none: nothing was
  bool done = false;
  // What was changed up to then is in the pass. A whole number of 1,024 ns: exact in a double.
  std::int64_t coverage_ns = 0;
  // Deletions up to then may have been forgotten. 0: none was.
  std::int64_t deletions_since_ns = 0;
};

class Directory {
 public:
  // Borrows all; they outlive it.
  Directory(const store::PartitionReaders& readers, const store::CommitHorizon& horizon,
            const Clock& clock, std::size_t page_bytes_max = std::size_t{8} << 20);

  // By the time of activation, the latest first, then by id and type. What is activated while a
  // pass is under way counts as never activated for its rest, so that no page misses it. A page
  // ends early, with at least one entry, when its messages exceed 8 MiB. Errors: storage.
  Result<DirectoryPage> load_page(const DirectoryQuery& query) const;
  // These channels, each once, in that order; what the user has no conversation with is deleted.
  // Errors: storage.
  Result<DirectoryPage> load_some(std::string_view uid,
                                  const std::vector<ChannelKey>& channels) const;

 private:
  store::PartitionReaders readers_;
  const store::CommitHorizon& horizon_;
  const Clock& clock_;
  std::size_t page_bytes_max_;
};

}  // namespace jindou::conversation
