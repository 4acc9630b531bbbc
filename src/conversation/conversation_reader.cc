#include "conversation/conversation_reader.h"

#include <algorithm>
#include <bitset>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "conversation/store_view.h"
#include "conversation/unread.h"

namespace jindou::conversation {

namespace {

// Documented for POST /conversation/sync.
constexpr std::size_t kListRecentsMax = 50;
constexpr std::size_t kPageSizeDefault = 100;
constexpr std::size_t kPageSizeMax = 500;
// The same bound as a page of history has.
constexpr std::size_t kMessagesMax = 10'000;
// How many messages are looked at for the newest one that a user wrote.
constexpr std::uint64_t kOwnMessageSearchMax = 10'000;

// The id that a user is shown for a channel.
std::string_view shown_id(const ChannelKey& channel, std::string_view uid) {
  if (channel.type == ChannelType::person || channel.type == ChannelType::agent) {
    const auto peer = peer_in_pair(channel.id, uid);
    if (!peer.empty()) return peer;
  }
  return channel.id;
}

bool is_command_log(const ChannelKey& channel) {
  return channel.type == ChannelType::temp && channel.id.ends_with(kCommandSuffix);
}

// When what is shown of a conversation changed last; `stored_at_ns`: of its newest message. One
// whose channel was brought back is news.
std::int64_t changed_at_ns(std::int64_t stored_at_ns, const store::ConversationRecord& row,
                           const store::ChannelRecord& channel) {
  return std::max(
      {stored_at_ns, row.updated_at_ns, channel.disband_changed_at_ns, channel.revised_at_ns});
}

// Fills in what follows from the head of the log, without counting.
void describe_head(Conversation& conversation, Head head) {
  conversation.last_seq = head.seq;
  conversation.timestamp = head.timestamp;
  conversation.last_client_msg_no = std::move(head.client_msg_no);
}

// Fills in `unread` and `read_to`; `last_seq` is known.
Result<void> describe_unread(StoreView& view, const store::ConversationRecord& row,
                             const store::ChannelRecord& channel, Conversation& conversation) {
  JD_TRY(const Unread unread,
         count_unread(view, conversation.channel, row, channel, conversation.last_seq));
  conversation.unread = unread.count;
  conversation.read_to = unread.read_to;
  return {};
}

// Which messages of a log are wanted: all that the user can read, or those of his list.
enum class Wanted : std::uint8_t { readable, listed };

// Appends the newest messages in (floor, from], newest first.
Result<void> append_recents(StoreView& view, const ChannelKey& log, Wanted wanted,
                            std::uint64_t from, std::uint64_t floor, std::size_t limit,
                            AnswerBudget& budget, std::vector<Message>& messages) {
  if (limit == 0) return {};
  const auto add = [&](std::uint64_t seq, std::string_view bytes,
                       const store::MessageHead& head) -> Result<bool> {
    if (!budget.take(head.payload_bytes)) return false;
    JD_TRY(auto message, store::decode_message(bytes, log, MessageSeq{seq}));
    messages.push_back(std::move(message));
    return messages.size() < limit;
  };
  if (wanted == Wanted::listed) return view.walk_listed(log, from, floor, add);
  return view.walk_down(log, from, floor,
                        [&](std::uint64_t seq, std::string_view bytes) -> Result<bool> {
                          JD_TRY(const store::MessageHead head, store::decode_message_head(bytes));
                          if (!view.readable(head)) return true;
                          return add(seq, bytes, head);
                        });
}

// A conversation that is gone, and since when.
struct Gone {
  ChannelKey channel;
  std::int64_t at_ns = 0;
};

// A conversation that may be listed.
struct Candidate {
  Conversation conversation;
  store::ConversationRecord row;
  store::ChannelRecord channel;
  std::int64_t changed_at_ns = 0;  // the version, were everything up to it readable
  std::uint64_t since = 0;         // recents begin behind it
  bool wanted = false;
};

bool more_recently_active(const Candidate& a, const Candidate& b) {
  return std::tie(b.changed_at_ns, a.conversation.channel) <
         std::tie(a.changed_at_ns, b.conversation.channel);
}

// What a query leaves out of a user's conversations.
class ListFilter {
 public:
  explicit ListFilter(const ListQuery& query) : query_(query) {
    for (const auto& known : query.known) {
      known_.insert_or_assign(ChannelKey(known.channel_id, known.type), known.seq);
    }
    for (const ChannelType type : query.exclude_types) excluded_.set(raw(type));
  }

