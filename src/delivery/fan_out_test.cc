// Who gets which message, in which order, shown how. Sessions are fakes that decrypt what they get;
// the shard is an io_context that the test turns by hand.
#include "delivery/fan_out.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>

namespace jindou::delivery {
namespace {

using partition::CommitEffect;
using partition::CommittedBatch;
using partition::CommittedEvent;
using partition::CommittedMessage;

class StillClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override { return now; }
  std::chrono::steady_clock::time_point now{};
};

struct Got {
  std::uint64_t id;
  std::string channel;
  std::string from;
  bool red_dot;
  std::string payload;
};

class FakeSession final : public SessionSink {
 public:
  FakeSession(std::uint64_t id, std::string uid, ShardFanOut& shard)
      : id_(static_cast<SessionId>(id)), uid_(std::move(uid)), shard_(shard) {
    handle_ = shard.add(*this);
  }
  ~FakeSession() override { leave(); }
  void leave() {
    shard_.remove(handle_);
    handle_ = {};
  }

  SinkHandle handle() const { return handle_; }

  SessionId session_id() const override { return id_; }
  std::string_view uid() const override { return uid_; }
  bool deliver(const Delivery& delivery) override {
    const codec::RecvTemplate* form = delivery.forms.wkproto(delivery.receiver);
    if (form == nullptr) return false;
    std::string bytes;
    form->append_to(bytes, cipher_, 5, delivery.receiver);
    const auto outcome = codec::parse_frame(bytes);
    EXPECT_EQ(outcome.state, codec::ParseOutcome::State::frame);
    const auto recv = codec::decode_recv(outcome.frame, 5);
    std::string plain;
    EXPECT_TRUE(recv && cipher_.open(*recv, plain));
    got.push_back({raw(recv->message_id), std::string(recv->channel_id),
                   std::string(recv->from_uid), (recv->flags & codec::kFlagRedDot) != 0, plain});
    if (on_deliver) on_deliver();
    return true;
  }
  bool takes_events() const override { return protocol_version >= 5; }
  bool deliver_event(EventForms& forms) override {
    const std::string_view frame = forms.wkproto();
    if (frame.empty()) return false;
    const auto outcome = codec::parse_frame(frame);
    EXPECT_EQ(outcome.state, codec::ParseOutcome::State::frame);
    const auto event = codec::decode_event(outcome.frame);
    EXPECT_TRUE(event);
    got.push_back({0, std::string(event->id), "", false, std::string(event->data)});
    if (on_deliver) on_deliver();
    return true;
  }
  void end_deliveries() override { ends.push_back(got.size()); }
  void cut_for_overflow() override {
    cut = true;
    leave();
  }

  std::vector<std::uint64_t> ids() const {
    std::vector<std::uint64_t> out;
    for (const Got& g : got) out.push_back(g.id);
    return out;
  }

  std::vector<Got> got;
  std::vector<std::size_t> ends;
  std::function<void()> on_deliver;
  bool cut = false;
  std::uint8_t protocol_version = 5;

 private:
  SessionId id_;
  std::string uid_;
  ShardFanOut& shard_;
  SinkHandle handle_;
  codec::SessionCipher cipher_{codec::X25519Key{1, 2, 3}, "0123456789abcdef"};
};

std::shared_ptr<const UidSet> uids(std::initializer_list<const char*> list) {
  auto set = std::make_shared<UidSet>();
  for (const char* uid : list) set->emplace(uid);
  return set;
}

CommitEffect group_message(std::uint64_t id, std::shared_ptr<const UidSet> subscribers,
                           std::string from = "author") {
  auto message = std::make_shared<Message>();
  message->id = static_cast<MessageId>(id);
  message->seq = static_cast<MessageSeq>(id);
  message->channel = ChannelKey("g", ChannelType::group);
  message->from_uid = std::move(from);
  message->client_msg_no = "c" + std::to_string(id);
  message->payload = "payload " + std::to_string(id);
  message->flags.red_dot = true;
  return {CommittedMessage{std::move(message)}, {std::move(subscribers), {}, nullptr}};
}

const Message& message_of(const CommitEffect& effect) {
  return *std::get<CommittedMessage>(effect.what).message;
}

const MessageEvent& event_of(const CommitEffect& effect) {
  return *std::get<CommittedEvent>(effect.what).event;
}

CommitEffect live_message(std::uint64_t id, std::string channel,
                          std::shared_ptr<const UidSet> subscribers) {
  CommitEffect effect = group_message(id, std::move(subscribers));
  auto message = std::make_shared<Message>(message_of(effect));
  message->channel = ChannelKey(std::move(channel), ChannelType::live);
  effect.what = CommittedMessage{std::move(message)};
  return effect;
}

CommitEffect group_event(std::string id, std::shared_ptr<const UidSet> subscribers,
                         Visibility visibility = Visibility::everybody) {
  auto event = std::make_shared<MessageEvent>();
  event->channel = ChannelKey("g", ChannelType::group);
  event->from_uid = "author";
  event->event_id = std::move(id);
  event->event_type = "stream.delta";
  event->visibility = visibility;
  return {CommittedEvent{std::move(event)}, {std::move(subscribers), {}, nullptr}};
}

std::shared_ptr<const CommittedBatch> batch(std::vector<CommitEffect> effects) {
  auto made = std::make_shared<CommittedBatch>();
  made->effects = std::move(effects);
  return made;
}

using Ids = std::vector<std::uint64_t>;

class FanOutTest : public testing::Test {
 protected:
  explicit FanOutTest(FanOutLimits limits = {}) : shard_(context_, clock_, metrics_, limits) {}

