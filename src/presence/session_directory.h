// Which users have which sessions on this node, and which of them must go when a device logs in.
//
// Thread-safe: users are spread over stripes by hash, each with its own mutex, held for a look-up
// and never during a call to anything else. Soft state: rebuilt by the clients' reconnects.
//
// Changes are told to one listener, each once, and those of one user in the order in which they
// happened: a change joins its stripe's queue together with what it changes, under the mutex; one
// thread at a time empties the queue, without the mutex. So a change may be told by a thread that
// has just made another one, shortly after the call that made it has returned.
#pragma once

#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "model/device.h"
#include "model/ids.h"
#include "model/reason.h"
#include "model/uid_set.h"

namespace jindou::presence {

// What is remembered of the token that a session logged in with.
inline std::uint64_t token_hash(std::string_view token) { return UidHash{}(token); }

// One authenticated connection.
struct SessionInfo {
  SessionId id{};
  std::string uid;
  std::string device_id;  // may be empty; two empty ones count as the same device
  DeviceFlag flag = DeviceFlag::app;
  DeviceLevel level = DeviceLevel::slave;
  std::uint64_t token = 0;         // of a master with a token: its token_hash()
  unsigned shard = 0;              // the io shard it lives on
  std::int64_t connected_at_ms{};  // wall clock
  // Whether it has to go: it stays connected, and online, until its grace is over.
  enum class Leaving : std::uint8_t {
    no,
    silently,  // closed without a word
    told,      // has its DISCONNECT
  };
  Leaving leaving = Leaving::no;
};

// Where a session is; enough to send it something.
struct SessionAddress {
  SessionId id{};
  unsigned shard = 0;
};

// What presence asks of live sessions. Implemented by the gateway.
class SessionControl {
 public:
  virtual ~SessionControl() = default;
  // Sends DISCONNECT(reason, text), which tells a client not to come back, and closes the
  // connection after `grace`. Thread-safe, returns at once; nothing happens if the session is gone
  // by then.
  virtual void post_kick(SessionAddress session, Reason reason, std::string text,
                         std::chrono::milliseconds grace) = 0;
  // Closes the connection after `grace` without a word. Thread-safe, returns at once.
  virtual void post_close(SessionAddress session, std::chrono::milliseconds grace) = 0;
};

// A session came or went. The counts are those right after this change.
struct PresenceChange {
  std::string uid;
  DeviceFlag flag = DeviceFlag::app;
  SessionId id{};
  bool online = false;
  std::size_t device_online = 0;  // sessions of the user with this flag
  std::size_t total_online = 0;   // sessions of the user
};

// Called on whatever thread made a change, at most one call at a time per user. It may ask the
// directory. It must not block, because meanwhile the changes of a 64th of all users wait in
// memory, and must not throw.
using PresenceListener = std::function<void(const PresenceChange&)>;

// How many kicks a user's device had seen at some moment; only good for comparison.
struct KickMark {
  std::uint32_t count = 0;
  bool operator==(const KickMark&) const = default;
};

// Why a session was not added.
enum class LoginRefusal : std::uint8_t {
  kicked_meanwhile,  // what the login was judged by may no longer hold
  too_many,          // the user has as many sessions as allowed
};

class SessionDirectory {
 public:
  SessionDirectory() = default;
  SessionDirectory(const SessionDirectory&) = delete;
  SessionDirectory& operator=(const SessionDirectory&) = delete;

  // Set once, before sessions register; null switches kicks off (while stopping). `control`
  // outlives its use here.
  void attach_control(SessionControl* control) { control_.store(control); }
  // Set once, before sessions register.
  void set_listener(PresenceListener listener) { listener_ = std::move(listener); }

  // Adds a session and applies the kick rule to the older sessions of the same user and device
  // flag:
  //   new session is master: others with another device id are told (DISCONNECT) and closed, others
  //     with the same device id are closed without a word;
  //   new session is slave: others with the same device id are closed without a word.
  // All after `grace`. Adding and judging are one step, so of two simultaneous logins exactly one
  // sees the other as older. A session that is leaving is not told again. Returns how many sessions
  // have to go because of this one. Nothing is done and nobody told when kick_device, kick_masters
  // or kick_user has passed over the user and device flag since `seen` was taken
  // (kicked_meanwhile), or when the user has `sessions_max` sessions (0: no limit) that would not
  // have to go, or so many that have to that a client must be coming back all the time (too_many).
  tl::expected<std::size_t, LoginRefusal> register_session(SessionInfo session,
                                                           std::chrono::milliseconds grace,
                                                           KickMark seen,
                                                           std::size_t sessions_max = 0);

  // Removes exactly this session; later ones of the same device stay. No effect when unknown.
  void unregister_session(std::string_view uid, SessionId id);

  // Take it before looking up what a login is judged by, give it to register_session.
  KickMark kick_mark(std::string_view uid, DeviceFlag flag) const;

  // Tells every session of the user and device flag to go (POST /user/token with master level), and
  // fails logins under way. Call it when the new token can be read. One that was told before and
  // waits for the end of its grace is not told again, but has no longer than `grace` from now.
  // Returns how many sessions are told.
  std::size_t kick_device(std::string_view uid, DeviceFlag flag, std::string_view text,
                          std::chrono::milliseconds grace);