  // Before messages are counted. Raises `since` to what the client knows.
  bool passes(Candidate& candidate) const {
    const ChannelKey& channel = candidate.conversation.channel;
    const std::uint64_t last = candidate.conversation.last_seq;
    const std::uint64_t* known = find_known(channel);
    if (known == nullptr && excluded(channel.type)) return false;
    if (known != nullptr && *known > 0) {
      if (last <= *known) return false;
      candidate.since = std::max(candidate.since, *known);
    } else if (query_.version > 0 && candidate.changed_at_ns <= query_.version) {
      return false;
    }
    // Gaps can only make it less.
    return !query_.only_unread || candidate.row.manual_count > 0 ||
           last > counted_after(candidate.row, candidate.channel);
  }

  // Whether the client is to hear that it is gone, which happened at that time.
  bool passes_deleted(const ChannelKey& channel, std::int64_t deleted_at_ns) const {
    const std::uint64_t* known = find_known(channel);
    if (known == nullptr && excluded(channel.type)) return false;
    return query_.version > 0 ? deleted_at_ns > query_.version : known != nullptr;
  }
  bool wants_deleted() const { return query_.deleted && query_.page <= 1; }

 private:
  const std::uint64_t* find_known(const ChannelKey& channel) const {
    if (known_.empty()) return nullptr;
    auto it = known_.find(ChannelKey(std::string(shown_id(channel, query_.uid)), channel.type));
    if (it == known_.end()) it = known_.find(channel);
    return it == known_.end() ? nullptr : &it->second;
  }
  bool excluded(ChannelType type) const { return excluded_.test(raw(type)); }

  const ListQuery& query_;
  std::unordered_map<ChannelKey, std::uint64_t, ChannelKeyHash> known_;
  std::bitset<256> excluded_;  // by type
};

// The user's conversations with a readable message that was not deleted, at most `limit` of them;
// those that the query asks for are `wanted`. Those that he lost or deleted go to `gone`.
//
// With `recents`, their messages are read on the way, since the cursor stands there already. Should
// they outgrow the budget, none is kept: the answer has to fill its room newest first.
Result<std::vector<Candidate>> load_candidates(StoreView& view, const ListFilter& filter,
                                               const ReaderLimits& limits, std::size_t recents,
                                               bool& recents_kept, std::vector<Gone>& gone) {
  JD_TRY(auto rows, view.load_rows(StoreView::Rows::conversations));
  std::vector<Candidate> candidates;
  candidates.reserve(rows.size());
  LostAt lost;
  if (filter.wants_deleted()) {
    JD_TRY(lost, view.load_lost());
  }
  AnswerBudget budget(limits.recents_bytes_max);
  recents_kept = recents > 0;
  for (Row& row : rows) {
    Candidate candidate;
    JD_TRY(candidate.channel, view.load_channel(row.channel));
    const std::int64_t at_ns =
        gone_at_ns(row.record, candidate.channel, take_lost(lost, row.channel));
    if (candidate.channel.flags.disband) {
      gone.push_back({std::move(row.channel), at_ns});
      continue;
    }
    candidate.since = std::max(row.record.deleted_to, candidate.channel.cleared_to);
    candidate.row = row.record;
    Conversation& conversation = candidate.conversation;
    conversation.channel = std::move(row.channel);
    JD_RETURN_IF_ERROR(view.walk_listed(
        conversation.channel, StoreView::kNewest, candidate.since,
        [&](std::uint64_t seq, std::string_view bytes,
            const store::MessageHead& message) -> Result<bool> {
          if (conversation.last_seq == 0) {
            describe_head(conversation, head_of(seq, message));
            conversation.place = {message.stored_at_ns(), message.id};
            candidate.changed_at_ns =
                changed_at_ns(message.stored_at_ns(), row.record, candidate.channel);
            candidate.wanted = filter.passes(candidate);
          }
          if (!candidate.wanted || !recents_kept || seq <= candidate.since) return false;
          recents_kept = budget.take(message.payload_bytes);
          if (!recents_kept) return false;
          JD_TRY(auto recent, store::decode_message(bytes, conversation.channel, MessageSeq{seq}));
          conversation.recents.push_back(std::move(recent));
          return conversation.recents.size() < recents;
        }));
    if (conversation.last_seq > 0) {
      candidates.push_back(std::move(candidate));
    } else if (at_ns > 0) {
      gone.push_back({std::move(conversation.channel), at_ns});
    }
  }
  for (const auto& [channel, at_ns] : lost) gone.push_back({channel, at_ns});
  if (candidates.size() > limits.conversations_max) {
    const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(limits.conversations_max);
    std::nth_element(candidates.begin(), end, candidates.end(), more_recently_active);
    candidates.erase(end, candidates.end());
  }
  return candidates;
}

// The latest first.
void append_deleted(const ListFilter& filter, std::vector<Gone> gone, std::int64_t stable_ns,
                    std::vector<Conversation>& list) {
  if (!filter.wants_deleted()) return;
  std::sort(gone.begin(), gone.end(), [](const Gone& a, const Gone& b) {
    return std::tie(b.at_ns, a.channel) < std::tie(a.at_ns, b.channel);
  });
  for (Gone& entry : gone) {
    if (!filter.passes_deleted(entry.channel, entry.at_ns)) continue;
    Conversation& conversation = list.emplace_back();
    conversation.channel = std::move(entry.channel);
    conversation.deleted = true;
    // 0 where it is not known when: the client asks again from what the others say.
    const bool known = entry.at_ns != kSinceUnknown;
    conversation.version = known ? std::min(entry.at_ns, stable_ns) : 0;
  }
}

// Newest first. Messages of one commit have one time; of those of one partition, ids tell which
// came later.
void sort_by_place(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.conversation.place > b.conversation.place;
  });
}

