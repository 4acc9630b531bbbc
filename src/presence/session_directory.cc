#include "presence/session_directory.h"

#include <algorithm>
#include <utility>

namespace jindou::presence {

std::optional<std::size_t> SessionDirectory::register_session(SessionInfo session,
                                                              std::chrono::milliseconds grace,
                                                              KickMark seen) {
  std::vector<SessionAddress> kicked;
  std::vector<SessionAddress> closed;
  {
    Stripe& stripe = stripes_[stripe_of(session.uid)];
    const std::lock_guard lock(stripe.mutex);
    if (stripe.kicks[kick_group_of(session.uid, session.flag)] != seen) return std::nullopt;
    auto found = stripe.users.find(std::string_view(session.uid));
    if (found == stripe.users.end()) {
      found = stripe.users.try_emplace(std::move(session.uid)).first;
      users_.fetch_add(1, std::memory_order_relaxed);
    }
    session.uid.clear();
    for (const SessionInfo& old : found->second) {
      if (old.flag != session.flag) continue;
      const SessionAddress address{old.id, old.shard};
      if (old.device_id == session.device_id) {
        closed.push_back(address);
      } else if (session.level == DeviceLevel::master) {
        kicked.push_back(address);
      }
    }
    found->second.push_back(std::move(session));
    sessions_.fetch_add(1, std::memory_order_relaxed);
  }
  if (SessionControl* control = control_.load()) {
    for (const SessionAddress old : kicked) {
      control->post_kick(old, Reason::connect_kick, std::string(kOtherDeviceText), grace);
    }
    for (const SessionAddress old : closed) control->post_close(old, grace);
  }
  return kicked.size() + closed.size();
}

void SessionDirectory::unregister_session(std::string_view uid, SessionId id) {
  Stripe& stripe = stripes_[stripe_of(uid)];
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.users.find(uid);
  if (found == stripe.users.end()) return;
  const auto gone =
      std::erase_if(found->second, [id](const SessionInfo& session) { return session.id == id; });
  sessions_.fetch_sub(gone, std::memory_order_relaxed);
  if (found->second.empty()) {
    stripe.users.erase(found);
    users_.fetch_sub(1, std::memory_order_relaxed);
  }
}

KickMark SessionDirectory::kick_mark(std::string_view uid, DeviceFlag flag) const {
  const Stripe& stripe = stripes_[stripe_of(uid)];
  const std::lock_guard lock(stripe.mutex);
  return stripe.kicks[kick_group_of(uid, flag)];
}

std::size_t SessionDirectory::kick_device(std::string_view uid, DeviceFlag flag,
                                          std::string_view text, std::chrono::milliseconds grace) {
  std::vector<SessionAddress> kicked;
  {
    Stripe& stripe = stripes_[stripe_of(uid)];
    const std::lock_guard lock(stripe.mutex);
    ++stripe.kicks[kick_group_of(uid, flag)].count;
    const auto found = stripe.users.find(uid);
    if (found == stripe.users.end()) return 0;
    for (const SessionInfo& session : found->second) {
      if (session.flag == flag) kicked.push_back({session.id, session.shard});
    }
  }
  if (SessionControl* control = control_.load()) {
    for (const SessionAddress session : kicked) {
      control->post_kick(session, Reason::connect_kick, std::string(text), grace);
    }
  }
  return kicked.size();
}

std::vector<SessionInfo> SessionDirectory::find_sessions(std::string_view uid) const {
  const Stripe& stripe = stripes_[stripe_of(uid)];
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.users.find(uid);
  if (found == stripe.users.end()) return {};
  std::vector<SessionInfo> sessions = found->second;
  for (SessionInfo& session : sessions) session.uid = uid;
  return sessions;
}

bool SessionDirectory::is_online(std::string_view uid) const {
  const Stripe& stripe = stripes_[stripe_of(uid)];
  const std::lock_guard lock(stripe.mutex);
  return stripe.users.contains(uid);
}

}  // namespace jindou::presence