  void post(std::vector<CommitEffect> effects) { shard_.post(batch(std::move(effects)), 100); }
  void drain() {
    context_.restart();
    context_.poll();
  }
  int turns_until_idle() {
    int turns = 0;
    context_.restart();
    while (context_.poll_one() > 0) ++turns;
    return turns;
  }

  boost::asio::io_context context_{1};
  StillClock clock_;
  observe::Metrics metrics_;
  ShardFanOut shard_;
};

TEST_F(FanOutTest, EverySessionOfEverySubscriberGetsEveryMessageOnceInOrder) {
  FakeSession a1(1, "a", shard_);
  FakeSession a2(2, "a", shard_);
  FakeSession b(3, "b", shard_);
  FakeSession stranger(4, "x", shard_);
  const auto members = uids({"a", "b", "offline"});
  post({group_message(1, members), group_message(2, members)});
  post({group_message(3, members)});
  drain();
  EXPECT_EQ(a1.ids(), (Ids{1, 2, 3}));
  EXPECT_EQ(a2.ids(), (Ids{1, 2, 3}));
  EXPECT_EQ(b.ids(), (Ids{1, 2, 3}));
  EXPECT_TRUE(stranger.got.empty());
  EXPECT_EQ(b.got[0].payload, "payload 1");
  EXPECT_EQ(b.got[0].channel, "g");
  EXPECT_EQ(shard_.queued_bytes(), 0U);
  // One run over both batches: one hint to write.
  EXPECT_EQ(b.ends, (std::vector<std::size_t>{3}));
}

TEST_F(FanOutTest, AUserWhoIsListedAndSubscribedGetsItOnce) {
  FakeSession a(1, "a", shard_);
  auto m = group_message(1, uids({"a", "b"}));
  m.recipients.listed = {"a", "a", "c"};
  FakeSession c(2, "c", shard_);
  post({m});
  drain();
  EXPECT_EQ(a.ids(), Ids{1});
  EXPECT_EQ(c.ids(), Ids{1});
}

// ---- subscriptions of sessions --------------------------------------------------------------

TEST_F(FanOutTest, ASessionThatHasSubscribedGetsTheChannelUntilItUnsubscribes) {
  FakeSession a1(1, "a", shard_);
  FakeSession a2(2, "a", shard_);
  FakeSession b(3, "b", shard_);
  const ChannelKey live("live", ChannelType::live);
  shard_.subscribe(a1.handle(), live);
  post({live_message(1, "live", nullptr), live_message(2, "other", nullptr),
        live_message(3, "live", uids({"b"}))});
  drain();
  EXPECT_EQ(a1.ids(), (Ids{1, 3}));
  EXPECT_EQ(b.ids(), (Ids{3}));
  shard_.unsubscribe(a1.handle(), live);
  post({live_message(4, "live", nullptr)});
  drain();
  EXPECT_EQ(a1.ids(), (Ids{1, 3}));
  EXPECT_TRUE(a2.got.empty());
}

// A message of a job comes here although nobody receives it, to be counted.
TEST_F(FanOutTest, ASessionThatHasSubscribedGetsNothingOfAGroupWithoutReceivers) {
  FakeSession a(1, "a", shard_);
  shard_.subscribe(a.handle(), ChannelKey("live", ChannelType::live));
  post({live_message(1, "live", nullptr), group_message(2, nullptr),
        live_message(3, "live", nullptr)});
  post({group_message(4, nullptr), live_message(5, "live", nullptr)});
  drain();
  EXPECT_EQ(a.ids(), (Ids{1, 3, 5}));
}

TEST_F(FanOutTest, ASubscriberWhoseSessionHasSubscribedGetsItOnce) {
  FakeSession a(1, "a", shard_);
  shard_.subscribe(a.handle(), ChannelKey("live", ChannelType::live));
  shard_.subscribe(a.handle(), ChannelKey("live", ChannelType::live));
  post({live_message(1, "live", uids({"a"})), live_message(2, "live", uids({"a"}))});
  drain();
  EXPECT_EQ(a.ids(), (Ids{1, 2}));
}

TEST_F(FanOutTest, WhatIsForListedOrWithoutExcludedUsersIsNotForSubscribedSessions) {
  FakeSession a(1, "a", shard_);
  FakeSession b(2, "b", shard_);
  for (const FakeSession* session : {&a, &b}) {
    shard_.subscribe(session->handle(), ChannelKey("live", ChannelType::live));
  }
  auto listed = live_message(1, "live", nullptr);
  listed.recipients.listed = {"b"};
  auto denied = live_message(2, "live", nullptr);
  denied.recipients.excluded = uids({"a"});
  post({listed, denied});
  drain();
  EXPECT_TRUE(a.got.empty());
  EXPECT_EQ(b.ids(), (Ids{1, 2}));
}

TEST_F(FanOutTest, EventsOfAChannelGoToSubscribedSessionsUnlessTheyAreTheAuthors) {
  FakeSession a(1, "a", shard_);
  shard_.subscribe(a.handle(), ChannelKey("live", ChannelType::live));
  const auto event = [](std::string id, Visibility visibility) {
    CommitEffect effect = group_event(std::move(id), nullptr, visibility);
    auto live = std::make_shared<MessageEvent>(event_of(effect));
    live->channel = ChannelKey("live", ChannelType::live);
    effect.what = CommittedEvent{std::move(live)};
    return effect;
  };
  post({event("e1", Visibility::everybody), event("e2", Visibility::author_only)});
  drain();
  ASSERT_EQ(a.got.size(), 1U);
  EXPECT_EQ(a.got[0].channel, "e1");
}

TEST_F(FanOutTest, MessagesOfOtherTypesAreNotForSubscribedSessions) {
  FakeSession a(1, "a", shard_);
  shard_.subscribe(a.handle(), ChannelKey("g", ChannelType::group));
  post({group_message(1, nullptr)});
  drain();
  EXPECT_TRUE(a.got.empty());
}

TEST_F(FanOutTest, ExcludedUsersAndTheSystemAccountGetNothing) {
  FakeSession a(1, "a", shard_);
  FakeSession b(2, "b", shard_);
  FakeSession system(3, "____system", shard_);
  auto m = group_message(1, uids({"a", "b", "____system"}));
  m.recipients.excluded = uids({"b"});
  m.recipients.listed = {"b", "____system"};
  post({m});
  drain();
  EXPECT_EQ(a.ids(), Ids{1});
  EXPECT_TRUE(b.got.empty());
  EXPECT_TRUE(system.got.empty());
}

TEST_F(FanOutTest, TheSendingSessionGetsNoEchoAndTheAuthorsOthersNoRedDot) {
  FakeSession sender(1, "author", shard_);
  FakeSession other(2, "author", shard_);
  FakeSession b(3, "b", shard_);
  const auto members = uids({"author", "b"});
  auto first = group_message(1, members);
  std::get<CommittedMessage>(first.what).origin_session = static_cast<SessionId>(1);
  auto second = group_message(2, members, "b");
  post({first, second});
  drain();
  EXPECT_EQ(sender.ids(), Ids{2});
  EXPECT_EQ(other.ids(), (Ids{1, 2}));
  EXPECT_FALSE(other.got[0].red_dot);
  EXPECT_TRUE(other.got[1].red_dot);
  EXPECT_TRUE(b.got[0].red_dot);
  EXPECT_FALSE(b.got[1].red_dot);
}

TEST_F(FanOutTest, PersonMessagesShowEachSideTheOther) {
  FakeSession u1(1, "u1", shard_);
  FakeSession u2(2, "u2", shard_);
  auto message = std::make_shared<Message>();
  message->id = static_cast<MessageId>(7);
  message->channel = ChannelKey(person_channel_id("u1", "u2"), ChannelType::person);
  message->from_uid = "u1";
  message->flags.red_dot = true;
  post({CommitEffect{CommittedMessage{message}, {nullptr, {"u1", "u2"}, nullptr}}});
  drain();
  ASSERT_EQ(u1.got.size(), 1U);
  ASSERT_EQ(u2.got.size(), 1U);
  EXPECT_EQ(u1.got[0].channel, "u2");
  EXPECT_EQ(u2.got[0].channel, "u1");
  EXPECT_FALSE(u1.got[0].red_dot);
  EXPECT_TRUE(u2.got[0].red_dot);
}

TEST_F(FanOutTest, TheSenderDoesNotGetWhatIsToLeaveHisListAlone) {
  FakeSession author(1, "author", shard_);
  FakeSession a(2, "a", shard_);
  CommitEffect unlisted = group_message(2, uids({"author", "a"}));
  auto message = std::make_shared<Message>(message_of(unlisted));
  message->sender_conversation = false;
  unlisted.what = CommittedMessage{std::move(message)};
  post(
      {group_message(1, uids({"author", "a"})), unlisted, group_message(3, uids({"author", "a"}))});
  drain();
  EXPECT_EQ(author.ids(), (Ids{1, 3}));
  EXPECT_EQ(a.ids(), (Ids{1, 2, 3}));
}

TEST_F(FanOutTest, ManySubscribersAndFewSessionsGiveTheSameResult) {
  FakeSession a(1, "a", shard_);
  FakeSession x(2, "x", shard_);
  auto many = std::make_shared<UidSet>();
  for (int i = 0; i < 5000; ++i) many->emplace("u" + std::to_string(i));
  many->emplace("a");
  post({group_message(1, many)});
  drain();
  EXPECT_EQ(a.ids(), Ids{1});
  EXPECT_TRUE(x.got.empty());
}

TEST_F(FanOutTest, ASessionThatLeavesDuringARunIsNotTouchedAgain) {
  auto a = std::make_unique<FakeSession>(1, "a", shard_);
  FakeSession b(2, "b", shard_);
  FakeSession c(3, "c", shard_);
  const auto members = uids({"a", "b", "c"});
  a->on_deliver = [&] { a->leave(); };
  b.on_deliver = [&] { c.leave(); };
  c.on_deliver = [&] { b.leave(); };
  post({group_message(1, members), group_message(2, members)});
  drain();
  EXPECT_EQ(a->ids(), Ids{1});
  // Whichever of b and c came first removed the other.
  EXPECT_EQ(b.got.size() + c.got.size(), 2U);
}

TEST_F(FanOutTest, WhatIsPostedBehindAChangeIsNotDeliveredBeforeIt) {
  FakeSession a(1, "a", shard_);
  FakeSession b(2, "b", shard_);
  const auto members = uids({"a", "b"});
  post({group_message(1, uids({"b"}))});  // a turn is to come, which takes all there is
  shard_.post_first([&] { a.leave(); });
  post({group_message(2, members)});
  drain();
  EXPECT_EQ(a.ids(), Ids{});
  EXPECT_EQ(b.ids(), (Ids{1, 2}));
}

TEST_F(FanOutTest, AChangeWakesAShardThatHasNothingToDeliver) {
  int changes = 0;
  shard_.post_first([&] {
    ++changes;
    shard_.post_first([&] { ++changes; });
  });
  drain();
  EXPECT_EQ(changes, 2);
}

TEST_F(FanOutTest, ABatchIsReleasedWhenItIsFinished) {
  FakeSession a(1, "a", shard_);
  auto admission = std::make_shared<int>(1);
  auto made = std::make_shared<CommittedBatch>();
  made->effects = {group_message(1, uids({"a"}))};
  made->admissions = {admission};
  const std::weak_ptr<int> watched = admission;
  admission.reset();
  shard_.post(made, 10);
  made.reset();
  EXPECT_FALSE(watched.expired());
  drain();
  EXPECT_TRUE(watched.expired());
}

// What a session got, by message id or event id, in order.
std::string trace(const FakeSession& session) {
  std::string out;
  for (const Got& got : session.got) {
    out += (got.id != 0 ? std::to_string(got.id) : got.channel) + " ";
  }
  return out;
}

TEST_F(FanOutTest, EventsKeepTheirPlaceAmongTheMessages) {
  FakeSession a(1, "a", shard_);
  FakeSession b(2, "b", shard_);
  const auto members = uids({"a", "b"});
  post({group_event("e0", members), group_message(1, members), group_message(2, members),
        group_event("e1", members), group_event("e2", members), group_message(3, members)});
  post({group_event("e3", members), group_message(4, members)});
  drain();
  EXPECT_EQ(trace(a), "e0 1 2 e1 e2 3 e3 4 ");
  EXPECT_EQ(trace(b), trace(a));
  EXPECT_EQ(metrics_.deliveries.Value(), 8.0);
  EXPECT_EQ(metrics_.event_deliveries.Value(), 8.0);
  EXPECT_EQ(shard_.queued_bytes(), 0U);
}

TEST_F(FanOutTest, EventsSkipSessionsThatDoNotKnowThem) {
  FakeSession old(1, "a", shard_);
  old.protocol_version = 4;
  FakeSession current(2, "a", shard_);
  const auto members = uids({"a"});
  post({group_message(1, members), group_event("e1", members), group_message(2, members)});
  drain();
  EXPECT_EQ(trace(old), "1 2 ");
  EXPECT_EQ(trace(current), "1 e1 2 ");
}

TEST_F(FanOutTest, EventsThatAreNotPublicReachOnlyTheirAuthor) {
  FakeSession author1(1, "author", shard_);
  FakeSession author2(2, "author", shard_);
  FakeSession b(3, "b", shard_);
  const auto members = uids({"author", "b"});
  post({group_event("private", members, Visibility::author_only),
        group_event("restricted", members, Visibility::restricted),
        group_event("public", members)});
  drain();
  EXPECT_EQ(trace(author1), "private restricted public ");
  EXPECT_EQ(trace(author2), trace(author1));
  EXPECT_EQ(trace(b), "public ");
}

TEST_F(FanOutTest, EventsShowEachSideOfAPersonChannelTheOther) {
  FakeSession u1(1, "u1", shard_);
  FakeSession u2(2, "u2", shard_);
  CommitEffect effect = group_event("e", nullptr);
  auto event = std::make_shared<MessageEvent>(event_of(effect));
  event->channel = ChannelKey(person_channel_id("u1", "u2"), ChannelType::person);
  event->from_uid = "u1";
  effect.what = CommittedEvent{event};
  effect.recipients.listed = {"u1", "u2"};
  post({effect});
  drain();
  ASSERT_EQ(u1.got.size(), 1U);
  ASSERT_EQ(u2.got.size(), 1U);
  EXPECT_NE(u1.got[0].payload.find(R"("channel_id":"u2")"), std::string::npos);
  EXPECT_NE(u2.got[0].payload.find(R"("channel_id":"u1")"), std::string::npos);
}

TEST_F(FanOutTest, ASessionThatLeavesDuringAnEventIsNotTouchedAgain) {
  FakeSession a(1, "a", shard_);
  a.on_deliver = [&] { a.leave(); };
  const auto members = uids({"a"});
  post({group_event("e1", members), group_event("e2", members)});
  drain();
  EXPECT_EQ(trace(a), "e1 ");
  EXPECT_TRUE(a.ends.empty());
}

class SmallSlices : public FanOutTest {
 protected:
  static FanOutLimits limits() {
    FanOutLimits limits;
    limits.slice_deliveries = 10;
    limits.slice_lookups = 7;
    limits.runs.run_messages = 4;
    return limits;
  }
  SmallSlices() : FanOutTest(limits()) {}
};

TEST_F(SmallSlices, LongWorkIsCutIntoTurnsAndKeepsItsOrder) {
  std::vector<std::unique_ptr<FakeSession>> sessions;
  auto members = std::make_shared<UidSet>();
  for (std::uint64_t i = 0; i < 50; ++i) {
    members->emplace("u" + std::to_string(i));
    sessions.push_back(std::make_unique<FakeSession>(i + 1, "u" + std::to_string(i), shard_));
  }
  // Sessions of non-members make the subscriber set the smaller side in one half of the messages.
  auto half = std::make_shared<UidSet>();
  for (int i = 0; i < 25; ++i) half->emplace("u" + std::to_string(i));
  for (int i = 0; i < 60; ++i) half->emplace("offline" + std::to_string(i));
  std::vector<CommitEffect> effects;
  Ids all;
  Ids some;
  for (std::uint64_t id = 1; id <= 20; ++id) {
    const bool everybody = (id / 5) % 2 == 0;
    effects.push_back(group_message(id, everybody ? members : half));
    all.push_back(id);
    if (everybody) some.push_back(id);
  }
  post(std::move(effects));
  EXPECT_GT(turns_until_idle(), 50 * 10 / 14);
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    EXPECT_EQ(sessions[i]->ids(), i < 25 ? all : some) << i;
  }
}