void cut_page(std::vector<Candidate>& candidates, std::size_t page, std::size_t page_size) {
  if (page == 0) return;
  const std::size_t size = page_size == 0 ? kPageSizeDefault : std::min(page_size, kPageSizeMax);
  const std::size_t pages_before = page - 1;
  if (pages_before > candidates.size() / size) {
    candidates.clear();
    return;
  }
  const std::size_t begin = std::min(pages_before * size, candidates.size());
  const std::size_t end = std::min(begin + size, candidates.size());
  candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(end), candidates.end());
  candidates.erase(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(begin));
}

// The earliest commands of all logs, within the bounds of one answer.
//
// Logs are offered one after another, each in ascending order. What does not fit is the latest of
// all, so what is kept is always the beginning of every log, and positions can be told from it.
class EarliestCommands {
 public:
  EarliestCommands(std::size_t limit, std::size_t bytes_max)
      : limit_(limit), bytes_max_(bytes_max) {}

  void begin_log(const ChannelKey& channel) {
    logs_.push_back(channel);
    latest_time_ = 0;
  }
  // False: neither this one nor any later one of its log is wanted.
  bool wants(const store::MessageHead& head) {
    // A clock that was set back must not put a log's messages out of order.
    latest_time_ = std::max(latest_time_, head.timestamp);
    return limit_ > 0 && (!cut_ || Order(latest_time_, head.id) < *cut_);
  }
  // The one that wants() was asked about.
  void add(Message message) {
    bytes_ += message.payload.size();
    Kept kept;
    kept.order = Order(latest_time_, message.id);
    kept.log = logs_.size() - 1;
    kept.message = std::move(message);
    heap_.push_back(std::move(kept));
    std::push_heap(heap_.begin(), heap_.end());
    while (heap_.size() > limit_ || (bytes_ > bytes_max_ && heap_.size() > 1)) {
      std::pop_heap(heap_.begin(), heap_.end());
      cut_ = heap_.back().order;
      bytes_ -= heap_.back().message.payload.size();
      heap_.pop_back();
    }
  }
  CommandBacklog take() {
    std::sort_heap(heap_.begin(), heap_.end());
    std::vector<std::uint64_t> reached(logs_.size());
    CommandBacklog backlog;
    backlog.messages.reserve(heap_.size());
    for (Kept& kept : heap_) {
      reached[kept.log] = raw(kept.message.seq);
      backlog.messages.push_back(std::move(kept.message));
    }
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      if (reached[i] == 0) continue;
      CommandBacklog::Position position;
      position.channel = std::move(logs_[i]);
      position.seq = reached[i];
      backlog.positions.push_back(std::move(position));
    }
    return backlog;
  }

 private:
  using Order = std::pair<std::int64_t, MessageId>;
  struct Kept {
    Order order;
    std::size_t log = 0;
    Message message;
    bool operator<(const Kept& other) const { return order < other.order; }
  };

  std::size_t limit_;
  std::size_t bytes_max_;
  std::vector<ChannelKey> logs_;
  std::int64_t latest_time_ = 0;
  std::vector<Kept> heap_;  // the latest on top
  std::size_t bytes_ = 0;
  std::optional<Order> cut_;  // the earliest one that did not fit
};

}  // namespace

