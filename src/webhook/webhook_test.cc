// The whole webhook against a real receiver, with a small core behind it that keeps what the
// partitions would keep.
#include "webhook/webhook.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "codec/json_reader.h"
#include "http/test_receiver.h"
#include "store/keys.h"
#include "store/memory_reader.h"

namespace jindou::webhook {
namespace {

using std::chrono::milliseconds;
using store::Table;

constexpr std::uint16_t kPartitions = 4;

// A store in memory that several threads may use.
class SharedStore final : public store::Reader {
 public:
  std::unique_ptr<store::Cursor> open_cursor(Table table) const override {
    const MutexLock lock(mutex_);
    auto cursor = store_.open_cursor(table);
    // Any change makes the cursor's copy its own.
    store_.put(table, std::string("\xff\xff\x7f", 3), "");
    return cursor;
  }
  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    const MutexLock lock(mutex_);
    return store_.get(table, key, value);
  }
  Result<void> scan(Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override {
    const MutexLock lock(mutex_);
    return store_.scan(table, lower, upper, visit);
  }
  Result<void> scan_backward(Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override {
    const MutexLock lock(mutex_);
    return store_.scan_backward(table, lower, upper, visit);
  }
  void put(std::string_view key, std::string_view value) {
    const MutexLock lock(mutex_);
    store_.put(Table::main, key, value);
  }
  void erase(std::string_view key) {
    const MutexLock lock(mutex_);
    store_.erase(Table::main, key);
  }

 private:
  mutable Mutex mutex_;
  mutable store::MemoryReader store_;
};

class TestCore final : public CoreLink {
 public:
  TestCore(SharedStore& store, const partition::OwnedPartitions& owned)
      : store_(store), owned_(owned) {}

  Result<void> post_change(partition::Change change, ChangeDone done) override {
    if (refuse.load()) {
      ++refused;
      return Error(Errc::overloaded);
    }
    if (fail.load()) {
      ++failed;
      done(Error(Errc::storage));
      return {};
    }
    if (!owned_.owns(partition_of(change))) {
      ++misdirected;
      done(Error(Errc::not_owner));
      return {};
    }
    if (const auto* advance = std::get_if<partition::AdvanceWebhook>(&change)) {
      if (advance->notified_to) {
        const std::string key = store::webhook_cursor_key(advance->partition);
        std::string value;
        std::uint64_t before = 0;
        if (*store_.get(Table::main, key, value)) {
          before = store::decode_webhook_cursor(value)->notified_to;
        }
        for (const auto& letter : advance->letters) {
          if (letter.counter <= before) continue;
          store_.put(store::webhook_letter_key(advance->partition, letter.counter),
                     store::encode(letter.record));
        }
        store_.put(key, store::encode(store::WebhookCursorRecord{*advance->notified_to,
                                                                 *advance->offline_to}));
        ++cursors_written;
      }
    } else if (const auto* record = std::get_if<partition::RecordPresenceEvent>(&change)) {
      const PartitionId partition = partition_for(record->uid, kPartitions);
      const std::string session = store::online_session_key(
          partition, record->uid, record->device_flag, record->start, record->session_id);
      if (record->online) {
        store_.put(session, "");
      } else {
        store_.erase(session);
      }
      store_.put(store::presence_event_key(partition, record->at_ns, record->start,
                                           record->session_id, record->online),
                 record->text);
    } else if (const auto* forget = std::get_if<partition::ForgetPresenceEvents>(&change)) {
      for (const auto& key : forget->keys) store_.erase(key);
      forgotten += forget->keys.size();
    } else if (const auto* redrive = std::get_if<partition::RedriveWebhook>(&change)) {
      for (const std::uint64_t counter : redrive->counters) {
        store_.put(store::webhook_redrive_key(redrive->partition, counter), "");
      }
    } else if (const auto* settle = std::get_if<partition::SettleRedrives>(&change)) {
      for (const auto& settled : settle->settled) {
        const auto key = store::webhook_letter_key(settle->partition, settled.counter);
        store_.erase(store::webhook_redrive_key(settle->partition, settled.counter));
        store_.erase(key);
        if (!settled.again) continue;
        store::WebhookLetterRecord again = *settled.again;
        again.redrives = settled.redrives + 1;
        store_.put(key, store::encode(again));
      }
    }
    done({});
    return {};
  }
  Result<void> post_recipients(ChannelKey channel, RecipientsDone done) override {
    partition::Recipients recipients;
    bool unknown = false;
    {
      const MutexLock lock(mutex_);
      recipients.subscribers = subscribers_[channel.id];
      unknown = channel.id == unknown_;
    }
    ++recipients_asked;
    if (unknown) {
      done(Error(Errc::unavailable));
      return {};
    }
    done(recipients);
    return {};
  }
  void subscribe(const std::string& channel, std::vector<std::string> uids) {
    const MutexLock lock(mutex_);
    subscribers_[channel] = std::make_shared<UidSet>(uids.begin(), uids.end());
  }

  // Questions about this channel fail, as when a data source does not answer.
  void set_unknown(const std::string& channel) {
    const MutexLock lock(mutex_);
    unknown_ = channel;
  }

  std::atomic<bool> refuse{false};
  std::atomic<std::size_t> refused{0};
  std::atomic<bool> fail{false};  // takes a change and does not write it
  std::atomic<std::size_t> failed{0};
  std::atomic<std::size_t> cursors_written{0};
  std::atomic<std::size_t> recipients_asked{0};
  std::atomic<std::size_t> forgotten{0};
  std::atomic<std::size_t> misdirected{0};  // refused, as their partition is not owned

 private:
  static PartitionId partition_of(const partition::Change& change) {
    return std::visit(
        [](const auto& command) {
          if constexpr (requires { command.partition; }) {
            return command.partition;
          } else if constexpr (requires { command.uid; }) {
            return partition_for(command.uid, kPartitions);
          } else {
            return PartitionId{0};
          }
        },
        change);
  }

  SharedStore& store_;
  const partition::OwnedPartitions& owned_;
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<const UidSet>> subscribers_;
  std::string unknown_;
};

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

class WebhookTest : public testing::Test {
 protected:
  WebhookTest() {
    options_->notify_interval = milliseconds(10);
    options_->retry_min = milliseconds(5);
    options_->retry_max = milliseconds(20);
    for (std::uint16_t i = 0; i < kPartitions; ++i) owned_.begin(static_cast<PartitionId>(i));
  }

  void listen(http::TestReceiver& receiver) { options_->http_addr = receiver.url(); }

  void start() {
    WebhookDeps deps{
        .readers = {store_, PartitionMap(kPartitions)},
        .core = core_,
        .sessions = sessions_,
        .clock = clock_,
        .random = random_,
        .options = [options = std::shared_ptr<const WebhookOptions>(options_)] { return options; },
        .owned = owned_,
    };
    deps.node_id = 1001;
    deps.boot_id = ++boots_;
    deps.is_live = [this](const NodeBoot& start) { return live_.contains(start); };
    deps.offline_bytes_max = offline_bytes_max_;
    deps.record_bytes = 100'000;
    webhook_ = std::make_unique<Webhook>(std::move(deps));
    ASSERT_TRUE(webhook_->start());
  }
  // As after a crash: nothing is kept but the store.
  void forget_all() { webhook_.reset(); }

  // Stores `count` messages as one commit and tells the webhook.
  void commit(const std::string& channel, int count, MessageFlags flags = {}) {
    const PartitionId partition = partition_for(channel, kPartitions);
    const ChannelKey log(channel, ChannelType::group);
    auto batch = std::make_shared<partition::CommittedBatch>();
    store::CommitRecordBuilder record;
    for (int i = 0; i < count; ++i) {
      auto message = std::make_shared<Message>();
      message->id = message_id_of(++counter_, partition);
      message->channel = log;
      message->from_uid = "author";
      message->payload = "p";
      message->timestamp = clock_.wall_seconds();
      message->flags = flags;
      if (!flags.no_persist) {
        message->seq = static_cast<MessageSeq>(++seqs_[channel]);
        store::CommitEntry entry;
        entry.counter = counter_;
        entry.log = log;
        entry.seq = raw(message->seq);
        record.add(entry, message->timestamp);
        std::string value;
        store::encode_message(value, *message, log);
        store_.put(store::message_key(partition, log, message->seq), value);
      }
      batch->effects.push_back(
          {partition::CommittedMessage{std::move(message)}, {nullptr, {"listed"}, nullptr}});
    }
    if (!record.empty()) {
      const std::string key = store::commit_record_key(partition, record.first_counter());
      store_.put(key, record.take());
    }
    if (webhook_ && told_) webhook_->post_committed(std::move(batch));
  }

  // The seqs told of a channel, in order of the calls.
  static std::vector<std::uint64_t> seqs(const std::vector<http::ReceivedCall>& calls,
                                         const std::string& channel) {
    std::vector<std::uint64_t> out;
    for (const auto& call : calls) {
      if (call.target != "/hook?event=msg.notify") continue;
      const auto parsed = codec::parse_json(call.body);
      EXPECT_TRUE(parsed);
      const simdjson::dom::array messages = parsed->get_array().value();
      for (const auto message : messages) {
        if (message["channel_id"].get_string().value() != channel) continue;
        out.push_back(message["message_seq"].get_uint64().value());
      }
    }
    return out;
  }
  static std::size_t count(const std::vector<http::ReceivedCall>& calls, std::string_view event) {
    return static_cast<std::size_t>(std::count_if(
        calls.begin(), calls.end(),
        [event](const http::ReceivedCall& call) { return call.target.ends_with(event); }));
  }
  static std::vector<std::uint64_t> up_to(std::uint64_t last) {
    std::vector<std::uint64_t> out;
    for (std::uint64_t i = 1; i <= last; ++i) out.push_back(i);
    return out;
  }
  // Dead letters of the channel's partition, by the counters of their entries.
  std::map<std::uint64_t, store::WebhookLetterRecord> dead_letters(const std::string& channel) {
    std::map<std::uint64_t, store::WebhookLetterRecord> out;
    const std::string prefix = store::webhook_letter_prefix(partition_for(channel, kPartitions));
    EXPECT_TRUE(store_.scan(Table::main, prefix, store::after_prefix(prefix),
                            [&out](std::string_view key, std::string_view value) {
                              out.emplace(store::counter_of_webhook_letter_key(key),
                                          *store::decode_webhook_letter(value));
                              return true;
                            }));
    return out;
  }
  void redrive(const std::string& channel) {
    partition::RedriveWebhook command;
    command.partition = partition_for(channel, kPartitions);
    for (const auto& [counter, letter] : dead_letters(channel)) command.counters.push_back(counter);
    EXPECT_TRUE(
        core_.post_change(std::move(command), [](const Result<void>& done) { EXPECT_TRUE(done); }));
  }
  EventCounts counts(Event event) const {
    return webhook_->status().events[static_cast<std::size_t>(event)];
  }
  presence::PresenceChange change(const std::string& uid, std::uint64_t id, bool online,
                                  std::size_t total) const {
    presence::PresenceChange change;
    change.uid = uid;
    change.id = static_cast<SessionId>(id);
    change.online = online;
    change.device_online = total;
    change.total_online = total;
    return change;
  }

  SharedStore store_;
  partition::OwnedPartitions owned_{kPartitions};
  TestCore core_{store_, owned_};
  presence::SessionDirectory sessions_;
  SystemClock clock_;
  SystemRandom random_;
  std::shared_ptr<WebhookOptions> options_ = std::make_shared<WebhookOptions>();
  std::unique_ptr<Webhook> webhook_;
  std::size_t offline_bytes_max_ = kOfflineBytesMax;
  std::uint64_t boots_ = 0;
  std::set<NodeBoot> live_;  // beside this one
  bool told_ = true;         // of commits; false for those with nobody to be delivered to
  std::uint64_t counter_ = 0;
  std::map<std::string, std::uint64_t> seqs_;
};

TEST_F(WebhookTest, WithoutReceiverNothingIsReadOrWritten) {
  start();
  commit("g", 10);
  webhook_->note_presence(change("u", 1, true, 1));
  forget_all();
  EXPECT_EQ(core_.cursors_written, 0U);
  EXPECT_EQ(core_.recipients_asked, 0U);
}

TEST_F(WebhookTest, RemembersWhatItHasTold) {
  std::atomic<bool> refuses{false};
  http::TestReceiver receiver([&](const http::ReceivedCall&) { return refuses ? 422 : 200; });
  listen(receiver);
  options_->attempts_max = 1;
  core_.subscribe("g", {"author", "listed"});
  start();
  const std::int64_t began = webhook_->told().since_ms();
  EXPECT_LE(began, clock_.wall_ms());
  const auto told = [this](std::uint64_t counter) {
    const PartitionId partition = partition_for("g", kPartitions);
    std::string out;
    std::vector<Told> all = webhook_->told().find(message_id_of(counter, partition));
    std::sort(all.begin(), all.end(),
              [](const Told& a, const Told& b) { return a.event < b.event; });
    for (const Told& each : all) {
      EXPECT_LE(each.at_ms, clock_.wall_ms());
      out += std::string(event_name(each.event)) + " " + std::string(outcome_name(each.outcome)) +
             " " + std::to_string(each.receivers) + "\n";
    }
    return out;
  };
  commit("g", 2);
  EXPECT_TRUE(eventually(
      [&] { return counts(Event::notify).sent == 2 && counts(Event::offline).sent == 2; }));
  const std::string both = "msg.notify delivered 0\nmsg.offline delivered 1\n";
  EXPECT_TRUE(eventually([&] { return told(1) == both && told(2) == both; })) << told(1) << told(2);
  refuses = true;
  commit("g", 1);
  const std::string neither = "msg.notify given_up 0\nmsg.offline given_up 1\n";
  EXPECT_TRUE(eventually([&] { return told(3) == neither; })) << told(3);
  // Nobody is offline.
  presence::SessionInfo info;
  info.id = static_cast<SessionId>(1);
  info.uid = "listed";
  ASSERT_TRUE(sessions_.register_session(std::move(info), milliseconds(0), {}, 0));
  commit("g", 1);
  const std::string nobody = "msg.notify given_up 0\nmsg.offline nobody 0\n";
  EXPECT_TRUE(eventually([&] { return told(4) == nobody; })) << told(4);
  EXPECT_EQ(webhook_->told().since_ms(), began);
  sessions_.unregister_session("listed", static_cast<SessionId>(1));
}

TEST_F(WebhookTest, TellsEveryMessageInOrderAndMovesTheCursor) {
  http::TestReceiver receiver;
  listen(receiver);
  options_->focus_events = {"msg.notify"};
  start();
  for (int i = 0; i < 20; ++i) {
    commit("g", 37);
    commit("h", 5);
  }
  EXPECT_TRUE(eventually([&] { return counts(Event::notify).sent == 20U * 42; }));
  EXPECT_EQ(seqs(receiver.calls(), "g"), up_to(740));
  EXPECT_EQ(seqs(receiver.calls(), "h"), up_to(100));
  for (const auto& call : receiver.calls()) {
    EXPECT_LE(codec::parse_json(call.body)->get_array().value().size(), 100U);
  }
  forget_all();
  const std::size_t before = receiver.calls().size();
  start();
  commit("g", 1);
  EXPECT_TRUE(eventually([&] { return counts(Event::notify).sent == 1; }));
  EXPECT_EQ(receiver.calls().size(), before + 1);
}

TEST_F(WebhookTest, FirstStartBeginsAtThePresent) {
  commit("g", 5);
  http::TestReceiver receiver;
  listen(receiver);
  start();
  commit("g", 1);
  EXPECT_TRUE(eventually([&] { return counts(Event::notify).sent == 1; }));
  EXPECT_EQ(seqs(receiver.calls(), "g"), std::vector<std::uint64_t>{6});
}

TEST_F(WebhookTest, APartitionThatIsAwayIsToldOfWhereItIsAndGoesOnWhenItIsBack) {
  http::TestReceiver receiver;
  listen(receiver);
  options_->focus_events = {"msg.notify"};
  std::string other = "h";
  const PartitionId away = partition_for("g", kPartitions);
  while (partition_for(other, kPartitions) == away) other += "h";
  start();
  commit("g", 10);
  ASSERT_TRUE(eventually([&] { return counts(Event::notify).sent == 10; }));
  owned_.end(away);
  told_ = false;  // they come from the node that has it now
  commit("g", 5);
  told_ = true;
  for (std::size_t i = 1; i <= 3; ++i) {
    commit(other, 1);
    ASSERT_TRUE(eventually([&] { return counts(Event::notify).sent == 10 + i; }));
  }
  EXPECT_EQ(seqs(receiver.calls(), "g"), up_to(10));
  // The cursor of the tenth may have been on its way when the partition went.
  EXPECT_LE(core_.misdirected, 1U);
  owned_.begin(away);
  ASSERT_TRUE(eventually([&] { return counts(Event::notify).sent == 18; }));
  EXPECT_EQ(seqs(receiver.calls(), "g"), up_to(15));
}

TEST_F(WebhookTest, WhatIsOnItsWayWhenAPartitionGoesIsToldAgainWhenItIsBack) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return 500; });
  listen(receiver);
  options_->focus_events = {"msg.notify"};
  start();
  commit("g", 10);
  ASSERT_TRUE(receiver.wait_for_calls(1));
  const PartitionId away = partition_for("g", kPartitions);
  owned_.end(away);
  owned_.begin(away);
  const std::size_t failed = receiver.calls().size();
  ASSERT_TRUE(receiver.wait_for_calls(failed + 2));
  receiver.set_answer({});
  commit("g", 1);
  ASSERT_TRUE(eventually([&] {
    const auto told = seqs(receiver.calls(), "g");
    return !told.empty() && told.back() == 11;
  }));
  forget_all();
  const std::size_t before = receiver.calls().size();
  start();
  commit("g", 1);
  // The 11th comes first, and again, when the crash was before its cursor.
  ASSERT_TRUE(eventually([&] { return seqs(receiver.calls(), "g").back() == 12; }));
  EXPECT_LE(receiver.calls().size(), before + 2) << "the cursor is where it was told of";
}