TEST_F(SmallSlices, ASessionThatReplacesAnotherDuringARunIsNotATargetOfIt) {
  std::vector<std::unique_ptr<FakeSession>> sessions;
  auto members = std::make_shared<UidSet>();
  for (std::uint64_t i = 0; i < 30; ++i) {
    members->emplace("u" + std::to_string(i));
    sessions.push_back(std::make_unique<FakeSession>(i + 1, "u" + std::to_string(i), shard_));
  }
  post({group_message(1, members)});
  std::size_t delivered = 0;
  std::unique_ptr<FakeSession> late;
  while (context_.poll_one() > 0) {
    delivered = static_cast<std::size_t>(
        std::count_if(sessions.begin(), sessions.end(), [](auto& s) { return !s->got.empty(); }));
    if (delivered == 0 || late != nullptr) continue;
    for (auto& session : sessions) {
      if (!session->got.empty()) continue;
      const std::string uid(session->uid());
      session->leave();
      late = std::make_unique<FakeSession>(99, uid, shard_);
      break;
    }
  }
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(delivered, 29U);
  EXPECT_TRUE(late->got.empty());
}

// A large group of `count` online members and what is done to it while a fan-out is under way.
class LargeGroup : public FanOutTest {
 protected:
  static FanOutLimits limits() {
    FanOutLimits limits;
    limits.slice_deliveries = 40;
    limits.slice_sessions = 40;
    limits.slice_lookups = 50;
    limits.small_receivers = 8;
    limits.remembered_walk = 20;
    limits.runs.run_messages = 4;
    return limits;
  }
  LargeGroup() : FanOutTest(limits()) {}