ConversationReader::ConversationReader(const store::PartitionReaders& readers,
                                       const store::CommitHorizon& horizon, const Clock& clock,
                                       ReaderLimits limits)
    : readers_(readers), horizon_(horizon), clock_(clock), limits_(limits) {}

Result<std::vector<Conversation>> ConversationReader::load_list(const ListQuery& query) const {
  const std::int64_t stable_ns = horizon_.stable_ns();
  StoreView view(readers_, query.uid, clock_.wall_seconds());
  const std::size_t recents = std::min(query.recents, kListRecentsMax);
  // Of a page, the messages are read when it is known which conversations are on it.
  const std::size_t recents_on_the_way = query.page == 0 ? recents : 0;
  bool recents_kept = false;
  const ListFilter filter(query);
  std::vector<Gone> gone;
  JD_TRY(auto candidates,
         load_candidates(view, filter, limits_, recents_on_the_way, recents_kept, gone));
  std::erase_if(candidates, [&query](const Candidate& candidate) {
    return !candidate.wanted || (query.below && candidate.conversation.place >= *query.below);
  });
  for (Candidate& candidate : candidates) {
    JD_RETURN_IF_ERROR(
        describe_unread(view, candidate.row, candidate.channel, candidate.conversation));
  }
  if (query.only_unread) {
    std::erase_if(candidates,
                  [](const Candidate& candidate) { return candidate.conversation.unread == 0; });
  }
  sort_by_place(candidates);
  cut_page(candidates, query.page, query.page_size);

  std::vector<Conversation> list;
  list.reserve(candidates.size());
  AnswerBudget budget(limits_.recents_bytes_max);
  for (Candidate& candidate : candidates) {
    Conversation& conversation = candidate.conversation;
    conversation.version = std::min(candidate.changed_at_ns, stable_ns);
    if (!recents_kept) {
      conversation.recents.clear();
      JD_RETURN_IF_ERROR(append_recents(view, conversation.channel, Wanted::listed,
                                        conversation.last_seq, candidate.since, recents, budget,
                                        conversation.recents));
    }
    list.push_back(std::move(conversation));
  }
  append_deleted(filter, std::move(gone), stable_ns, list);
  return list;
}

Result<std::vector<Conversation>> ConversationReader::load_some(
    std::string_view uid, const std::vector<ChannelKey>& channels, std::size_t recents) const {
  const std::int64_t stable_ns = horizon_.stable_ns();
  StoreView view(readers_, uid, clock_.wall_seconds());
  AnswerBudget budget(limits_.recents_bytes_max);
  std::vector<Conversation> some;
  some.reserve(channels.size());
  for (const ChannelKey& channel : channels) {
    Conversation& conversation = some.emplace_back();
    conversation.channel = channel;
    if (is_command_log(channel)) continue;
    JD_TRY(const auto row, view.load_row(channel));
    JD_TRY(const store::ChannelRecord record, view.load_channel(channel));
    JD_TRY(Head head, view.load_head(channel, record.cleared_to));
    const std::int64_t stored_at_ns = head.stored_at_ns;
    describe_head(conversation, std::move(head));
    if (!row && conversation.last_seq == 0) continue;
    const store::ConversationRecord kept = row ? row->record : store::ConversationRecord();
    JD_RETURN_IF_ERROR(describe_unread(view, kept, record, conversation));
    conversation.version = std::min(changed_at_ns(stored_at_ns, kept, record), stable_ns);
    JD_RETURN_IF_ERROR(append_recents(view, channel, Wanted::listed, conversation.last_seq,
                                      std::max(kept.deleted_to, record.cleared_to),
                                      std::min(recents, kMessagesMax), budget,
                                      conversation.recents));
  }
  return some;
}

