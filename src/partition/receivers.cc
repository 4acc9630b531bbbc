#include "partition/receivers.h"

#include <utility>

#include "partition/addressing.h"

namespace jindou::partition {

std::shared_ptr<const ListSource::Lists> Receivers::sourced(const ChannelKey& channel) const {
  if (lists_ == nullptr || !lists_->in_use()) return nullptr;
  return lists_->find(channel);
}

Result<void> Receivers::resolve_agent_channel(ChannelKey& channel) {
  if (channel.type != ChannelType::agent) return {};
  const auto [first, second] = split_pair_id(channel.id);
  const ChannelKey reversed(std::string(second) + '@' + std::string(first), ChannelType::agent);
  if (first.empty() || first == second) return {};
  JD_TRY(const CachedChannel* as_given, channels_.load(channel));
  if (as_given->exists || as_given->last_seq > 0) return {};
  JD_TRY(const CachedChannel* other, channels_.load(reversed));
  if (other->exists || other->last_seq > 0) channel = reversed;
  return {};
}

Result<Recipients> Receivers::of(CachedChannel& channel, const std::vector<std::string>& listed) {
  Recipients recipients;
  const ChannelKey& key = channel.key;
  const auto lists = sourced(key);
  if (!listed.empty()) {
    recipients.listed = listed;
  } else {
    recipients.listed = named_users(key);
    if (key.type == ChannelType::person || key.type == ChannelType::agent) return recipients;
    if (lists) {
      if (!lists->subscribers->empty()) recipients.subscribers = lists->subscribers;
      if (!lists->denylist->empty()) recipients.excluded = lists->denylist;
      return recipients;
    }
    JD_TRY(const UidSet* subscribers, channels_.load_list(channel, MemberList::subscribers));
    if (!subscribers->empty()) recipients.subscribers = channel.hand_out(MemberList::subscribers);
  }
  if (key.type == ChannelType::person) return recipients;
  if (lists) {
    if (!lists->denylist->empty()) recipients.excluded = lists->denylist;
    return recipients;
  }
  JD_TRY(const UidSet* denied, channels_.load_list(channel, MemberList::denylist));
  if (!denied->empty()) recipients.excluded = channel.hand_out(MemberList::denylist);
  return recipients;
}

}  // namespace jindou::partition