  using Members = std::vector<std::unique_ptr<FakeSession>>;

  // Sessions "<prefix>0", "<prefix>1", ... and the set of their users.
  Members join(const std::string& prefix, std::size_t count, std::shared_ptr<UidSet>& set) {
    Members sessions;
    set = std::make_shared<UidSet>();
    for (std::size_t i = 0; i < count; ++i) {
      const std::string uid = prefix + std::to_string(i);
      set->emplace(uid);
      sessions.push_back(std::make_unique<FakeSession>(++sessions_made_, uid, shard_));
    }
    return sessions;
  }

  static std::size_t reached(const Members& sessions) {
    return static_cast<std::size_t>(std::count_if(sessions.begin(), sessions.end(),
                                                  [](const auto& s) { return !s->got.empty(); }));
  }

  static CommitEffect in_channel(const std::string& channel, CommitEffect effect) {
    auto message = std::make_shared<Message>(message_of(effect));
    message->channel = ChannelKey(channel, ChannelType::group);
    effect.what = CommittedMessage{std::move(message)};
    return effect;
  }

  static CommitEffect person_message(std::uint64_t id, const char* from, const char* to) {
    CommitEffect effect = group_message(id, nullptr, from);
    auto message = std::make_shared<Message>(message_of(effect));
    message->channel = ChannelKey(person_channel_id(from, to), ChannelType::person);
    effect.what = CommittedMessage{std::move(message)};
    effect.recipients.listed = {from, to};
    return effect;
  }