TEST_F(WebhookTest, WhatWasNotToldBeforeACrashIsToldAfterwards) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return 500; });
  listen(receiver);
  start();
  commit("g", 250);
  EXPECT_TRUE(receiver.wait_for_calls(1));
  forget_all();
  receiver.set_answer({});
  start();
  EXPECT_TRUE(eventually([&] { return counts(Event::notify).sent == 250; }));
  std::vector<std::uint64_t> told = seqs(receiver.calls(), "g");
  std::sort(told.begin(), told.end());
  told.erase(std::unique(told.begin(), told.end()), told.end());
  EXPECT_EQ(told, up_to(250));
}

TEST_F(WebhookTest, WhatIsNotKnownToBeDurableWaitsForTheCore) {
  http::TestReceiver receiver;
  listen(receiver);
  start();
  told_ = false;
  core_.refuse.store(true);
  commit("g", 10);
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(counts(Event::notify).sent, 0U);
  EXPECT_TRUE(receiver.calls().empty());
  core_.refuse.store(false);
  EXPECT_TRUE(eventually([&] { return counts(Event::notify).sent == 10; }));
}

TEST_F(WebhookTest, OfflineAsksOnceForAChannelAndSkipsWhoIsThere) {
  http::TestReceiver receiver;
  listen(receiver);
  options_->focus_events = {"msg.offline"};
  core_.subscribe("g", {"away", "here", "author", std::string(kSystemUid)});
  presence::SessionInfo session;
  session.id = static_cast<SessionId>(1);
  session.uid = "here";
  ASSERT_TRUE(sessions_.register_session(session, milliseconds(0),
                                         sessions_.kick_mark("here", DeviceFlag::app)));
  start();
  commit("g", 40);
  commit("empty", 3);
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).sent == 40; }));
  for (const auto& call : receiver.calls()) {
    EXPECT_NE(call.body.find(R"("to_uids":["away"])"), std::string::npos) << call.body;
  }
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).backlog == 0; }));
  EXPECT_LE(core_.recipients_asked, 4U);
}

