#include "partition/simulation/list_model.h"

#include <utility>
#include <variant>

namespace jindou::partition::simulation {

namespace {

const ChannelKey* channel_of(const Change& change) {
  if (const auto* upsert = std::get_if<UpsertChannel>(&change)) return &upsert->channel;
  if (const auto* members = std::get_if<ChangeMembers>(&change)) return &members->channel;
  if (const auto* gone = std::get_if<DeleteChannel>(&change)) return &gone->channel;
  return nullptr;
}

}  // namespace

void ListModel::Outcome::answer(const Result<void>& done) { told_ = done; }

bool ListModel::Outcome::is_unknown() const {
  return told_ && !told_->has_value() && told_->error().code() == Errc::unknown_outcome;
}

std::shared_ptr<ListModel::Outcome> ListModel::begin(const Change& change) {
  auto outcome = std::make_shared<Outcome>();
  if (const ChannelKey* channel = channel_of(change)) {
    attempts_[*channel].push_back(Attempt{change, outcome});
  }
  return outcome;
}

bool ListModel::allows(const ChannelKey& channel, const Lists& lists) const {
  std::set<Lists> possible;
  const auto known = known_.find(channel);
  possible.insert(known != known_.end() ? known->second : Lists());
  const auto attempts = attempts_.find(channel);
  if (attempts == attempts_.end()) return possible.contains(lists);
  for (const Attempt& attempt : attempts->second) {
    if (!attempt.outcome->may_hold()) continue;
    std::set<Lists> next;
    if (!attempt.outcome->must_hold()) next = possible;
    for (const Lists& before : possible) next.insert(after(before, attempt.change));
    possible = std::move(next);
  }
  return possible.contains(lists);
}

void ListModel::settle(const ChannelKey& channel, Lists lists) {
  known_[channel] = std::move(lists);
  attempts_.erase(channel);
}

ListModel::Lists ListModel::after(Lists lists, const Change& change) {
  using Operation = ChangeMembers::Operation;
  if (const auto* upsert = std::get_if<UpsertChannel>(&change)) {
    if (upsert->reset_subscribers) lists[0].clear();
    lists[0].insert(upsert->subscribers.begin(), upsert->subscribers.end());
  } else if (const auto* members = std::get_if<ChangeMembers>(&change)) {
    auto& list = lists[static_cast<std::size_t>(members->list)];
    if (members->operation == Operation::replace) list.clear();
    for (const auto& uid : members->uids) {
      if (members->operation == Operation::remove) {
        list.erase(uid);
      } else {
        list.insert(uid);
      }
    }
  } else if (std::holds_alternative<DeleteChannel>(change)) {
    lists = {};
  }
  return lists;
}

}  // namespace jindou::partition::simulation