  std::uint64_t sessions_made_ = 0;
};

TEST_F(LargeGroup, APersonChatDoesNotWaitForAFanOut) {
  std::shared_ptr<UidSet> set;
  const Members members = join("m", 400, set);
  FakeSession a(1001, "a", shard_);
  FakeSession b(1002, "b", shard_);
  post({group_message(1, set), group_message(2, set), person_message(3, "a", "b")});
  context_.restart();
  context_.poll_one();
  EXPECT_EQ(b.ids(), Ids{3});
  while (reached(members) == 0) ASSERT_GT(context_.poll_one(), 0U);
  EXPECT_LT(reached(members), members.size());
  // Comes in the middle of the fan-out, and is there one turn later.
  post({person_message(4, "a", "b")});
  context_.poll_one();
  EXPECT_EQ(b.ids(), (Ids{3, 4}));
  EXPECT_LT(reached(members), members.size());
  drain();
  for (const auto& member : members) EXPECT_EQ(member->ids(), (Ids{1, 2}));
}

TEST_F(LargeGroup, AFanOutGoesOnWhileTheSmallLaneIsNeverEmpty) {
  std::shared_ptr<UidSet> set;
  const Members members = join("m", 400, set);
  FakeSession b(1002, "b", shard_);
  post({group_message(1, set)});
  std::uint64_t id = 100;
  int turns = 0;
  context_.restart();
  while (reached(members) < members.size()) {
    std::vector<CommitEffect> chat;
    for (int i = 0; i < 60; ++i) {
      chat.push_back(person_message(++id, i % 2 == 0 ? "a" : "c", "b"));
    }
    post(std::move(chat));
    ASSERT_GT(context_.poll_one(), 0U);
    ASSERT_LT(++turns, 100);
  }
  drain();
  EXPECT_EQ(b.got.size(), id - 100);
}

