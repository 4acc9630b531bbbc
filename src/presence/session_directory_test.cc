// The directory finds sessions by user and applies the kick rule to older logins.
#include "presence/session_directory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>

namespace jindou::presence {
namespace {

using std::chrono::milliseconds;

class RecordingControl final : public SessionControl {
 public:
  struct Order {
    std::uint64_t id;
    bool told;
    std::string text;
    bool operator==(const Order&) const = default;
  };
  void post_kick(SessionAddress session, Reason reason, std::string text,
                 milliseconds grace) override {
    EXPECT_EQ(reason, Reason::connect_kick);
    EXPECT_EQ(grace, milliseconds(2000));
    orders.push_back({raw(session.id), true, std::move(text)});
  }
  void post_close(SessionAddress session, milliseconds) override {
    orders.push_back({raw(session.id), false, ""});
  }
  std::vector<Order> orders;
};

SessionInfo login(std::uint64_t id, std::string uid, std::string device, DeviceFlag flag,
                  DeviceLevel level) {
  SessionInfo session;
  session.id = static_cast<SessionId>(id);
  session.uid = std::move(uid);
  session.device_id = std::move(device);
  session.flag = flag;
  session.level = level;
  session.shard = 1;
  return session;
}

class KickRule : public testing::Test {
 protected:
  KickRule() { directory_.attach_control(&control_); }
  void add(std::uint64_t id, std::string device, DeviceFlag flag, DeviceLevel level) {
    directory_.register_session(login(id, "u", std::move(device), flag, level), milliseconds(2000),
                                {});
  }
  SessionDirectory directory_;
  RecordingControl control_;
};

using Orders = std::vector<RecordingControl::Order>;

TEST_F(KickRule, MasterTellsOtherDevicesAndClosesItsOwnPredecessorSilently) {
  add(1, "a", DeviceFlag::web, DeviceLevel::slave);
  add(2, "b", DeviceFlag::web, DeviceLevel::slave);
  EXPECT_TRUE(control_.orders.empty());
  add(3, "b", DeviceFlag::web, DeviceLevel::master);
  EXPECT_EQ(control_.orders, (Orders{{1, true, "login in other device"}, {2, false, ""}}));
}

TEST_F(KickRule, SlaveClosesOnlyTheSameDevice) {
  add(1, "a", DeviceFlag::web, DeviceLevel::master);
  add(2, "b", DeviceFlag::web, DeviceLevel::slave);
  EXPECT_TRUE(control_.orders.empty());
  add(3, "a", DeviceFlag::web, DeviceLevel::slave);
  EXPECT_EQ(control_.orders, (Orders{{1, false, ""}}));
}

TEST_F(KickRule, EmptyDeviceIdsAreTheSameDevice) {
  add(1, "", DeviceFlag::app, DeviceLevel::slave);
  add(2, "", DeviceFlag::app, DeviceLevel::slave);
  EXPECT_EQ(control_.orders, (Orders{{1, false, ""}}));
}

TEST_F(KickRule, OtherDeviceFlagsAreNeverTouched) {
  add(1, "a", DeviceFlag::app, DeviceLevel::master);
  add(2, "b", DeviceFlag::web, DeviceLevel::master);
  add(3, "a", static_cast<DeviceFlag>(7), DeviceLevel::master);
  EXPECT_TRUE(control_.orders.empty());
}

TEST_F(KickRule, OtherUsersAreNeverTouched) {
  add(1, "a", DeviceFlag::app, DeviceLevel::master);
  directory_.register_session(login(2, "v", "a", DeviceFlag::app, DeviceLevel::master),
                              milliseconds(2000), {});
  EXPECT_TRUE(control_.orders.empty());
}

TEST_F(KickRule, KickDeviceTellsEverySessionOfTheFlag) {
  add(1, "a", DeviceFlag::app, DeviceLevel::slave);
  add(2, "b", DeviceFlag::app, DeviceLevel::slave);
  add(3, "c", DeviceFlag::web, DeviceLevel::slave);
  EXPECT_EQ(directory_.kick_device("u", DeviceFlag::app, "elsewhere", milliseconds(2000)), 2U);
  EXPECT_EQ(control_.orders, (Orders{{1, true, "elsewhere"}, {2, true, "elsewhere"}}));
  EXPECT_EQ(directory_.kick_device("nobody", DeviceFlag::app, "", milliseconds(2000)), 0U);
}

TEST_F(KickRule, KickMastersTellsThoseWithAnotherTokenOnly) {
  const auto add_with = [&](std::uint64_t id, DeviceFlag flag, DeviceLevel level,
                            std::string_view token) {
    SessionInfo session = login(id, "u", std::to_string(id), flag, level);
    session.token = token_hash(token);
    directory_.register_session(std::move(session), milliseconds(2000),
                                directory_.kick_mark("u", flag));
  };
  const auto kick = [&](std::string_view new_token) {
    return directory_.kick_masters("u", DeviceFlag::app, new_token, "out", milliseconds(2000));
  };
  add_with(1, DeviceFlag::app, DeviceLevel::master, "t1");
  add_with(2, DeviceFlag::app, DeviceLevel::slave, "t1");
  add_with(3, DeviceFlag::web, DeviceLevel::master, "t1");
  EXPECT_EQ(kick("t1"), 0U);
  EXPECT_TRUE(control_.orders.empty());
  const KickMark before = directory_.kick_mark("u", DeviceFlag::app);
  EXPECT_EQ(kick("t2"), 1U);
  EXPECT_EQ(control_.orders, (Orders{{1, true, "out"}}));
  // Nor does one come in that was judged by the token before.
  EXPECT_EQ(directory_.register_session(login(4, "u", "d", DeviceFlag::app, DeviceLevel::master),
                                        milliseconds(2000), before),
            tl::make_unexpected(LoginRefusal::kicked_meanwhile));
}

TEST_F(KickRule, AKickFailsALoginUnderWayEvenOfAUserWithoutSessions) {
  const KickMark app = directory_.kick_mark("u", DeviceFlag::app);
  const KickMark web = directory_.kick_mark("u", DeviceFlag::web);
  EXPECT_EQ(directory_.kick_device("u", DeviceFlag::app, "", milliseconds(2000)), 0U);
  const auto register_app = [&](KickMark seen) {
    return directory_.register_session(login(1, "u", "a", DeviceFlag::app, DeviceLevel::master),
                                       milliseconds(2000), seen);
  };
  EXPECT_EQ(register_app(app), tl::make_unexpected(LoginRefusal::kicked_meanwhile));
  EXPECT_FALSE(directory_.is_online("u"));
  EXPECT_EQ(directory_.session_count(), 0U);
  EXPECT_EQ(directory_.user_count(), 0U);
  EXPECT_EQ(register_app(directory_.kick_mark("u", DeviceFlag::app)), 0U);
  // Other device flags are never touched.
  EXPECT_EQ(directory_.register_session(login(2, "u", "b", DeviceFlag::web, DeviceLevel::master),
                                        milliseconds(2000), web),
            0U);
  EXPECT_TRUE(control_.orders.empty());
}

TEST_F(KickRule, KickUserTellsTheSessionsOfEveryDevice) {
  add(1, "a", DeviceFlag::app, DeviceLevel::slave);
  add(2, "b", static_cast<DeviceFlag>(7), DeviceLevel::slave);
  EXPECT_EQ(directory_.kick_user("u", "", milliseconds(2000)), 2U);
  EXPECT_EQ(control_.orders, (Orders{{1, true, ""}, {2, true, ""}}));
  EXPECT_EQ(directory_.kick_user("nobody", "", milliseconds(2000)), 0U);
}

TEST_F(KickRule, KickUserFailsTheLoginsUnderWayOfEveryDevice) {
  for (const DeviceFlag flag : {DeviceFlag::app, DeviceFlag::web, static_cast<DeviceFlag>(255)}) {
    const KickMark before = directory_.kick_mark("u", flag);
    directory_.kick_user("u", "", milliseconds(2000));
    EXPECT_EQ(directory_.register_session(login(1, "u", "a", flag, DeviceLevel::slave),
                                          milliseconds(2000), before),
              tl::make_unexpected(LoginRefusal::kicked_meanwhile));
  }
  EXPECT_FALSE(directory_.is_online("u"));
  EXPECT_EQ(
      directory_.register_session(login(1, "u", "a", DeviceFlag::app, DeviceLevel::slave),
                                  milliseconds(2000), directory_.kick_mark("u", DeviceFlag::app)),
      0U);
}

TEST_F(KickRule, ASessionIsFoundByItsIdAndItsUserOnly) {
  add(1, "a", DeviceFlag::app, DeviceLevel::slave);
  add(2, "b", DeviceFlag::web, DeviceLevel::master);
  const auto found = directory_.find_session("u", static_cast<SessionId>(2));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->uid, "u");
  EXPECT_EQ(found->device_id, "b");
  EXPECT_EQ(found->level, DeviceLevel::master);
  EXPECT_FALSE(directory_.find_session("u", static_cast<SessionId>(3)));
  EXPECT_FALSE(directory_.find_session("v", static_cast<SessionId>(2)));
}

TEST_F(KickRule, TheFirstOfAUsersSessionsIsTheOneThatIsThereForLongest) {
  const auto is_first = [this](std::uint64_t id) {
    return directory_.is_first_session("u", static_cast<SessionId>(id));
  };
  EXPECT_FALSE(is_first(1));
  add(1, "a", DeviceFlag::app, DeviceLevel::slave);
  add(2, "b", DeviceFlag::web, DeviceLevel::slave);
  EXPECT_TRUE(is_first(1));
  EXPECT_FALSE(is_first(2));
  directory_.unregister_session("u", static_cast<SessionId>(1));
  EXPECT_FALSE(is_first(1));
  EXPECT_TRUE(is_first(2));
}

TEST_F(KickRule, OnlineFlagsAreGivenOnceEachInAscendingOrder) {
  EXPECT_TRUE(directory_.online_flags("u").empty());
  add(1, "a", DeviceFlag::web, DeviceLevel::slave);
  add(2, "b", DeviceFlag::app, DeviceLevel::slave);
  add(3, "c", DeviceFlag::web, DeviceLevel::slave);
  EXPECT_EQ(directory_.online_flags("u"),
            (std::vector<DeviceFlag>{DeviceFlag::app, DeviceFlag::web}));
  EXPECT_EQ(directory_.device_count("u", DeviceFlag::web), 2U);
  EXPECT_EQ(directory_.device_count("u", DeviceFlag::desktop), 0U);
  EXPECT_EQ(directory_.device_count("v", DeviceFlag::web), 0U);
}

TEST_F(KickRule, ALoginBeyondTheLimitIsRefusedAndKicksNobody) {
  std::size_t told = 0;
  directory_.set_listener([&](const PresenceChange&) { ++told; });
  const auto add_limited = [&](std::uint64_t id, std::string device, DeviceLevel level) {
    return directory_.register_session(login(id, "u", std::move(device), DeviceFlag::web, level),
                                       milliseconds(2000), {}, 2);
  };
  add(1, "a", DeviceFlag::app, DeviceLevel::slave);
  EXPECT_EQ(add_limited(2, "b", DeviceLevel::slave), 0U);
  EXPECT_EQ(add_limited(3, "c", DeviceLevel::slave), tl::make_unexpected(LoginRefusal::too_many));
  EXPECT_EQ(directory_.session_count(), 2U);
  EXPECT_EQ(told, 2U);
  EXPECT_TRUE(control_.orders.empty());
  // Those that this login sends away do not count.
  EXPECT_EQ(add_limited(4, "b", DeviceLevel::slave), 1U);
  directory_.unregister_session("u", static_cast<SessionId>(2));
  EXPECT_EQ(add_limited(5, "c", DeviceLevel::master), 1U);
}

TEST_F(KickRule, ASessionIsSentAwayOnceHoweverManyLoginsFollow) {
  add(1, "a", DeviceFlag::web, DeviceLevel::slave);
  add(2, "a", DeviceFlag::web, DeviceLevel::slave);
  add(3, "a", DeviceFlag::web, DeviceLevel::slave);
  EXPECT_EQ(control_.orders, (Orders{{1, false, ""}, {2, false, ""}}));
  EXPECT_EQ(directory_.device_count("u", DeviceFlag::web), 1U);
  EXPECT_TRUE(directory_.is_online("u"));
  control_.orders.clear();
  // One that goes without a word still has to be told when it shall not come back.
  add(4, "b", DeviceFlag::web, DeviceLevel::master);
  const std::string text = "login in other device";
  EXPECT_EQ(control_.orders, (Orders{{1, true, text}, {2, true, text}, {3, true, text}}));
  control_.orders.clear();
  add(5, "c", DeviceFlag::web, DeviceLevel::master);
  EXPECT_EQ(control_.orders, (Orders{{4, true, text}}));
  control_.orders.clear();
  EXPECT_EQ(directory_.kick_user("u", "out", milliseconds(2000)), 1U);
  EXPECT_EQ(directory_.kick_device("u", DeviceFlag::web, "out", milliseconds(2000)), 0U);
  // Whoever was told before has no longer than the new grace.
  EXPECT_EQ(control_.orders, (Orders{{5, true, "out"},
                                     {1, false, ""},
                                     {2, false, ""},
                                     {3, false, ""},
                                     {4, false, ""},
                                     {1, false, ""},
                                     {2, false, ""},
                                     {3, false, ""},
                                     {4, false, ""},
                                     {5, false, ""}}));
}

TEST_F(KickRule, AClientThatComesBackAllTheTimeMeetsTheLimitToo) {
  const auto come_back = [&](std::uint64_t id) {
    return directory_.register_session(login(id, "u", "a", DeviceFlag::app, DeviceLevel::slave),
                                       milliseconds(2000), {}, 2);
  };
  for (std::uint64_t id = 1; id <= 64; ++id) ASSERT_TRUE(come_back(id)) << id;
  EXPECT_EQ(come_back(65), tl::make_unexpected(LoginRefusal::too_many));
  for (std::uint64_t id = 1; id <= 60; ++id) {
    directory_.unregister_session("u", static_cast<SessionId>(id));
  }
  EXPECT_TRUE(come_back(66));
}

TEST_F(KickRule, ALoginRefusedByALimitLeavesNoTraceOfAnUnknownUser) {
  EXPECT_EQ(directory_.user_count(), 0U);
  EXPECT_TRUE(directory_.register_session(login(1, "u", "", DeviceFlag::app, DeviceLevel::slave),
                                          milliseconds(0), {}, 1));
  EXPECT_EQ(directory_.user_count(), 1U);
}

struct Told {
  std::uint64_t id;
  bool online;
  std::size_t device_online;
  std::size_t total_online;
  bool operator==(const Told&) const = default;
};

TEST(PresenceListener, IsToldOfEveryChangeOnceWithTheCountsAfterIt) {
  SessionDirectory directory;
  std::vector<Told> told;
  directory.set_listener([&](const PresenceChange& change) {
    EXPECT_EQ(change.uid, "u");
    // The mutex is free, and the change can be seen.
    EXPECT_EQ(directory.find_session("u", change.id).has_value(), change.online);
    told.push_back({raw(change.id), change.online, change.device_online, change.total_online});
  });
  const auto add = [&](std::uint64_t id, DeviceFlag flag) {
    directory.register_session(login(id, "u", std::to_string(id), flag, DeviceLevel::slave),
                               milliseconds(0), directory.kick_mark("u", flag));
  };
  add(1, DeviceFlag::app);
  add(2, DeviceFlag::web);
  add(3, DeviceFlag::web);
  directory.unregister_session("u", static_cast<SessionId>(2));
  directory.unregister_session("u", static_cast<SessionId>(2));
  directory.unregister_session("v", static_cast<SessionId>(1));
  directory.unregister_session("u", static_cast<SessionId>(1));
  directory.unregister_session("u", static_cast<SessionId>(3));
  EXPECT_EQ(told, (std::vector<Told>{{1, true, 1, 1},
                                     {2, true, 1, 2},
                                     {3, true, 2, 3},
                                     {2, false, 1, 2},
                                     {1, false, 0, 1},
                                     {3, false, 0, 0}}));
}

TEST(PresenceListener, IsNotToldOfALoginThatFailed) {
  SessionDirectory directory;
  std::size_t told = 0;
  directory.set_listener([&](const PresenceChange&) { ++told; });
  const KickMark before = directory.kick_mark("u", DeviceFlag::app);
  directory.kick_user("u", "", milliseconds(0));
  directory.register_session(login(1, "u", "d", DeviceFlag::app, DeviceLevel::slave),
                             milliseconds(0), before);
  EXPECT_EQ(told, 0U);
}

TEST(PresenceListener, HearsTheChangesOfOneUserInTheirOrder) {
  // Four threads log one user in and out. Each change must fit the count that the one before left,
  // and the listener must never run twice at a time.
  SessionDirectory directory;
  std::atomic<int> inside{0};
  std::size_t online = 0;
  std::size_t told = 0;
  directory.set_listener([&](const PresenceChange& change) {
    EXPECT_EQ(inside.fetch_add(1), 0);
    online += change.online ? 1 : std::size_t(0) - 1;
    EXPECT_EQ(change.total_online, online);
    ++told;
    inside.fetch_sub(1);
  });
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 500; ++i) {
        const std::uint64_t id = t * 1000 + i + 1;
        directory.register_session(
            login(id, "u", std::to_string(id), DeviceFlag::app, DeviceLevel::slave),
            milliseconds(0), {});
        directory.unregister_session("u", static_cast<SessionId>(id));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(told, 4000U);
  EXPECT_EQ(online, 0U);
}

// A user's devices come, flap, are kicked and go in random order, with the close of a replaced
// connection long after its successor's login, sometimes twice. A model that only knows the set of
// sessions says what the listener has to hear: each change once, with the counts after it.
TEST(PresenceListener, HearsExactlyWhatAModelOfFlappingDevicesSays) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t count) {
      return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
    };
    SessionDirectory directory;
    RecordingControl control;
    directory.attach_control(&control);
    struct Change {
      std::string uid;
      DeviceFlag flag;
      std::uint64_t id;
      bool online;
      std::size_t device_online;
      std::size_t total_online;
      bool operator==(const Change&) const = default;
    };
    std::vector<Change> told;
    std::vector<Change> expected;
    directory.set_listener([&](const PresenceChange& change) {
      told.push_back({change.uid, change.flag, raw(change.id), change.online, change.device_online,
                      change.total_online});
    });
    std::vector<SessionInfo> open;
    const auto expect_change = [&](const SessionInfo& session, bool online) {
      const auto same = [&](bool flag_too) {
        return static_cast<std::size_t>(
            std::count_if(open.begin(), open.end(), [&](const SessionInfo& other) {
              return other.uid == session.uid && (!flag_too || other.flag == session.flag);
            }));
      };
      expected.push_back(
          {session.uid, session.flag, raw(session.id), online, same(true), same(false)});
    };
    std::uint64_t next_id = 0;
    for (int step = 0; step < 300; ++step) {
      const std::string uid = below(2) == 0 ? "u" : "v";
      const auto flag = static_cast<DeviceFlag>(below(2));
      switch (below(4)) {
        case 0:
        case 1: {
          const std::size_t limit = below(3) == 0 ? 3 : 0;
          const auto level = below(2) == 0 ? DeviceLevel::master : DeviceLevel::slave;
          const SessionInfo session =
              login(++next_id, uid, std::string(1, static_cast<char>('a' + below(3))), flag, level);
          // A kick between the look-up of the token and the login makes the login fail.
          const KickMark seen = directory.kick_mark(uid, flag);
          const bool kicked = below(10) == 0;
          if (kicked) directory.kick_device(uid, flag, "", milliseconds(2000));
          const auto registered =
              directory.register_session(session, milliseconds(2000), seen, limit);
          if (kicked) {
            EXPECT_FALSE(registered);
          }
          if (!registered) break;
          open.push_back(session);
          expect_change(session, true);
          break;
        }
        case 2: {
          // Whatever the order in which connections close, ordered or not.
          if (open.empty()) break;
          const std::size_t index = below(open.size());
          const SessionInfo gone = open[index];
          open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
          expect_change(gone, false);
          directory.unregister_session(gone.uid, gone.id);
          if (below(2) == 0) directory.unregister_session(gone.uid, gone.id);
          break;
        }
        default:
          directory.unregister_session(uid, static_cast<SessionId>(below(next_id + 2) + 1000));
      }
      ASSERT_EQ(told, expected);
      ASSERT_EQ(directory.session_count(), open.size());
      for (const std::string name : {"u", "v"}) {
        const auto sessions = directory.find_sessions(name);
        const auto in_model = std::count_if(
            open.begin(), open.end(), [&](const SessionInfo& other) { return other.uid == name; });
        ASSERT_EQ(sessions.size(), static_cast<std::size_t>(in_model));
        ASSERT_EQ(directory.is_online(name), in_model > 0);
        std::set<DeviceFlag> flags;
        for (const SessionInfo& session : sessions) flags.insert(session.flag);
        ASSERT_EQ(directory.online_flags(name),
                  std::vector<DeviceFlag>(flags.begin(), flags.end()));
      }
    }
  }
}