TEST_F(WebhookTest, OfflineMasterOnlyCountsSlavesAsAway) {
  http::TestReceiver receiver;
  listen(receiver);
  options_->focus_events = {"msg.offline"};
  options_->offline_master_only = true;
  core_.subscribe("g", {"slave", "master"});
  for (const auto& [uid, level] :
       {std::pair{"slave", DeviceLevel::slave}, std::pair{"master", DeviceLevel::master}}) {
    presence::SessionInfo session;
    session.id = static_cast<SessionId>(level == DeviceLevel::master ? 1 : 2);
    session.uid = uid;
    session.level = level;
    ASSERT_TRUE(sessions_.register_session(session, milliseconds(0),
                                           sessions_.kick_mark(uid, DeviceFlag::app)));
  }
  start();
  commit("g", 1);
  ASSERT_TRUE(receiver.wait_for_calls(1));
  EXPECT_NE(receiver.calls()[0].body.find(R"("to_uids":["slave"])"), std::string::npos);
}

TEST_F(WebhookTest, UnstoredMessagesAreToldOfflineFromMemory) {
  http::TestReceiver receiver;
  listen(receiver);
  start();
  MessageFlags flags;
  flags.no_persist = true;
  commit("g", 2, flags);
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).sent == 2; }));
  EXPECT_EQ(count(receiver.calls(), "msg.notify"), 0U);
  EXPECT_NE(receiver.calls()[0].body.find(R"("to_uids":["listed"])"), std::string::npos);
}

