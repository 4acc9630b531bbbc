// What one user can read of the store at one moment: rows of conversations, channel records, logs
// and the gaps in them. All through a single cursor, because opening one costs more than a seek.
//
// Not thread-safe. Every member blocks on disk. Errors of all: storage.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/message.h"
#include "store/keys.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::conversation {

// The user's row of one channel.
struct Row {
  ChannelKey channel;
  store::ConversationRecord record;
};

// When the user lost the conversations that he has tombstones of. One that he has again may be
// among them: should it not be shown, it is gone for those of his devices that had it before.
using LostAt = std::unordered_map<ChannelKey, std::int64_t, ChannelKeyHash>;
// Takes one out; 0: he never lost it.
std::int64_t take_lost(LostAt& lost, const ChannelKey& channel);

// Of a channel that was disbanded before that was recorded: all who ask are told.
inline constexpr std::int64_t kSinceUnknown = std::numeric_limits<std::int64_t>::max();
// When a conversation that is not shown was last taken away, as far as its rows tell; 0: it never
// was. `lost_at_ns`: take_lost().
std::int64_t gone_at_ns(const store::ConversationRecord& row, const store::ChannelRecord& channel,
                        std::int64_t lost_at_ns);

// The newest message of a user's list.
struct Head {
  std::uint64_t seq = 0;  // 0: none
  std::int64_t timestamp = 0;
  std::int64_t stored_at_ns = 0;
  std::string client_msg_no;
};
Head head_of(std::uint64_t seq, const store::MessageHead& message);

// Bounds the memory of an answer by what its messages take, whatever else bounds their number.
class AnswerBudget {
 public:
  explicit AnswerBudget(std::size_t bytes) : left_(bytes) {}
  // False when there is no room left for a message of that size; the first one always fits.
  bool take(std::size_t payload_bytes) {
    const std::size_t bytes = sizeof(Message) + payload_bytes;
    if (used_ && bytes > left_) return false;
    used_ = true;
    left_ -= std::min(bytes, left_);
    return true;
  }

 private:
  std::size_t left_;
  bool used_ = false;
};

// Channels a conversation list never shows: logs of commands, types without conversations, and what
// the built-in system account says to a user.
bool has_conversation(const ChannelKey& channel, std::string_view uid);

class StoreView {
 public:
  static constexpr std::uint64_t kNewest = std::numeric_limits<std::uint64_t>::max();

  // Borrows the bytes of `uid`.
  StoreView(const store::PartitionReaders& readers, std::string_view uid, std::int64_t now_seconds);

  enum class Rows : std::uint8_t { conversations, all };
  Result<std::vector<Row>> load_rows(Rows wanted);
  Result<std::optional<Row>> load_row(const ChannelKey& channel);
  Result<LostAt> load_lost();
  // Tombstones up to this time may have been dropped; 0: none was.
  Result<std::int64_t> load_deletions_since();
  // That of a channel without one when there is none.
  Result<store::ChannelRecord> load_channel(const ChannelKey& channel);
  // The newest message above `floor` that the user's list has.
  Result<Head> load_head(const ChannelKey& log, std::uint64_t floor);
  // How far the user has read, with what he wrote himself.
  Result<std::uint64_t> load_read_position(const ChannelKey& channel,
                                           const store::ConversationRecord& row);
  // How many of the seqs in (after, to] the user can read, as far as gaps tell.
  Result<std::uint64_t> count_readable(const ChannelKey& log, const store::ChannelRecord& record,
                                       std::uint64_t after, std::uint64_t to);

  bool readable(const store::MessageHead& head) const {
    return !head.expired_at(now_seconds_) && head.visible_to(uid_);
  }
  // Whether it is anything to the user's list of conversations.
  bool listed(const store::MessageHead& head) const {
    return readable(head) && head.listed_for(uid_);
  }

