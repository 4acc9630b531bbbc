#include "presence/session_directory.h"

#include <algorithm>
#include <utility>

namespace jindou::presence {

using Leaving = SessionInfo::Leaving;

tl::expected<std::size_t, LoginRefusal> SessionDirectory::register_session(
    SessionInfo session, std::chrono::milliseconds grace, KickMark seen, std::size_t sessions_max) {
  std::vector<SessionAddress> kicked;
  std::vector<SessionAddress> closed;
  Stripe& stripe = stripes_[stripe_of(session.uid)];
  bool must_tell = false;
  {
    const MutexLock lock(stripe.mutex);
    if (mark_of(stripe, session.uid, session.flag) != seen) {
      return tl::make_unexpected(LoginRefusal::kicked_meanwhile);
    }
    auto found = stripe.users.find(std::string_view(session.uid));
    if (found != stripe.users.end()) {
      const auto same_device = [&session](const SessionInfo& old) {
        return old.flag == session.flag && old.device_id == session.device_id;
      };
      const auto other_device = [&session](const SessionInfo& old) {
        return session.level == DeviceLevel::master && old.flag == session.flag &&
               old.device_id != session.device_id;
      };
      const auto staying = static_cast<std::size_t>(
          std::count_if(found->second.begin(), found->second.end(), [&](const SessionInfo& old) {
            return old.leaving == Leaving::no && !same_device(old) && !other_device(old);
          }));
      const std::size_t leaving = found->second.size() - staying;
      if (sessions_max > 0 &&
          (staying >= sessions_max || leaving >= std::max(sessions_max, kLeavingMin))) {
        return tl::make_unexpected(LoginRefusal::too_many);
      }
      for (SessionInfo& old : found->second) {
        if (other_device(old)) mark_told(old, kicked);
        if (!same_device(old) || old.leaving != Leaving::no) continue;
        old.leaving = Leaving::silently;
        closed.push_back({old.id, old.shard});
      }
    } else {
      found = stripe.users.try_emplace(std::move(session.uid)).first;
      users_.fetch_add(1, std::memory_order_relaxed);
    }
    session.uid.clear();
    found->second.push_back(std::move(session));
    sessions_.fetch_add(1, std::memory_order_relaxed);
    must_tell =
        note_change(stripe, found->first, found->second.back(), /*online=*/true, found->second);
  }
  post_kicks(kicked, kOtherDeviceText, grace);
  if (SessionControl* control = control_.load()) {
    for (const SessionAddress old : closed) control->post_close(old, grace);
  }
  if (must_tell) tell(stripe);
  return kicked.size() + closed.size();
}

void SessionDirectory::unregister_session(std::string_view uid, SessionId id) {
  Stripe& stripe = stripes_[stripe_of(uid)];
  bool must_tell = false;
  {
    const MutexLock lock(stripe.mutex);
    const auto found = stripe.users.find(uid);
    if (found == stripe.users.end()) return;
    auto& sessions = found->second;
    const auto it = std::find_if(sessions.begin(), sessions.end(),
                                 [id](const SessionInfo& session) { return session.id == id; });
    if (it == sessions.end()) return;
    const SessionInfo gone = std::move(*it);
    sessions.erase(it);
    sessions_.fetch_sub(1, std::memory_order_relaxed);
    must_tell = note_change(stripe, uid, gone, /*online=*/false, sessions);
    if (sessions.empty()) {
      stripe.users.erase(found);
      users_.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  if (must_tell) tell(stripe);
}

bool SessionDirectory::note_change(Stripe& stripe, std::string_view uid, const SessionInfo& session,
                                   bool online, const std::vector<SessionInfo>& sessions) {
  if (!listener_) return false;
  PresenceChange change;
  change.uid = uid;
  change.flag = session.flag;
  change.id = session.id;
  change.online = online;
  change.total_online = sessions.size();
  change.device_online = static_cast<std::size_t>(
      std::count_if(sessions.begin(), sessions.end(),
                    [&](const SessionInfo& other) { return other.flag == session.flag; }));
  stripe.untold.push_back(std::move(change));
  return !std::exchange(stripe.telling, true);
}

void SessionDirectory::tell(Stripe& stripe) {
  std::vector<PresenceChange> changes;
  for (;;) {
    {
      const MutexLock lock(stripe.mutex);
      changes.clear();
      changes.swap(stripe.untold);
      if (changes.empty()) {
        stripe.telling = false;
        return;
      }
    }
    for (const PresenceChange& change : changes) listener_(change);
  }
}

KickMark SessionDirectory::kick_mark(std::string_view uid, DeviceFlag flag) const {
  const Stripe& stripe = stripes_[stripe_of(uid)];
  const MutexLock lock(stripe.mutex);
  return mark_of(stripe, uid, flag);
}

void SessionDirectory::mark_told(SessionInfo& session, std::vector<SessionAddress>& kicked) {
  if (session.leaving == Leaving::told) return;
  session.leaving = Leaving::told;
  kicked.push_back({session.id, session.shard});
}

void SessionDirectory::send_away(SessionInfo& session, Orders& orders) {
  if (session.leaving == Leaving::told) {
    orders.close.push_back({session.id, session.shard});
  } else {
    mark_told(session, orders.kick);
  }
}

std::size_t SessionDirectory::post(const Orders& orders, std::string_view text,
                                   std::chrono::milliseconds grace) const {
  post_kicks(orders.kick, text, grace);
  if (SessionControl* control = control_.load()) {
    for (const SessionAddress told : orders.close) control->post_close(told, grace);
  }
  return orders.kick.size();
}

void SessionDirectory::post_kicks(const std::vector<SessionAddress>& sessions,
                                  std::string_view text, std::chrono::milliseconds grace) const {
  SessionControl* control = control_.load();
  if (control == nullptr) return;
  for (const SessionAddress session : sessions) {
    control->post_kick(session, Reason::connect_kick, std::string(text), grace);
  }
}

std::size_t SessionDirectory::kick_device(std::string_view uid, DeviceFlag flag,
                                          std::string_view text, std::chrono::milliseconds grace) {
  return kick_some(uid, flag, text, grace, [](const SessionInfo&) { return true; });
}

std::size_t SessionDirectory::kick_masters(std::string_view uid, DeviceFlag flag,
                                           std::string_view new_token, std::string_view text,
                                           std::chrono::milliseconds grace) {
  const std::uint64_t good = token_hash(new_token);
  return kick_some(uid, flag, text, grace, [good](const SessionInfo& session) {
    return session.level == DeviceLevel::master && session.token != good;
  });
}

std::size_t SessionDirectory::kick_some(std::string_view uid, DeviceFlag flag,
                                        std::string_view text, std::chrono::milliseconds grace,
                                        const std::function<bool(const SessionInfo&)>& goes) {
  Orders orders;
  {
    Stripe& stripe = stripes_[stripe_of(uid)];
    const MutexLock lock(stripe.mutex);
    ++stripe.device_kicks[kick_group_of(uid, flag)];
    const auto found = stripe.users.find(uid);
    if (found == stripe.users.end()) return 0;
    for (SessionInfo& session : found->second) {
      if (session.flag == flag && goes(session)) send_away(session, orders);
    }
  }
  return post(orders, text, grace);
}

std::size_t SessionDirectory::kick_user(std::string_view uid, std::string_view text,
                                        std::chrono::milliseconds grace) {
  Orders orders;
  {
    Stripe& stripe = stripes_[stripe_of(uid)];
    const MutexLock lock(stripe.mutex);
    ++stripe.user_kicks[kick_group_of(uid, DeviceFlag{})];
    const auto found = stripe.users.find(uid);
    if (found == stripe.users.end()) return 0;
    for (SessionInfo& session : found->second) send_away(session, orders);
  }
  return post(orders, text, grace);
}

std::vector<SessionInfo> SessionDirectory::find_sessions(std::string_view uid) const {
  const Stripe& stripe = stripes_[stripe_of(uid)];
  const MutexLock lock(stripe.mutex);
  const auto found = stripe.users.find(uid);
  if (found == stripe.users.end()) return {};
  std::vector<SessionInfo> sessions = found->second;
  for (SessionInfo& session : sessions) session.uid = uid;
  return sessions;
}

std::optional<SessionInfo> SessionDirectory::find_session(std::string_view uid,
                                                          SessionId id) const {
  const Stripe& stripe = stripes_[stripe_of(uid)];
  const MutexLock lock(stripe.mutex);
  const auto found = stripe.users.find(uid);
  if (found == stripe.users.end()) return std::nullopt;
  for (const SessionInfo& session : found->second) {
    if (session.id != id) continue;
    std::optional<SessionInfo> copy(session);
    copy->uid = uid;
    return copy;
  }
  return std::nullopt;
}

bool SessionDirectory::is_online(std::string_view uid) const {
  const Stripe& stripe = stripes_[stripe_of(uid)];
  const MutexLock lock(stripe.mutex);
  return stripe.users.contains(uid);
}

bool SessionDirectory::is_first_session(std::string_view uid, SessionId id) const {
  const Stripe& stripe = stripes_[stripe_of(uid)];
  const MutexLock lock(stripe.mutex);
  const auto found = stripe.users.find(uid);
  return found != stripe.users.end() && found->second.front().id == id;
}

std::vector<DeviceFlag> SessionDirectory::online_flags(std::string_view uid) const {
  std::vector<DeviceFlag> flags;
  {
    const Stripe& stripe = stripes_[stripe_of(uid)];
    const MutexLock lock(stripe.mutex);
    const auto found = stripe.users.find(uid);
    if (found == stripe.users.end()) return flags;
    for (const SessionInfo& session : found->second) flags.push_back(session.flag);
  }
  std::sort(flags.begin(), flags.end());
  flags.erase(std::unique(flags.begin(), flags.end()), flags.end());
  return flags;
}

std::size_t SessionDirectory::device_count(std::string_view uid, DeviceFlag flag) const {
  const Stripe& stripe = stripes_[stripe_of(uid)];
  const MutexLock lock(stripe.mutex);
  const auto found = stripe.users.find(uid);
  if (found == stripe.users.end()) return 0;
  return static_cast<std::size_t>(
      std::count_if(found->second.begin(), found->second.end(), [flag](const SessionInfo& session) {
        return session.flag == flag && session.leaving == Leaving::no;
      }));
}

}  // namespace jindou::presence
