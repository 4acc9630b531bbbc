#include "partition/inbox_directory.h"

#include <algorithm>
#include <utility>

#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition {

InboxDirectory::InboxDirectory(const store::PartitionReaders& readers, std::size_t entries_max)
    : readers_(readers), stripe_entries_max_(std::max<std::size_t>(1, entries_max / kStripes)) {}

InboxDirectory::Stripe& InboxDirectory::stripe_of(std::string_view uid) {
  return stripes_[UidHash{}(uid) % kStripes];
}

Result<std::shared_ptr<const Inbox>> InboxDirectory::load(std::string_view uid) {
  Stripe& stripe = stripe_of(uid);
  std::uint64_t generation = 0;
  {
    const MutexLock lock(stripe.mutex);
    if (const auto it = stripe.inboxes.find(uid); it != stripe.inboxes.end()) return it->second;
    generation = stripe.generation;
  }
  JD_TRY(auto inbox, read(uid));
  const MutexLock lock(stripe.mutex);
  if (stripe.generation == generation) {
    if (stripe.inboxes.size() >= stripe_entries_max_) stripe.inboxes.clear();
    stripe.inboxes.insert_or_assign(std::string(uid), inbox);
  }
  return inbox;
}

std::optional<std::shared_ptr<const Inbox>> InboxDirectory::find(std::string_view uid) {
  Stripe& stripe = stripe_of(uid);
  const MutexLock lock(stripe.mutex);
  if (const auto it = stripe.inboxes.find(uid); it != stripe.inboxes.end()) return it->second;
  return std::nullopt;
}

void InboxDirectory::invalidate(std::string_view uid) {
  Stripe& stripe = stripe_of(uid);
  const MutexLock lock(stripe.mutex);
  ++stripe.generation;
  if (const auto it = stripe.inboxes.find(uid); it != stripe.inboxes.end()) {
    stripe.inboxes.erase(it);
  }
}

void InboxDirectory::forget(PartitionId partition) {
  for (Stripe& stripe : stripes_) {
    const MutexLock lock(stripe.mutex);
    ++stripe.generation;
    boost::unordered::erase_if(stripe.inboxes, [this, partition](const auto& cached) {
      return readers_.map().of_user(cached.first) == partition;
    });
  }
}

void InboxDirectory::clear() {
  for (Stripe& stripe : stripes_) {
    const MutexLock lock(stripe.mutex);
    ++stripe.generation;
    stripe.inboxes.clear();
  }
}

Result<std::shared_ptr<const Inbox>> InboxDirectory::read(std::string_view uid) const {
  const store::PartitionReader reader = readers_.of_user(uid);
  const PartitionId partition = reader.partition();
  const ChannelKey key(std::string(uid), ChannelType::person);
  auto inbox = std::make_shared<Inbox>();
  std::string value;
  JD_TRY(const bool exists,
         reader.get(store::Table::main, store::channel_key(partition, key), value));
  // Lists are only ever written together with the channel's record.
  if (!exists) return std::shared_ptr<const Inbox>();
  JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
  inbox->flags = record.flags;
  JD_TRY(inbox->denylist,
         read_members(reader, store::member_prefix(partition, store::KeyKind::denylist, key)));
  JD_TRY(inbox->allowlist,
         read_members(reader, store::member_prefix(partition, store::KeyKind::allowlist, key)));
  return std::shared_ptr<const Inbox>(std::move(inbox));
}

Result<UidSet> read_members(const store::PartitionReader& reader, std::string_view prefix) {
  UidSet uids;
  JD_RETURN_IF_ERROR(reader.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                 [&](std::string_view key, std::string_view) {
                                   uids.emplace(key.substr(prefix.size()));
                                   return true;
                                 }));
  return uids;
}

}  // namespace jindou::partition