// The receivers of one channel are not known, as when a data source does not answer for it: only
// its own partition waits.
TEST_F(WebhookTest, OfflineWaitsForChannelsThatAreNotKnownAndLosesNothing) {
  http::TestReceiver receiver;
  listen(receiver);
  options_->focus_events = {"msg.offline"};
  std::string other = "h";
  while (partition_for(other, kPartitions) == partition_for("g", kPartitions)) other += "h";
  core_.subscribe("g", {"of-g"});
  core_.subscribe(other, {"of-other"});
  core_.set_unknown("g");
  start();
  commit("g", 3);
  commit(other, 5);
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).sent == 5; }));
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).backlog == 3; }));
  for (const auto& call : receiver.calls()) {
    EXPECT_NE(call.body.find("of-other"), std::string::npos) << call.body;
  }
  core_.set_unknown("");
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).sent == 8; }));
  EXPECT_EQ(counts(Event::offline).dead_letters, 0U);
}

// Room for three letters: while the receiver refuses them the others are not made, stored or not.
TEST_F(WebhookTest, OfflineLettersAreBoundedByTheirBytes) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return 422; });
  listen(receiver);
  options_->focus_events = {"msg.offline"};
  options_->retry_min = std::chrono::hours(1);
  options_->retry_max = std::chrono::hours(1);
  const std::string uid(1'000, 'u');
  core_.subscribe("g", {uid, uid + "2"});
  offline_bytes_max_ = 6'000;  // a letter has something more than 2,000
  start();
  commit("g", 40);
  commit("h", 40);
  ASSERT_TRUE(receiver.wait_for_calls(3));
  // Longer than the stream waits before it looks for more.
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(receiver.calls().size(), 3U);
  forget_all();

  receiver.set_answer({});
  const std::size_t before = receiver.calls().size();
  start();
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).sent == 40; }));
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).backlog == 0; }));
  EXPECT_EQ(receiver.calls().size() - before, 40U);
}

