// What the permission rules ask about one message, answered from the partition's own memory and
// store, the inboxes that came with the command, and the lists that another system keeps. Nothing
// of another partition is read.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "partition/addressing.h"
#include "partition/channel_cache.h"
#include "partition/permission.h"
#include "partition/receivers.h"
#include "partition/system_accounts.h"

namespace jindou::partition {

class SendFacts final : public PermissionFacts {
 public:
  // Borrows all of them. `channel` is null for a targeted command, whose rules ask nothing of a
  // channel.
  SendFacts(const Receivers& receivers, ChannelCache& channels, const SystemAccounts& accounts,
            CachedChannel* channel, const SendCommand& command)
      : receivers_(receivers),
        channels_(channels),
        accounts_(accounts),
        channel_(channel),
        command_(command) {
    // What the source says of a pair is about its inboxes, see inbox().
    if (channel != nullptr && channel->key.type != ChannelType::person) {
      sourced_ = receivers.sourced(channel->key);
    }
  }

  bool is_system_account(std::string_view uid) const override { return accounts_.contains(uid); }
  const ChannelFlags& flags() const override {
    static const ChannelFlags kNone;
    if (sourced_ && sourced_->flags) return *sourced_->flags;
    return channel_ != nullptr ? channel_->record.flags : kNone;
  }
  bool is_set_up() const override {
    return sourced_ != nullptr || (channel_ != nullptr && channel_->exists);
  }
  Result<std::shared_ptr<const Inbox>> inbox(std::string_view uid) override {
    JD_TRY(const auto stored, seen(uid));
    const auto lists = receivers_.sourced(ChannelKey(std::string(uid), ChannelType::person));
    if (!lists) return stored;
    auto inbox = std::make_shared<Inbox>();
    if (stored) inbox->flags = stored->flags;
    if (lists->flags) inbox->flags = *lists->flags;
    inbox->denylist = *lists->denylist;
    inbox->allowlist = *lists->allowlist;
    if (uid == command_.from_uid) return std::shared_ptr<const Inbox>(std::move(inbox));
    const ChannelKey pair(person_channel_id(command_.from_uid, uid), ChannelType::person);
    if (const auto of_pair = receivers_.sourced(pair)) {
      inbox->denylist.insert(of_pair->denylist->begin(), of_pair->denylist->end());
    }
    return std::shared_ptr<const Inbox>(std::move(inbox));
  }
  Result<bool> is_listed(MemberList list, std::string_view uid) override {
    JD_TRY(const UidSet* set, find(list));
    return set->contains(uid);
  }
  Result<bool> is_empty(MemberList list) override {
    JD_TRY(const UidSet* set, find(list));
    return set->empty();
  }

 private:
  // As it came with the command.
  Result<std::shared_ptr<const Inbox>> seen(std::string_view uid) const {
    const bool of_sender = uid == command_.from_uid;
    JD_ASSERT(of_sender || uid == receiver_of(command_));
    const SeenInbox& seen = of_sender ? command_.sender_inbox : command_.receiver_inbox;
    JD_ASSERT(seen.state != SeenInbox::State::unread);
    if (seen.state == SeenInbox::State::unreadable) {
      return Error(seen.error, "the inbox of a user cannot be read");
    }
    return seen.inbox;
  }
  Result<const UidSet*> find(MemberList list) {
    if (sourced_) return sourced_->list(list).get();
    JD_TRY(const UidSet* set, channels_.load_list(*channel_, list));
    return set;
  }

  const Receivers& receivers_;
  ChannelCache& channels_;
  const SystemAccounts& accounts_;
  CachedChannel* channel_;
  const SendCommand& command_;
  std::shared_ptr<const ListSource::Lists> sourced_;
};

}  // namespace jindou::partition
