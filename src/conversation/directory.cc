#include "conversation/directory.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "conversation/store_view.h"
#include "conversation/unread.h"

namespace jindou::conversation {

namespace {

// Coverages are whole numbers of it: between 2^60 and 2^61 (the years 2006 to 2043) doubles have
// steps of 256.
constexpr std::int64_t kCoverageUnitNs = 1'024;

// Before everything: whoever asks about a conversation is told of one that was never shown, too.
constexpr std::int64_t kSinceEver = -1;

// A conversation, or the tombstone of one, at its place in the order.
struct Listed {
  std::int64_t active_at_ns = 0;
  ChannelKey channel;
  std::optional<store::ConversationRecord> row;  // none: lost
  std::int64_t lost_at_ns = 0;                   // 0: never
};

bool in_order(const Listed& a, const Listed& b) {
  return std::tie(b.active_at_ns, a.channel) < std::tie(a.active_at_ns, b.channel);
}

bool is_behind(const Listed& candidate, const std::optional<DirectoryCursor>& cursor) {
  if (!cursor) return true;
  return std::tie(candidate.active_at_ns, cursor->channel) <
         std::tie(cursor->active_at_ns, candidate.channel);
}

// Adds one conversation to the page: to `entries`, to `deleted` when it is not shown and went after
// `covered_ns`, or nowhere. False: there was no room for its message.
Result<bool> add_conversation(StoreView& view, const ChannelKey& channel,
                              const store::ConversationRecord& row, std::int64_t lost_at_ns,
                              std::int64_t covered_ns, AnswerBudget& budget, DirectoryPage& page) {
  JD_TRY(const store::ChannelRecord record, view.load_channel(channel));
  const bool went = gone_at_ns(row, record, lost_at_ns) > covered_ns;
  if (record.flags.disband) {
    if (went) page.deleted.push_back(channel);
    return true;
  }
  DirectoryEntry entry;
  bool fits = true;
  JD_RETURN_IF_ERROR(view.walk_listed(
      channel, StoreView::kNewest, std::max(row.deleted_to, record.cleared_to),
      [&](std::uint64_t seq, std::string_view bytes,
          const store::MessageHead& head) -> Result<bool> {
        fits = budget.take(head.payload_bytes);
        if (!fits) return false;
        JD_TRY(entry.last_message, store::decode_message(bytes, channel, MessageSeq{seq}));
        return false;
      }));
  if (!fits) return false;
  if (!entry.last_message && row.activated_at_ns == 0) {
    if (went) page.deleted.push_back(channel);
    return true;
  }
  const std::uint64_t last = entry.last_message ? raw(entry.last_message->seq) : 0;
  JD_TRY(const Unread unread, count_unread(view, channel, row, record, last));
  entry.channel = channel;
  entry.active_at_ns = row.activated_at_ns;
  entry.read_to = unread.read_to;
  entry.deleted_to = row.deleted_to;
  entry.unread = unread.count;
  page.entries.push_back(std::move(entry));
  return true;
}

// Those behind the cursor; the first `limit` and one more of them in order. `newest_active_ns`: of
// the pass; found on its first page.
Result<std::vector<Listed>> load_candidates(StoreView& view, const DirectoryQuery& query,
                                            std::int64_t& newest_active_ns) {
  JD_TRY(std::vector<Row> rows, view.load_rows(StoreView::Rows::conversations));
  JD_TRY(LostAt lost, view.load_lost());
  std::vector<Listed> candidates;
  const auto add = [&](Listed candidate) {
    if (is_behind(candidate, query.after)) candidates.push_back(std::move(candidate));
  };
  if (!query.after) {
    for (const Row& row : rows) {
      newest_active_ns = std::max(newest_active_ns, row.record.activated_at_ns);
    }
  }
  for (Row& row : rows) {
    const std::int64_t at_ns = row.record.activated_at_ns;
    const std::int64_t lost_at_ns = take_lost(lost, row.channel);
    add(Listed{at_ns > newest_active_ns ? 0 : at_ns, std::move(row.channel), row.record,
               lost_at_ns});
  }
  for (const auto& [channel, at_ns] : lost) {
    if (at_ns > query.covered_ns) add(Listed{0, channel, std::nullopt, at_ns});
  }
  const std::size_t count = std::min(candidates.size(), query.limit + 1);
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(candidates.begin(), end, candidates.end(), in_order);
  candidates.erase(end, candidates.end());
  return candidates;
}

}  // namespace

Directory::Directory(const store::PartitionReaders& readers, const store::CommitHorizon& horizon,
                     const Clock& clock, std::size_t page_bytes_max)
    : readers_(readers), horizon_(horizon), clock_(clock), page_bytes_max_(page_bytes_max) {}

Result<DirectoryPage> Directory::load_page(const DirectoryQuery& query) const {
  // Before the store is read: what is durable up to then will be seen.
  const std::int64_t stable_ns = horizon_.stable_ns();
  DirectoryPage page;
  page.coverage_ns =
      query.after ? query.after->coverage_ns : stable_ns - stable_ns % kCoverageUnitNs;
  StoreView view(readers_, query.uid, clock_.wall_seconds());
  JD_TRY(page.deletions_since_ns, view.load_deletions_since());
  std::int64_t newest_active_ns = query.after ? query.after->newest_active_ns : 0;
  JD_TRY(const std::vector<Listed> candidates, load_candidates(view, query, newest_active_ns));
  AnswerBudget budget(page_bytes_max_);
  const std::size_t count = std::min(candidates.size(), query.limit);
  std::size_t looked_at = 0;
  for (; looked_at < count; ++looked_at) {
    const Listed& candidate = candidates[looked_at];
    if (candidate.row) {
      JD_TRY(const bool added,
             add_conversation(view, candidate.channel, *candidate.row, candidate.lost_at_ns,
                              query.covered_ns, budget, page));
      if (!added) break;
    } else {
      page.deleted.push_back(candidate.channel);
    }
    page.last = DirectoryCursor{page.coverage_ns, newest_active_ns, candidate.active_at_ns,
                                candidate.channel};
  }
  page.done = looked_at == candidates.size();
  return page;
}

Result<DirectoryPage> Directory::load_some(std::string_view uid,
                                           const std::vector<ChannelKey>& channels) const {
  StoreView view(readers_, uid, clock_.wall_seconds());
  DirectoryPage page;
  page.done = true;
  AnswerBudget budget(page_bytes_max_);
  std::unordered_set<ChannelKey, ChannelKeyHash> seen;
  for (const ChannelKey& channel : channels) {
    if (!seen.insert(channel).second) continue;
    JD_TRY(const auto row, view.load_row(channel));
    if (!row || !has_conversation(channel, uid)) {
      page.deleted.push_back(channel);
      continue;
    }
    JD_TRY(const bool added,
           add_conversation(view, channel, row->record, 0, kSinceEver, budget, page));
    if (!added) page.unresolved.push_back(channel);
  }
  return page;
}

}  // namespace jindou::conversation