TEST_F(WebhookTest, UnstoredMessagesWaitForRoom) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return 422; });
  listen(receiver);
  options_->focus_events = {"msg.offline"};
  options_->retry_min = milliseconds(300);
  options_->retry_max = milliseconds(300);
  offline_bytes_max_ = 1;  // which one letter goes beyond
  start();
  MessageFlags flags;
  flags.no_persist = true;
  commit("g", 20, flags);
  ASSERT_TRUE(receiver.wait_for_calls(2));
  // The same one again.
  EXPECT_EQ(receiver.calls()[0].body, receiver.calls()[1].body);
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).backlog == 19; }));
  receiver.set_answer({});
  EXPECT_TRUE(eventually([&] { return counts(Event::offline).sent == 20; }));
}

TEST_F(WebhookTest, ChangesOfPresenceHaveABoundWhileTheStoreFails) {
  http::TestReceiver receiver;
  listen(receiver);
  options_->focus_events = {"user.onlinestatus"};
  start();
  core_.refuse.store(true);
  // 200,000 in the mailbox, 1,000 taken from it.
  constexpr std::uint64_t kNotes = 250'000;
  for (std::uint64_t i = 1; i <= kNotes; ++i) webhook_->note_presence(change("u", i, true, i));
  EXPECT_TRUE(eventually([&] {
    const std::uint64_t backlog = counts(Event::online_status).backlog;
    return backlog >= 200'000 && backlog <= 201'000;
  }));
  EXPECT_GE(counts(Event::online_status).dead_letters, kNotes - 201'000);
}

TEST_F(WebhookTest, ChangesOfPresenceKeepTheirOrderWhenTheStoreFails) {
  http::TestReceiver receiver;
  listen(receiver);
  options_->focus_events = {"user.onlinestatus"};
  start();
  core_.fail.store(true);
  for (std::uint64_t i = 1; i <= 3'000; ++i) webhook_->note_presence(change("u", i, true, i));
  EXPECT_TRUE(eventually([&] { return core_.failed >= 1'500; }));
  // A store that fails does not write what comes right behind either.
  core_.refuse.store(true);
  EXPECT_TRUE(eventually([&] { return core_.refused > 0; }));
  core_.fail.store(false);
  core_.refuse.store(false);
  EXPECT_TRUE(eventually([&] { return counts(Event::online_status).sent == 3'000; }));
  std::string all;
  for (const auto& call : receiver.calls()) all += call.body;
  std::size_t at = 0;
  for (std::uint64_t i = 1; i <= 3'000; ++i) {
    const auto text = "u-0-1-" + std::to_string(i) + "-" + std::to_string(i) + "-";
    at = all.find(text, at);
    ASSERT_NE(at, std::string::npos) << text;
  }
}

TEST_F(WebhookTest, ChangesOfPresenceAreRecordedToldAndForgotten) {
  http::TestReceiver receiver;
  listen(receiver);
  start();
  webhook_->note_presence(change("u", 1, true, 1));
  webhook_->note_presence(change("u", 1, false, 0));
  EXPECT_TRUE(eventually([&] { return counts(Event::online_status).sent == 2; }));
  EXPECT_TRUE(eventually([&] { return core_.forgotten == 2; }));
  std::string all;
  for (const auto& call : receiver.calls()) all += call.body;
  EXPECT_LT(all.find("u-0-1-1-1-1"), all.find("u-0-0-1-0-0"));
  EXPECT_NE(all.find("u-0-0-1-0-0"), std::string::npos);
}

TEST_F(WebhookTest, PresenceLeftByACrashIsToldAndSessionsAreEnded) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return 500; });
  listen(receiver);
  options_->focus_events = {"user.onlinestatus"};
  start();
  webhook_->note_presence(change("u", 1, true, 1));
  webhook_->note_presence(change("u", 2, true, 2));
  EXPECT_TRUE(eventually([&] { return counts(Event::online_status).backlog == 2; }));
  EXPECT_TRUE(receiver.wait_for_calls(1));
  forget_all();
  receiver.set_answer({});
  start();
  EXPECT_TRUE(eventually([&] { return counts(Event::online_status).sent == 4; }));
  std::string all;
  for (const auto& call : receiver.calls()) all += call.body;
  for (const char* text : {"u-0-1-1-1-1", "u-0-1-2-2-2", "u-0-0-1-1-1", "u-0-0-2-0-0"}) {
    EXPECT_NE(all.find(text), std::string::npos) << text;
  }
  // Nothing is left for a third start.
  EXPECT_TRUE(eventually([&] { return core_.forgotten == 4; }));
  forget_all();
  start();
  EXPECT_EQ(counts(Event::online_status).backlog, 0U);
}

TEST_F(WebhookTest, SessionsOfNodesThatLiveAreLeftToThem) {
  http::TestReceiver receiver;
  listen(receiver);
  options_->focus_events = {"user.onlinestatus"};
  const PartitionId partition = partition_for("u", kPartitions);
  const auto put = [&](const NodeBoot& start, std::uint64_t session) {
    store_.put(store::online_session_key(partition, "u", DeviceFlag::app, start, session), "");
  };
  const NodeBoot lives{7, 70};
  put({}, 1);          // as a version before this one has left it
  put({1001, 77}, 2);  // of a start before this one
  put({7, 69}, 3);     // the node lives, and is another start of it
  put(lives, 3);
  live_.insert(lives);
  start();
  EXPECT_TRUE(eventually([&] { return counts(Event::online_status).sent == 3; }));
  EXPECT_TRUE(eventually([&] { return core_.forgotten == 3; }));
  std::string all;
  for (const auto& call : receiver.calls()) all += call.body;
  // What is left counts the one that is there.
  for (const char* text : {"u-0-0-1-3-3", "u-0-0-3-2-2", "u-0-0-2-1-1"}) {
    EXPECT_NE(all.find(text), std::string::npos) << text << " in " << all;
  }
  std::vector<std::string> left;
  const std::string prefix = store::online_session_prefix(partition);
  ASSERT_TRUE(store_.scan(Table::main, prefix, store::after_prefix(prefix),
                          [&left](std::string_view key, std::string_view) {
                            left.emplace_back(key);
                            return true;
                          }));
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(store::online_session_of_key(left[0]).start, lives);
}

TEST_F(WebhookTest, PresenceOfAPartitionThatIsAwayIsRecordedWhenItIsBack) {
  http::TestReceiver receiver;
  listen(receiver);
  options_->focus_events = {"user.onlinestatus"};
  const PartitionId away = partition_for("u", kPartitions);
  std::string other = "v";
  while (partition_for(other, kPartitions) == away) other += "v";
  start();
  webhook_->note_presence(change("u", 1, true, 1));
  ASSERT_TRUE(eventually([&] { return counts(Event::online_status).sent == 1; }));
  owned_.end(away);
  webhook_->note_presence(change("u", 1, false, 0));
  webhook_->note_presence(change("u", 2, true, 1));
  presence::SessionInfo here;
  here.id = static_cast<SessionId>(2);
  here.uid = "u";
  ASSERT_TRUE(
      sessions_.register_session(here, milliseconds(0), sessions_.kick_mark("u", here.flag)));
  // Others do not wait for them.
  webhook_->note_presence(change(other, 7, true, 1));
  ASSERT_TRUE(eventually([&] { return counts(Event::online_status).sent == 2; }));
  const auto all = [&receiver] {
    std::string text;
    for (const auto& call : receiver.calls()) text += call.body;
    return text;
  };
  EXPECT_EQ(all().find("u-0-0-1-0-0"), std::string::npos);
  owned_.begin(away);
  ASSERT_TRUE(eventually([&] { return counts(Event::online_status).sent >= 4; }));
  EXPECT_LT(all().find("u-0-0-1-0-0"), all().find("u-0-1-2-1-1"));
  EXPECT_NE(all().find("u-0-1-2-1-1"), std::string::npos);
  // A session that is here is not among those that a dead node has left.
  owned_.end(away);
  owned_.begin(away);
  webhook_->note_presence(change("u", 3, true, 2));
  ASSERT_TRUE(eventually([&] { return all().find("u-0-1-3-2-2") != std::string::npos; }));
  EXPECT_EQ(all().find("u-0-0-2-"), std::string::npos);
}

TEST_F(WebhookTest, StopRecordsChangesThatWereJustNoted) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return http::TestReceiver::kHang; });
  listen(receiver);
  start();
  for (std::uint64_t i = 1; i <= 100; ++i) webhook_->note_presence(change("u", i, true, i));
  webhook_->stop();
  std::size_t rows = 0;
  const std::string prefix = store::presence_event_prefix(partition_for("u", kPartitions));
  ASSERT_TRUE(store_.scan(Table::main, prefix, store::after_prefix(prefix),
                          [&](std::string_view, std::string_view) {
                            ++rows;
                            return true;
                          }));
  EXPECT_EQ(rows, 100U);
}

TEST_F(WebhookTest, WhatIsGivenUpIsKeptAndToldAgainInOrder) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return 422; });
  listen(receiver);
  options_->focus_events = {"msg.notify"};
  options_->attempts_max = 2;
  options_->notify_count = 10;
  start();
  commit("g", 25);
  ASSERT_TRUE(eventually([&] { return dead_letters("g").size() == 25; }));
  const auto kept = dead_letters("g");
  EXPECT_EQ(kept.begin()->second.cause, store::GiveUpCause::refused);
  EXPECT_EQ(kept.begin()->second.attempts, 2U);
  EXPECT_EQ(kept.begin()->second.error, "status 422");
  EXPECT_EQ(kept.begin()->second.log, ChannelKey("g", ChannelType::group));
  EXPECT_EQ(counts(Event::notify).dead_letters, 25U);
  forget_all();

  receiver.set_answer({});
  const std::size_t before = receiver.calls().size();
  start();
  commit("g", 1);
  ASSERT_TRUE(eventually([&] { return counts(Event::notify).sent == 1; }));
  redrive("g");
  redrive("g");
  ASSERT_TRUE(eventually([&] { return dead_letters("g").empty(); }));
  auto calls = receiver.calls();
  calls.erase(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(before));
  std::vector<std::uint64_t> expected = {26};
  for (std::uint64_t i = 1; i <= 25; ++i) expected.push_back(i);
  EXPECT_EQ(seqs(calls, "g"), expected);
  for (const auto& call : calls) {
    EXPECT_LE(codec::parse_json(call.body)->get_array().value().size(), 10U);
  }
}