Result<std::vector<ChannelKey>> ConversationReader::load_channels(std::string_view uid) const {
  StoreView view(readers_, uid, clock_.wall_seconds());
  JD_TRY(auto rows, view.load_rows(StoreView::Rows::conversations));
  std::vector<std::pair<std::int64_t, ChannelKey>> active;
  for (Row& row : rows) {
    JD_TRY(const store::ChannelRecord channel, view.load_channel(row.channel));
    if (channel.flags.disband) continue;
    JD_TRY(const Head head, view.load_head(row.channel, channel.cleared_to));
    // Negative: the latest first, and ties in the order of the channels.
    active.emplace_back(-changed_at_ns(head.stored_at_ns, row.record, channel),
                        std::move(row.channel));
  }
  std::sort(active.begin(), active.end());
  active.resize(std::min(active.size(), limits_.conversations_max));
  std::vector<ChannelKey> channels;
  channels.reserve(active.size());
  for (auto& [time, channel] : active) channels.push_back(std::move(channel));
  return channels;
}

Result<ChannelMessages> ConversationReader::load_messages(std::string_view uid,
                                                          const MessagesQuery& query) const {
  StoreView view(readers_, uid, clock_.wall_seconds());
  JD_TRY(const store::ChannelRecord channel, view.load_channel(query.channel));
  const std::size_t limit = std::min(query.limit, kMessagesMax);
  const std::uint64_t floor =
      std::max(channel.cleared_to, query.from_seq == 0 ? 0 : query.from_seq - 1);
  AnswerBudget budget(limits_.page_bytes_max + kMessagesMax * sizeof(Message));
  ChannelMessages answer;
  if (query.newest_first) {
    JD_RETURN_IF_ERROR(append_recents(view, query.channel, Wanted::readable, StoreView::kNewest,
                                      floor, limit, budget, answer.messages));
  } else if (limit > 0 && floor < StoreView::kNewest) {
    JD_RETURN_IF_ERROR(view.walk_up(
        query.channel, floor + 1, [&](std::uint64_t seq, std::string_view bytes) -> Result<bool> {
          JD_TRY(const store::MessageHead head, store::decode_message_head(bytes));
          if (!view.readable(head)) return true;
          if (!budget.take(head.payload_bytes)) return false;
          JD_TRY(auto message, store::decode_message(bytes, query.channel, MessageSeq{seq}));
          answer.messages.push_back(std::move(message));
          return answer.messages.size() < limit;
        }));
  }
  std::uint64_t looked_at = 0;
  JD_RETURN_IF_ERROR(
      view.walk_down(query.channel, StoreView::kNewest, channel.cleared_to,
                     [&](std::uint64_t seq, std::string_view bytes) -> Result<bool> {
                       JD_TRY(const store::MessageHead head, store::decode_message_head(bytes));
                       if (head.from_uid == uid) answer.user_last_seq = seq;
                       return answer.user_last_seq == 0 && ++looked_at < kOwnMessageSearchMax;
                     }));
  return answer;
}

Result<CommandBacklog> ConversationReader::load_commands(std::string_view uid,
                                                         std::size_t limit) const {
  StoreView view(readers_, uid, clock_.wall_seconds());
  JD_TRY(const auto rows, view.load_rows(StoreView::Rows::all));
  EarliestCommands earliest(std::min(limit, kMessagesMax), limits_.page_bytes_max);
  for (const Row& row : rows) {
    const ChannelKey log =
        is_command_log(row.channel) ? row.channel : store::command_log_of(row.channel);
    // Most logs hold nothing new: look there before anything else.
    bool any = false;
    JD_RETURN_IF_ERROR(view.walk_up(log, row.record.command_read_to + 1,
                                    [&any](std::uint64_t, std::string_view) -> Result<bool> {
                                      any = true;
                                      return false;
                                    }));
    if (!any) continue;
    JD_TRY(const store::ChannelRecord record, view.load_channel(log));
    const std::uint64_t passed = std::max(row.record.command_read_to, record.cleared_to);
    earliest.begin_log(row.channel);
    JD_RETURN_IF_ERROR(view.walk_up(
        log, passed + 1, [&](std::uint64_t seq, std::string_view bytes) -> Result<bool> {
          JD_TRY(const store::MessageHead head, store::decode_message_head(bytes));
          if (!view.readable(head)) return true;
          if (!earliest.wants(head)) return false;
          JD_TRY(auto message, store::decode_message(bytes, log, MessageSeq{seq}));
          earliest.add(std::move(message));
          return true;
        }));
  }
  return earliest.take();
}

}  // namespace jindou::conversation