  // The same for those of them that are masters and logged in with another token (POST /user/token
  // with slave level).
  std::size_t kick_masters(std::string_view uid, DeviceFlag flag, std::string_view new_token,
                           std::string_view text, std::chrono::milliseconds grace);

  // The same for the sessions of every device flag (POST /user/device_quit).
  std::size_t kick_user(std::string_view uid, std::string_view text,
                        std::chrono::milliseconds grace);

  // The user's sessions in the order of their login; empty when offline.
  std::vector<SessionInfo> find_sessions(std::string_view uid) const;
  // One of them; empty when the user has no session with that id.
  std::optional<SessionInfo> find_session(std::string_view uid, SessionId id) const;
  bool is_online(std::string_view uid) const;
  // Whether it is the one of the user's sessions that has been there for longest. Of what all of
  // them have, one counts by that.
  bool is_first_session(std::string_view uid, SessionId id) const;
  // The device flags the user is online with, ascending, each once. Copies no sessions.
  std::vector<DeviceFlag> online_flags(std::string_view uid) const;
  // Sessions of one user and device flag that do not have to go.
  std::size_t device_count(std::string_view uid, DeviceFlag flag) const;

  std::size_t session_count() const { return sessions_.load(std::memory_order_relaxed); }
  std::size_t user_count() const { return users_.load(std::memory_order_relaxed); }

 private:
  // With a limit of sessions, so many more, or as many again, may be leaving.
  static constexpr std::size_t kLeavingMin = 64;
  // A power of two well above the number of threads, so that they seldom meet.
  static constexpr std::size_t kStripes = 64;

  // The uid is the key; the entries leave theirs empty.
  using Users = boost::unordered_flat_map<std::string, std::vector<SessionInfo>, UidHash, UidEqual>;
  // Kicks are counted for groups of users, so that the count of one who is offline costs nothing.
  // A kick fails the logins under way of its group; 64 * 512 groups (128 KiB) make that rare even
  // with thousands of kicks a second. Kicks of all devices are counted apart: a mark is the sum,
  // and neither count ever goes back.
  static constexpr std::size_t kKickGroups = 512;
  struct Stripe {
    mutable Mutex mutex;
    Users users JD_GUARDED_BY(mutex);
    std::array<std::uint32_t, kKickGroups> device_kicks JD_GUARDED_BY(mutex){};
    std::array<std::uint32_t, kKickGroups> user_kicks JD_GUARDED_BY(mutex){};
    std::vector<PresenceChange> untold JD_GUARDED_BY(mutex);  // in the order of the changes
    bool telling JD_GUARDED_BY(mutex) = false;                // a thread is emptying `untold`
  };

  static std::size_t stripe_of(std::string_view uid) {
    // The map uses the low bits of the same hash, the stripe the high ones.
    return (UidHash{}(uid) >> 40) % kStripes;
  }
  // Other bits again; the device flags of one user are in different groups.
  static std::size_t kick_group_of(std::string_view uid, DeviceFlag flag) {
    return ((UidHash{}(uid) >> 46) + static_cast<std::size_t>(flag)) % kKickGroups;
  }
  static KickMark mark_of(const Stripe& stripe, std::string_view uid, DeviceFlag flag)
      JD_REQUIRES(stripe.mutex) {
    return {stripe.device_kicks[kick_group_of(uid, flag)] +
            stripe.user_kicks[kick_group_of(uid, DeviceFlag{})]};
  }

  // Under the stripe's mutex, after the change was made to `sessions`, the user's sessions. Returns
  // true when the caller has to call tell() after releasing the mutex.
  bool note_change(Stripe& stripe, std::string_view uid, const SessionInfo& session, bool online,
                   const std::vector<SessionInfo>& sessions) JD_REQUIRES(stripe.mutex);
  // Empties the queue of the stripe. Without its mutex.
  void tell(Stripe& stripe) JD_EXCLUDES(stripe.mutex);
  // What is asked of sessions after the mutex was released.
  struct Orders {
    std::vector<SessionAddress> kick;
    std::vector<SessionAddress> close;
  };
  // Counts a kick of the device, and tells those of its sessions to go of which `goes` is true.
  std::size_t kick_some(std::string_view uid, DeviceFlag flag, std::string_view text,
                        std::chrono::milliseconds grace,
                        const std::function<bool(const SessionInfo&)>& goes);
  // Adds the order that makes `session` go to `orders`.
  static void send_away(SessionInfo& session, Orders& orders);
  // Returns how many are told to go.
  std::size_t post(const Orders& orders, std::string_view text,
                   std::chrono::milliseconds grace) const;
  // Marks a session as told to go and adds it to `kicked`, if it was not told before.
  static void mark_told(SessionInfo& session, std::vector<SessionAddress>& kicked);
  // Tells the sessions to go; without any mutex.
  void post_kicks(const std::vector<SessionAddress>& sessions, std::string_view text,
                  std::chrono::milliseconds grace) const;

  PresenceListener listener_;
  std::array<Stripe, kStripes> stripes_;
  std::atomic<SessionControl*> control_{nullptr};
  std::atomic<std::size_t> sessions_{0};
  std::atomic<std::size_t> users_{0};
};

// The text of the DISCONNECT that a login on another device causes.
inline constexpr std::string_view kOtherDeviceText = "login in other device";

}  // namespace jindou::presence