TEST_F(WebhookTest, WhatIsGivenUpAgainIsKeptAgain) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return 422; });
  listen(receiver);
  options_->focus_events = {"msg.notify"};
  options_->attempts_max = 1;
  start();
  commit("g", 2);
  ASSERT_TRUE(eventually([&] { return dead_letters("g").size() == 2; }));
  receiver.set_answer([](const http::ReceivedCall&) { return 418; });
  redrive("g");
  ASSERT_TRUE(eventually([&] {
    const auto kept = dead_letters("g");
    return kept.size() == 2 && kept.begin()->second.redrives == 1;
  }));
  EXPECT_EQ(dead_letters("g").begin()->second.error, "status 418");
  // Nobody has asked for another time.
  const std::size_t calls = receiver.calls().size();
  commit("h", 1);
  ASSERT_TRUE(receiver.wait_for_calls(calls + 1));
  EXPECT_EQ(seqs(receiver.calls(), "g").size(), 4U);
}

TEST_F(WebhookTest, WhatIsOverTheBacklogIsKept) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return 500; });
  listen(receiver);
  options_->focus_events = {"msg.notify"};
  options_->notify_count = 10;
  options_->backlog_max = 20;
  start();
  commit("g", 100);
  ASSERT_TRUE(eventually([&] { return counts(Event::notify).dead_letters == 80; }));
  receiver.set_answer({});
  ASSERT_TRUE(eventually([&] { return dead_letters("g").size() == 80; }));
  EXPECT_EQ(dead_letters("g").begin()->second.cause, store::GiveUpCause::excess);
  EXPECT_TRUE(eventually([&] { return counts(Event::notify).sent == 20; }));
  // One that is deleted meanwhile is no letter any more.
  const auto gone = dead_letters("g").begin()->second;
  store_.erase(store::message_key(partition_for("g", kPartitions), gone.log,
                                  static_cast<MessageSeq>(gone.seq)));
  redrive("g");
  ASSERT_TRUE(eventually([&] { return dead_letters("g").empty(); }));
  EXPECT_TRUE(eventually([&] { return counts(Event::notify).sent == 99; }));
}

TEST_F(WebhookTest, MetricsNameEveryEvent) {
  start();
  std::string text;
  webhook_->append_metrics(text);
  for (const char* name :
       {"sent_total", "failed_attempts_total", "dead_letters_total", "backlog", "oldest_seconds"}) {
    for (const char* event : {"msg.notify", "msg.offline", "user.onlinestatus"}) {
      const std::string line =
          std::string("jindou_webhook_") + name + "{event=\"" + event + "\"} 0\n";
      EXPECT_NE(text.find(line), std::string::npos) << line;
    }
  }
}

}  // namespace
}  // namespace jindou::webhook
