#include "partition/simulation/command_kinds.h"

#include <limits>
#include <utility>

#include "store/job_records.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

namespace {

const ChannelKey kKindsGroup("g1", ChannelType::group);
const ChannelKey kPair("u1@u2", ChannelType::person);
const ChannelKey kAgent("u1@bot", ChannelType::agent);
const ChannelKey kImported("imported", ChannelType::group);
const ChannelKey kImportedPair("i1@i2", ChannelType::person);

SendCommand message(const ChannelKey& channel, const std::string& from, const std::string& text) {
  SendCommand command;
  command.channel = channel;
  command.from_uid = from;
  command.client_msg_no = text;
  command.idempotent = true;
  command.payload = text;
  return command;
}

SendCommand with_expiry(SendCommand command) {
  command.expire = 1;
  return command;
}

SendCommand stream(const std::string& number) {
  SendCommand command = message(kKindsGroup, "u1", number);
  command.setting = kSettingStream;
  return command;
}

SendCommand as_command(SendCommand command, std::vector<std::string> users) {
  command.flags.sync_once = true;
  command.subscribers = std::move(users);
  return command;
}

AppendEvent event(const std::string& anchor, AppendEvent::Effect effect, const std::string& id) {
  AppendEvent event;
  event.channel = kKindsGroup;
  event.client_msg_no = anchor;
  event.effect = effect;
  event.event_id = id;
  event.event_type = "stream";
  event.event_key = std::string(kMainLane);
  event.text = effect == AppendEvent::Effect::text_delta ? id : "";
  return event;
}

AppendEvent begins(AppendEvent event) {
  event.begins_stream = true;
  return event;
}

UpsertChannel upsert(const ChannelKey& channel, bool reset, std::vector<std::string> subscribers) {
  UpsertChannel change;
  change.channel = channel;
  change.flags.large = reset;
  change.reset_subscribers = reset;
  change.subscribers = std::move(subscribers);
  return change;
}

ChangeMembers members(const ChannelKey& channel, MemberList list,
                      ChangeMembers::Operation operation, std::vector<std::string> uids) {
  ChangeMembers change;
  change.channel = channel;
  change.list = list;
  change.operation = operation;
  change.uids = std::move(uids);
  return change;
}

ChangeConversation conversation(const ChannelKey& channel, ChangeConversation::Operation operation,
                                std::uint64_t value) {
  ChangeConversation change;
  change.channel = channel;
  change.uids = {"u1", "u2", "u9"};
  change.operation = operation;
  change.value = value;
  return change;
}

// Messages with these seqs, as another server has them.
ImportMessages imported(const ChannelKey& channel, std::uint64_t after,
                        const std::vector<std::uint64_t>& seqs) {
  const auto id = [](std::uint64_t seq) { return static_cast<MessageId>(kForeignIdMin + seq); };
  ImportMessages command;
  command.channel = channel;
  command.after_seq = after;
  command.after_id = id(after);
  for (const std::uint64_t seq : seqs) {
    Message& message = command.messages.emplace_back();
    message.id = id(seq);
    message.seq = static_cast<MessageSeq>(seq);
    message.from_uid = seq % 2 == 0 ? "i1" : "i2";
    message.client_msg_no = "imported" + std::to_string(seq);
    message.timestamp = 1'600'000'000;
    message.payload = message.client_msg_no;
  }
  return command;
}

// Of the n-th message of furnished().
MessageId id_of(std::uint64_t n) { return message_id_of(n, kPartition); }

// Of the request that is claimed.
constexpr std::int64_t kRequestUntil = 1'700'000'010'000;  // milliseconds
constexpr std::int64_t kRequestExpires = 1'700'086'400;    // seconds

// Of the message at `seq` of the group.
store::WebhookLetterRecord letter_of(std::uint64_t seq) {
  store::WebhookLetterRecord letter;
  letter.log = kKindsGroup;
  letter.seq = seq;
  letter.error = "status 500";
  return letter;
}

std::string job_id(char digit) { return std::string(kJobIdBytes, digit); }

AppendJobInput job_input(const std::string& job, std::uint64_t first, std::size_t items) {
  store::JobInputBuilder builder;
  builder.refuse(Errc::invalid, "it is no message");
  while (builder.items() < items) builder.add(message(kKindsGroup, "u1", "of a job"));
  return {job, first, builder.take(), 2};
}

// Of a batch that was sent: a line that is no message, and others that were refused.
KeepSent sent(const std::string& job, std::uint64_t first, std::size_t items, bool last) {
  KeepSent kept;
  kept.job = job;
  kept.first = first;
  kept.input = job_input(job, first, items).input;
  JobResult refused;
  refused.state = JobResult::State::refused;
  kept.results.assign(items, refused);
  kept.last = last;
  kept.now_ms = 4;
  return kept;
}

// Of the first pass; each of the items was refused.
AdvanceJob advance(const std::string& job, std::uint64_t from, std::uint64_t to) {
  AdvanceJob advance;
  advance.job = job;
  advance.pass = 1;
  advance.from = from;
  advance.to = to;
  advance.now_ms = 4;
  JobResult refused;
  refused.state = JobResult::State::refused;
  // The first one is no message.
  for (std::uint64_t index = from == 0 ? 1 : from; index < to; ++index) {
    advance.results.emplace_back(index, refused);
  }
  return advance;
}

// One that is running, one that is uploaded, one that has ended, one that has failed, one that is
// paused, and a batch of which a part is kept.
std::vector<Change> furnished_jobs() {
  const std::string running = job_id('1');
  const std::string uploading = job_id('2');
  const std::string cancelled = job_id('3');
  const std::string done = job_id('4');
  const std::string stopped = job_id('7');
  JobOptions options;
  options.name = "news";
  JobOptions kept;
  kept.kind = JobKind::batch;
  return {
      BeginJob{running, options, 1},
      job_input(running, 0, 4),
      SealJob{running, 4, 3},
      ChangeJob{running, JobAction::start, "", 3, 7, 0},
      advance(running, 0, 2),
      BeginJob{uploading, options, 1},
      job_input(uploading, 0, 2),
      BeginJob{cancelled, options, 1},
      ChangeJob{cancelled, JobAction::cancel, "", 3},
      BeginJob{stopped, options, 1},
      job_input(stopped, 0, 2),
      SealJob{stopped, 2, 3},
      ChangeJob{stopped, JobAction::start, "", 3, 9, 0},
      ChangeJob{stopped, JobAction::pause, "", 3},
      BeginJob{job_id('6'), kept, 1},
      sent(job_id('6'), 0, 2, false),
      BeginJob{done, options, 1},
      job_input(done, 0, 2),
      job_input(done, 2, 2),
      SealJob{done, 4, 3},
      advance(done, 0, 2),
      AdvanceJob{.job = done,
                 .pass = 1,
                 .from = 2,
                 .to = 4,
                 .results = {{3, job_result_of(SendResult())}},
                 .stop = std::nullopt,
                 .reason = "",
                 .now_ms = 5},
  };
}

std::vector<CommandKind> job_commands() {
  const std::string running = job_id('1');
  const std::string uploading = job_id('2');
  AdvanceJob stopping = advance(running, 2, 3);
  stopping.stop = JobAction::fail;
  stopping.reason = "an item was refused";
  stopping.settled_by = 7;
  AdvanceJob settling;
  settling.job = job_id('7');
  settling.pass = 1;
  settling.settled_by = 9;
  return {
      {"begin job", BeginJob{job_id('5'), {}, 6}},
      {"job input", job_input(uploading, 2, 3)},
      {"keep sent", sent(job_id('6'), 2, 2, false)},
      {"keep the last of what was sent", sent(job_id('6'), 2, 2, true)},
      {"seal job", SealJob{uploading, 2, 6}},
      {"advance job", advance(running, 2, 3)},
      {"advance job to its end", advance(running, 2, 4)},
      {"stop job", stopping},
      {"settle job", settling},
      {"pause job", ChangeJob{running, JobAction::pause, "", 6}},
      {"cancel job", ChangeJob{running, JobAction::cancel, "", 6}},
      {"cut upload", ChangeJob{uploading, JobAction::fail, "", 6}},
      {"take a job over", ChangeJob{running, JobAction::start, "", 6, 8, 7}},
      {"retry job", ChangeJob{job_id('4'), JobAction::retry, "", 6}},
      {"job rate", SetJobRate{running, 7, 6}},
      {"reach of a job", CountReach{running, {1, 5, 2}}},
      {"delete job", DeleteJob{job_id('3')}},
      {"reclaim jobs", ReclaimJobs{kPartition, 9, 9, 9}},
  };
}

std::string expiry_key(std::uint64_t seq) {
  return store::expiry_key(kPartition, 1'700'000'001, kKindsGroup, MessageSeq{seq});
}

std::vector<CommandKind> requests() {
  const std::string fingerprint(store::kRequestKeyBytes, 'f');
  const std::string key(store::kRequestKeyBytes, '1');  // claimed by 1 in furnished()
  const std::string fresh(store::kRequestKeyBytes, '2');
  const std::string expiry = store::request_expiry_key(kPartition, kRequestExpires, key);
  const std::int64_t later = kRequestUntil + 1;
  return {
      {"claim", ClaimRequest{kPartition, fresh, fingerprint, 7, later, later + 1, kRequestExpires}},
      {"claim of what was left",
       ClaimRequest{kPartition, key, fingerprint, 8, later, later + 1, kRequestExpires + 1}},
      {"finish", FinishRequest{kPartition, key, 1, 200, "", "[]"}},
      {"release", ReleaseRequest{kPartition, key, 1}},
      {"reclaim requests", ReclaimRequests{kPartition, {expiry}, kRequestExpires}},
  };
}

}  // namespace

MemoryStore furnished() {
  using Operation = ChangeMembers::Operation;
  LonePartition world((MemoryStore()));
  const std::vector<Command> history = {
      upsert(kKindsGroup, false, {"u1", "u2", "u3"}),
      members(kKindsGroup, MemberList::denylist, Operation::add, {"u3", "d1"}),
      members(kKindsGroup, MemberList::allowlist, Operation::add, {"u1"}),
      message(kKindsGroup, "u1", "one"),
      with_expiry(message(kKindsGroup, "u2", "two")),
      stream("anchor"),
      stream("running"),
      event("anchor", AppendEvent::Effect::text_delta, "e1"),
      begins(event("running", AppendEvent::Effect::text_delta, "e2")),
      with_expiry(stream("expiring")),
      event("expiring", AppendEvent::Effect::text_delta, "e3"),
      as_command(message(kKindsGroup, "u1", "order"), {}),
      as_command(message(ChannelKey(), "u1", "targeted"), {"u1", "u2"}),
      message(kPair, "u1", "hello"),
      message(kAgent, "u1", "ask"),
      StoreToken{"u1", DeviceFlag::app, DeviceLevel::master, "t1"},
      StoreToken{"u1", DeviceFlag::web, DeviceLevel::slave, "t2"},
      members(ChannelKey("u2", ChannelType::person), MemberList::denylist, Operation::add, {"d1"}),
      ClaimRequest{kPartition, std::string(store::kRequestKeyBytes, '1'),
                   std::string(store::kRequestKeyBytes, 'f'), 1, 0, kRequestUntil, kRequestExpires},
      CountBulk{kPartition, 20'000, 2, {{"u1", 1}, {"u2", 2}}},
      StoreTemplate{"t1", 1, "one", 5},
      StoreTemplate{"t1", 2, "two", 6},
      StoreTemplate{"t2", 1, "one", 7},
      EditMessage{kPair, 1, id_of(8), 1, "edited", "u1"},
      AdvanceWebhook{kPartition, 12, 12, {{11, letter_of(1)}, {12, letter_of(2)}}, 1},
      RedriveWebhook{kPartition, {12}},
      imported(kImported, 0, {1, 3}),
  };
  for (const Command& command : history) {
    const auto failed = world.run(command);
    EXPECT_FALSE(failed.has_value());
  }
  for (const Change& change : furnished_jobs()) {
    const auto failed = world.run(change);
    EXPECT_FALSE(failed.has_value());
  }
  return world.memory;
}

std::vector<CommandKind> changes_of_channels() {
  using Operation = ChangeMembers::Operation;
  using What = ChangeConversation::Operation;
  const ChannelKey inbox("u2", ChannelType::person);
  const ChannelKey agent_backwards("bot@u1", ChannelType::agent);
  return {
      {"upsert", upsert(kKindsGroup, false, {})},
      {"upsert with members", upsert(kKindsGroup, false, {"u1", "u4"})},
      {"upsert with reset", upsert(kKindsGroup, true, {"u1", "u4"})},
      {"upsert of a new channel", upsert(ChannelKey("g2", ChannelType::group), true, {"u1"})},
      {"add", members(kKindsGroup, MemberList::subscribers, Operation::add, {"u3", "u5"})},
      {"remove", members(kKindsGroup, MemberList::subscribers, Operation::remove, {"u2", "u5"})},
      {"replace", members(kKindsGroup, MemberList::subscribers, Operation::replace, {"u5"})},
      {"deny", members(kKindsGroup, MemberList::denylist, Operation::add, {"u1"})},
      {"readmit", members(kKindsGroup, MemberList::denylist, Operation::remove, {"u3", "d1"})},
      {"readmit all", members(kKindsGroup, MemberList::denylist, Operation::replace, {"d2"})},
      {"allow", members(kKindsGroup, MemberList::allowlist, Operation::replace, {"u2"})},
      {"inbox", members(inbox, MemberList::denylist, Operation::add, {"u9"})},
      {"delete channel", DeleteChannel{kKindsGroup}},
      {"open", conversation(kKindsGroup, What::open, 0)},
      {"read", conversation(kKindsGroup, What::read, 0)},
      {"unread", conversation(kPair, What::set_unread, 1)},
      {"remove conversation", conversation(agent_backwards, What::remove, 0)},
      {"command position", AdvanceCommandPosition{kKindsGroup, "u2", 1}},
      {"command position, agent", AdvanceCommandPosition{agent_backwards, "u1", 1}},
      {"clear", ClearMessages{kKindsGroup, 100, false}},
      {"clear commands", ClearMessages{kKindsGroup, 100, true}},
      {"delete messages", DeleteMessages{kKindsGroup, {1, 3, 4, 5}}},
      {"recall", RecallMessage{kKindsGroup, 1, id_of(1), "u1"}},
      {"recall of an anchor", RecallMessage{kKindsGroup, 3, id_of(3), "u1"}},
      {"edit", EditMessage{kKindsGroup, 3, id_of(3), 1, "edited", "u2"}},
      {"edit of what was edited", EditMessage{kPair, 1, id_of(8), 2, "edited again", "u2"}},
      {"retention", SetRetention{kKindsGroup, 10, 10}},
      {"reclaim", ReclaimExpired{kPartition, {expiry_key(2), expiry_key(5)}}},
      {"close streams", CloseIdleStreams{kPartition, 0}},
      {"import", imported(ChannelKey("imported too", ChannelType::group), 0, {1, 2, 5})},
      {"import of a pair", imported(kImportedPair, 0, {3, 4})},
      {"import that goes on", imported(kImported, 3, {4, 7})},
  };
}

std::vector<CommandKind> other_commands() {
  using Effect = AppendEvent::Effect;
  AdvanceWebhook webhook;
  webhook.partition = kPartition;
  webhook.notified_to = 30;
  webhook.letters = {{29, letter_of(1)}, {30, letter_of(3)}};
  DropTombstones tombstones;
  tombstones.partition = kPartition;
  for (const char* uid : {"u3", "u1", "d1"}) {
    tombstones.keys.push_back(store::tombstone_key(kPartition, uid, kKindsGroup));
  }
  tombstones.up_to_ns = std::numeric_limits<std::int64_t>::max();
  RecordCommandSync sync;
  sync.uid = "u1";
  sync.positions = {{kKindsGroup, 1}};
  RecordPresenceEvent online;
  online.uid = "u1";
  online.start = {1, 99};
  online.session_id = 7;
  online.at_ns = 1;
  online.text = "x";
  const auto presence_key = store::presence_event_key(kPartition, 1, {1, 99}, 7, true);
  const ChannelKey visitors("v1", ChannelType::visitors);
  const ChannelKey service("v1|g", ChannelType::customer_service);
  std::vector<CommandKind> kinds = {
      {"token", StoreToken{"u1", DeviceFlag::app, DeviceLevel::master, "t9"}},
      {"clear tokens", ClearTokens{"u1", {}}},
      {"system accounts", ChangeSystemAccounts{true, {"s1", "s2"}}},
      {"command sync", sync},
      {"time", ReserveTime{kPartition, 1}},
      {"commit records", DropCommitRecords{kPartition, {1}}},
      {"tombstones", tombstones},
      {"webhook", webhook},
      {"presence", online},
      {"forget presence", ForgetPresenceEvents{kPartition, {presence_key}}},
      {"redrive", RedriveWebhook{kPartition, {11, 12, 13}}},
      {"settle redrives", SettleRedrives{kPartition, {{12, 0, {}}}}},
      {"settle redrives that failed", SettleRedrives{kPartition, {{12, 0, letter_of(4)}}}},
      {"bulk count", CountBulk{kPartition, 20'000, 2, {{"u1", 3}, {"u1", 4}, {"u2", 2}}}},
      {"forget bulk counts", ForgetBulkCounts{kPartition, 20'001}},
      {"template", StoreTemplate{"t3", 1, "one", 8}},
      {"template version", StoreTemplate{"t1", 3, "three", 9}},
      {"delete template", DeleteTemplate{"t1", 0}},
      {"delete template version", DeleteTemplate{"t1", 1}},
      {"delete last template version", DeleteTemplate{"t2", 1}},
      {"delta", event("anchor", Effect::text_delta, "e7")},
      {"end", event("running", Effect::close, "e8")},
      {"begin stream", begins(event("running", Effect::snapshot, "e9"))},
      {"send", message(kKindsGroup, "u1", "three")},
      {"send as a stranger", message(kKindsGroup, "u9", "four")},
      {"first send of a pair", message(ChannelKey("u7@u8", ChannelType::person), "u7", "a")},
      {"first send of a visitor", message(visitors, "v1", "b")},
      {"first send to a service", message(service, "v1", "c")},
      {"first send to an agent", message(ChannelKey("u7@bot", ChannelType::agent), "u7", "d")},
      {"command", as_command(message(kKindsGroup, "u2", "do"), {})},
      {"targeted command", as_command(message(ChannelKey(), "u1", "now"), {"u1", "u2", "u3"})},
  };
  for (CommandKind& kind : requests()) kinds.push_back(std::move(kind));
  for (CommandKind& kind : job_commands()) kinds.push_back(std::move(kind));
  return kinds;
}

std::vector<CommandKind> long_changes() {
  using Operation = ChangeMembers::Operation;
  const std::vector<std::string> many = {"u1", "u5", "u7", "u8", "u9"};
  return {
      {"long upsert", upsert(kKindsGroup, true, many)},
      {"long add", members(kKindsGroup, MemberList::subscribers, Operation::add, many)},
      {"long removal",
       members(kKindsGroup, MemberList::subscribers, Operation::remove, {"u1", "u2", "u3", "u5"})},
      {"long replacement", members(kKindsGroup, MemberList::subscribers, Operation::replace, many)},
      {"long denial", members(kKindsGroup, MemberList::denylist, Operation::add, many)},
      {"long upsert of a new channel", upsert(ChannelKey("g3", ChannelType::group), false, many)},
  };
}

namespace {

void add_unsettled(LonePartition& world) {
  world.begin(message(kKindsGroup, "u2", "unsettled"));
  world.begin(event("anchor", AppendEvent::Effect::text_delta, "unsettled"));
  world.begin(members(kKindsGroup, MemberList::subscribers, ChangeMembers::Operation::add, {"u6"}));
  world.begin(StoreToken{"u1", DeviceFlag{2}, DeviceLevel::slave, "unsettled"});
  world.begin(StoreTemplate{"t4", 1, "unsettled", 10});
  world.begin(BeginJob{job_id('6'), {}, 1});
  world.begin(job_input(job_id('6'), 0, 4));
  world.begin(SealJob{job_id('6'), 4, 3});
  world.begin(advance(job_id('6'), 0, 2));
  world.begin(EditMessage{kKindsGroup, 1, id_of(1), 1, "unsettled", "u1"});
  world.begin(AdvanceWebhook{kPartition, 20, 20, {{20, letter_of(5)}}, 0});
}

// A long change of the group's subscribers, some of whose slices are durable.
void begin_long_change(LonePartition& world) {
  using Operation = ChangeMembers::Operation;
  world.run(message(kKindsGroup, "u1", "before the long change"));
  world.begin(members(kKindsGroup, MemberList::subscribers, Operation::replace,
                      {"u1", "u4", "u5", "u6", "u7", "u8", "u9"}));
  for (int i = 0; i < 3; ++i) world.step();
}

}  // namespace

PartitionOptions options_of(Situation situation) {
  PartitionOptions options;
  if (situation == Situation::cut_short || situation == Situation::under_way)
    options.lists.slice = 2;
  return options;
}

void prepare(LonePartition& partition, Situation situation) {
  // Also those that expire are over.
  partition.clock.now_ms += 5000;
  if (situation == Situation::unsettled) add_unsettled(partition);
  if (situation == Situation::under_way) begin_long_change(partition);
}

void follow_up(LonePartition& world) {
  using What = ChangeConversation::Operation;
  const Command commands[] = {
      message(kKindsGroup, "u1", "after"),
      message(kPair, "u2", "after"),
      message(ChannelKey("u7@u8", ChannelType::person), "u8", "after"),
      event("anchor", AppendEvent::Effect::text_delta, "after"),
      event("anchor", AppendEvent::Effect::close, "end"),
      conversation(kKindsGroup, What::set_unread, 2),
      members(kKindsGroup, MemberList::subscribers, ChangeMembers::Operation::remove, {"u6", "u2"}),
      as_command(message(kKindsGroup, "u1", "after, as a command"), {}),
      CloseIdleStreams{kPartition, 0},
      ClearTokens{"u1", {}},
      DeleteTemplate{"t4", 0},
      StoreTemplate{"t4", 2, "after", 11},
      advance(job_id('1'), 2, 3),
      advance(job_id('6'), 2, 4),
      job_input(job_id('2'), 2, 2),
      DeleteJob{job_id('6')},
      BeginJob{job_id('3'), {}, 12},
      EditMessage{kKindsGroup, 1, id_of(1), 1, "after", "u1"},
      EditMessage{kKindsGroup, 1, id_of(1), 2, "after", "u1"},
      RecallMessage{kPair, 1, id_of(8), "u1"},
      AdvanceWebhook{kPartition, 40, 40, {{40, letter_of(6)}}, 1},
      RedriveWebhook{kPartition, {11, 40}},
      SettleRedrives{kPartition, {{11, 0, letter_of(7)}, {12, 0, {}}, {40, 0, {}}}},
      message(kImported, "i1", "after"),
      message(kImportedPair, "i2", "after"),
  };
  for (const Command& command : commands) {
    ++world.clock.now_ms;
    world.run(command);
  }
}

}  // namespace jindou::partition::simulation
