#include "partition/simulation/list_model.h"

#include <utility>
#include <variant>

namespace jindou::partition::simulation {

namespace {

using Lists = ListModel::Lists;

void change(Lists& lists, const UpsertChannel& upsert) {
  if (upsert.reset_subscribers) lists[0].clear();
  lists[0].insert(upsert.subscribers.begin(), upsert.subscribers.end());
}

void change(Lists& lists, const ChangeMembers& members) {
  auto& list = lists[static_cast<std::size_t>(members.list)];
  if (members.operation == ChangeMembers::Operation::replace) list.clear();
  for (const auto& uid : members.uids) {
    if (members.operation == ChangeMembers::Operation::remove) {
      list.erase(uid);
    } else {
      list.insert(uid);
    }
  }
}

void change(Lists& lists, const DeleteChannel& /*gone*/) { lists = {}; }

}  // namespace

void ListModel::begin(const Change& asked, const SharedOutcome& outcome) {
  std::visit(
      [&](const auto& command) {
        if constexpr (requires(Lists & lists) { change(lists, command); }) {
          lists_[command.channel].attempt([command](Lists& lists) { change(lists, command); },
                                          outcome);
        }
      },
      asked);
}

bool ListModel::allows(const ChannelKey& channel, const Lists& lists) const {
  const auto known = lists_.find(channel);
  return known != lists_.end() ? known->second.allows(lists) : lists == Lists();
}

bool ListModel::is_open(const ChannelKey& channel) const {
  const auto known = lists_.find(channel);
  return known != lists_.end() && known->second.open() > 0;
}

}  // namespace jindou::partition::simulation