TEST_F(LargeGroup, LargeChannelsShareTheirLane) {
  std::shared_ptr<UidSet> first_set;
  std::shared_ptr<UidSet> second_set;
  const Members first = join("m", 400, first_set);
  const Members second = join("n", 60, second_set);
  std::vector<CommitEffect> effects;
  for (std::uint64_t id = 1; id <= 8; ++id) {
    effects.push_back(in_channel("first", group_message(id, first_set)));
  }
  effects.push_back(in_channel("second", group_message(9, second_set)));
  post(std::move(effects));
  context_.restart();
  while (reached(second) < second.size()) ASSERT_GT(context_.poll_one(), 0U);
  EXPECT_LT(reached(first), first.size()) << "the smaller one waited for the other";
  drain();
  for (const auto& member : first) EXPECT_EQ(member->ids(), (Ids{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST_F(LargeGroup, AMessageForAFewKeepsItsPlaceInTheOrderOfItsChannel) {
  std::shared_ptr<UidSet> set;
  const Members members = join("m", 100, set);
  CommitEffect restricted = group_message(2, nullptr);
  restricted.recipients.listed = {"m7"};
  auto command = group_message(4, set);
  auto made = std::make_shared<Message>(message_of(command));
  made->flags.sync_once = true;
  made->flags.no_persist = true;
  command.what = CommittedMessage{made};
  command.recipients.subscribers = nullptr;
  command.recipients.listed = {"m7"};
  auto own = group_event("own", set, Visibility::author_only);
  FakeSession author(999, "author", shard_);
  set->emplace("author");
  post({group_message(1, set), restricted, group_event("e", set), own, group_message(3, set),
        command});
  drain();
  EXPECT_EQ(trace(*members[7]), "1 2 e 3 4 ");
  EXPECT_EQ(trace(*members[8]), "1 e 3 ");
  EXPECT_EQ(trace(author), "1 e own 3 ");
}

TEST_F(LargeGroup, AGroupWithFewMembersOnlineIsFoundOnceAndThenSmall) {
  std::shared_ptr<UidSet> set;
  const Members others = join("stranger", 200, set);
  auto many = std::make_shared<UidSet>();
  for (int i = 0; i < 5000; ++i) many->emplace("u" + std::to_string(i));
  FakeSession u1(1001, "u1", shard_);
  post({group_message(1, many)});
  const int first = turns_until_idle();
  EXPECT_GT(first, 3) << "all sessions are looked at, 50 in a turn";
  post({group_message(2, many)});
  EXPECT_EQ(turns_until_idle(), 1) << "remembered";
  // Who comes and goes meanwhile is known.
  FakeSession u2(1002, "u2", shard_);
  FakeSession x(1003, "x", shard_);
  u1.leave();
  post({group_message(3, many)});
  EXPECT_EQ(turns_until_idle(), 1);
  EXPECT_EQ(u1.ids(), (Ids{1, 2}));
  EXPECT_EQ(u2.ids(), Ids{3});
  EXPECT_TRUE(x.got.empty());
  // Excluded users are not forgotten over it.
  auto excluding = group_message(4, many);
  excluding.recipients.excluded = uids({"u2"});
  post({excluding});
  drain();
  EXPECT_EQ(u2.ids(), Ids{3});
}

TEST_F(LargeGroup, ASessionThatComesWhileAGroupIsWalkedThroughIsRemembered) {
  std::shared_ptr<UidSet> set;
  Members members = join("m", 200, set);
  set->emplace("late");
  post({group_message(1, set)});
  context_.restart();
  context_.poll_one();
  ASSERT_EQ(reached(members), 0U) << "still gathering";
  FakeSession late(1001, "late", shard_);
  const FakeSession again(1002, "m3", shard_);
  drain();
  post({group_message(2, set)});
  drain();
  for (const auto& member : members) EXPECT_EQ(member->ids(), (Ids{1, 2}));
  ASSERT_FALSE(late.got.empty());
  EXPECT_EQ(late.ids().back(), 2U);
  EXPECT_EQ(again.ids().back(), 2U);
  // The first came before they did; nobody got one twice.
  EXPECT_LE(late.got.size(), 2U);
  EXPECT_LE(again.got.size(), 2U);
}

class SmallQueue : public FanOutTest {
 protected:
  static FanOutLimits limits() {
    FanOutLimits limits;
    limits.queue_bytes_max = 150;
    return limits;
  }
  SmallQueue() : FanOutTest(limits()) {}
};

TEST_F(SmallQueue, AFullQueueEndsTheSessionsInsteadOfLosingMessagesSilently) {
  FakeSession a(1, "a", shard_);
  post({group_message(1, uids({"a"}))});
  post({group_message(2, uids({"a"}))});
  drain();
  EXPECT_TRUE(a.cut);
  EXPECT_EQ(shard_.session_count(), 0U);
  EXPECT_EQ(shard_.queued_bytes(), 0U);
}

TEST(FanOutNode, ShardsWithoutSessionsAreNotWoken) {
  runtime::IoShards shards(2);
  StillClock clock;
  observe::Metrics metrics;
  FanOut fan_out(shards, clock, metrics, {});
  FakeSession a(1, "a", fan_out.shard(1));
  fan_out.post_committed(batch({group_message(1, uids({"a"}))}));
  EXPECT_GT(fan_out.queued_bytes(), 0U);
  EXPECT_EQ(fan_out.fullest_queue_bytes(), fan_out.queued_bytes());
  EXPECT_EQ(shards.context(0).poll(), 0U);
  EXPECT_GT(shards.context(1).poll(), 0U);
  EXPECT_EQ(a.ids(), Ids{1});
  EXPECT_EQ(fan_out.fullest_queue_bytes(), 0U);
}

TEST(FanOutNode, ListsOfRecipientsCountAsQueuedBytes) {
  runtime::IoShards shards(1);
  StillClock clock;
  observe::Metrics metrics;
  FanOut fan_out(shards, clock, metrics, {});
  FakeSession a(1, "a", fan_out.shard(0));
  CommitEffect effect = group_message(1, nullptr);
  for (int i = 0; i < 1000; ++i) effect.recipients.listed.push_back(std::string(100, 'r'));
  fan_out.post_committed(batch({std::move(effect)}));
  EXPECT_GE(fan_out.queued_bytes(), 1000U * (100 + 64));
  shards.context(0).poll();
  EXPECT_EQ(fan_out.queued_bytes(), 0U);
}

// Whatever is not on the shard's thread would change its index under its hands.
TEST(FanOutDeathTest, ASessionAddedFromAnotherThreadEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  runtime::IoShards shards(1);
  StillClock clock;
  observe::Metrics metrics;
  FanOut fan_out(shards, clock, metrics, {});
  const FakeSession here(1, "a", fan_out.shard(0));
  EXPECT_DEATH(std::thread([&] { const FakeSession there(2, "b", fan_out.shard(0)); }).join(),
               "assertion failed: owner_.is_this_thread\\(\\) at .*fan_out.cc");
}

TEST(FanOutNode, PayloadsOfEventsCountAsQueuedBytes) {
  runtime::IoShards shards(1);
  StillClock clock;
  observe::Metrics metrics;
  FanOut fan_out(shards, clock, metrics, {});
  FakeSession a(1, "a", fan_out.shard(0));
  CommitEffect effect = group_event("e", uids({"a"}));
  auto event = std::make_shared<MessageEvent>(event_of(effect));
  event->payload = '"' + std::string(5000, 'x') + '"';
  effect.what = CommittedEvent{event};
  fan_out.post_committed(batch({std::move(effect)}));
  EXPECT_GE(fan_out.queued_bytes(), 5000U);
  shards.context(0).poll();
  EXPECT_EQ(fan_out.queued_bytes(), 0U);
  EXPECT_EQ(a.got.size(), 1U);
}

}  // namespace
}  // namespace jindou::delivery