TEST(SessionDirectory, TheOldSessionsCloseDoesNotRemoveTheNewOne) {
  SessionDirectory directory;
  directory.register_session(login(1, "u", "a", DeviceFlag::app, DeviceLevel::slave),
                             milliseconds(0), {});
  directory.register_session(login(2, "u", "a", DeviceFlag::app, DeviceLevel::slave),
                             milliseconds(0), {});
  EXPECT_EQ(directory.session_count(), 2U);
  EXPECT_EQ(directory.user_count(), 1U);
  directory.unregister_session("u", static_cast<SessionId>(1));
  directory.unregister_session("u", static_cast<SessionId>(1));
  const auto left = directory.find_sessions("u");
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(raw(left[0].id), 2U);
  EXPECT_EQ(left[0].uid, "u");
  EXPECT_EQ(left[0].shard, 1U);
  directory.unregister_session("u", static_cast<SessionId>(2));
  EXPECT_FALSE(directory.is_online("u"));
  EXPECT_EQ(directory.session_count(), 0U);
  EXPECT_EQ(directory.user_count(), 0U);
}

TEST(SessionDirectory, OfSimultaneousLoginsOfOneDeviceAllButOneAreClosed) {
  // Four threads log the same device in again and again. Each login sends away whom it finds, and
  // nobody is sent away twice.
  SessionDirectory directory;
  std::atomic<std::size_t> condemned{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 100; ++i) {
        const auto older = directory.register_session(
            login(t * 1000 + i + 1, "u", "d", DeviceFlag::app, DeviceLevel::slave), milliseconds(0),
            {});
        condemned += older.value_or(0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(directory.session_count(), 400U);
  EXPECT_EQ(condemned.load(), 399U);
}

}  // namespace
}  // namespace jindou::presence