  // Calls `visit(seq, record)` -> Result<bool> for each message of a log in (floor, from],
  // descending, or [from, ...), ascending, until it answers false.
  template <class Visit>
  Result<void> walk_down(const ChannelKey& log, std::uint64_t from, std::uint64_t floor,
                         const Visit& visit);
  template <class Visit>
  Result<void> walk_up(const ChannelKey& log, std::uint64_t from, const Visit& visit);
  // Calls `visit(seq, record, head)` as walk_down() does, for those that the user's list has. A run
  // of those that it has not costs as much as one of them.
  template <class Visit>
  Result<void> walk_listed(const ChannelKey& log, std::uint64_t from, std::uint64_t floor,
                           const Visit& visit);

 private:
  store::PartitionCursor cursor_of(const ChannelKey& channel) {
    return cursors_.of(map_.of_channel(channel));
  }
  // Whether the cursor stands at an entry, which `valid` tells; the error that kept it from one.
  static Result<bool> moved(const store::PartitionCursor& cursor, bool valid);
  // So many messages up to this one, which is not in the list of the user, its sender, are not.
  Result<std::uint64_t> load_run(const store::PartitionCursor& cursor, const ChannelKey& log,
                                 std::uint64_t seq);

  PartitionMap map_;
  store::PartitionCursors cursors_;
  std::string_view uid_;
  std::int64_t now_seconds_;
  std::string value_;  // kept for its capacity
};

template <class Visit>
Result<void> StoreView::walk_down(const ChannelKey& log, std::uint64_t from, std::uint64_t floor,
                                  const Visit& visit) {
  auto cursor = cursor_of(log);
  const std::string prefix = store::message_prefix(cursor.partition(), log);
  const std::string upper = from == kNewest
                                ? store::after_prefix(prefix)
                                : store::message_key(cursor.partition(), log, MessageSeq{from + 1});
  JD_TRY(bool at, moved(cursor, cursor.seek_before(upper)));
  while (at && cursor.key().starts_with(prefix)) {
    const std::uint64_t seq = raw(store::seq_of_message_key(cursor.key()));
    if (seq <= floor) break;
    JD_TRY(const bool wanted, visit(seq, cursor.value()));
    if (!wanted) break;
    JD_TRY(at, moved(cursor, cursor.prev()));
  }
  return {};
}

template <class Visit>
Result<void> StoreView::walk_listed(const ChannelKey& log, std::uint64_t from, std::uint64_t floor,
                                    const Visit& visit) {
  for (std::uint64_t at = from; at > floor;) {
    std::uint64_t behind_run = 0;  // where the walk goes on; 0: it has ended
    JD_RETURN_IF_ERROR(
        walk_down(log, at, floor, [&](std::uint64_t seq, std::string_view bytes) -> Result<bool> {
          JD_TRY(const store::MessageHead head, store::decode_message_head(bytes));
          if (listed(head)) return visit(seq, bytes, head);
          if (head.listed_for(uid_)) return true;
          JD_TRY(const std::uint64_t run, load_run(cursor_of(log), log, seq));
          if (run == 1) return true;
          behind_run = seq - std::min(seq, run);
          return false;
        }));
    at = behind_run;
  }
  return {};
}

template <class Visit>
Result<void> StoreView::walk_up(const ChannelKey& log, std::uint64_t from, const Visit& visit) {
  auto cursor = cursor_of(log);
  const std::string prefix = store::message_prefix(cursor.partition(), log);
  JD_TRY(bool at,
         moved(cursor, cursor.seek(store::message_key(cursor.partition(), log, MessageSeq{from}))));
  while (at && cursor.key().starts_with(prefix)) {
    const std::uint64_t seq = raw(store::seq_of_message_key(cursor.key()));
    JD_TRY(const bool wanted, visit(seq, cursor.value()));
    if (!wanted) break;
    JD_TRY(at, moved(cursor, cursor.next()));
  }
  return {};
}

}  // namespace jindou::conversation
