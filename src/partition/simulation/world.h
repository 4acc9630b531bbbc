// The core under a seed: servers whose partitions come and go, over a store that fails and loses
// what it was not asked to sync, random commands, and what callers know of them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "model/job.h"
#include "partition/record_reader.h"
#include "partition/simulation/fact_model.h"
#include "partition/simulation/inbox_model.h"
#include "partition/simulation/job_model.h"
#include "partition/simulation/lane_model.h"
#include "partition/simulation/list_model.h"
#include "partition/simulation/removals.h"
#include "partition/simulation/revision_model.h"
#include "partition/simulation/server.h"
#include "partition/simulation/simulated_store.h"
#include "partition/simulation/summary.h"
#include "partition/simulation/sync_client.h"
#include "partition/simulation/view_model.h"
#include "partition/transaction.h"
#include "partition/transaction_turns.h"

namespace jindou::partition::simulation {

// (log, sender, client_msg_no)
using SendKey = std::tuple<ChannelKey, std::string, std::string>;

// Where a change belongs.
PartitionId home_of(const Change& change);

struct Attempt {
  ChannelKey log;
  std::string from_uid;
  std::string client_msg_no;
  std::string payload;
  bool idempotent = false;
  bool stored = false;
  std::optional<std::uint32_t> if_last_seq;
  std::uint64_t told_seq = 0;  // the last of its log that somebody had been told of before
};

struct Known {
  MessageId id{};
  MessageSeq seq{};
  std::string payload;
};

// Lives on one thread. Each group of operations has a source file of its own.
class World final : public EffectSink {
 public:
  World(std::uint64_t seed, const Surroundings& surroundings);
  ~World() override;

  Summary run(int steps);

  void post_committed(std::shared_ptr<const CommittedBatch> batch) override;

 private:
  // Of what is in the store, which does not fail.
  store::PartitionReaders readers() const {
    return store::PartitionReaders(disk_, PartitionMap(kPartitions));
  }
  std::uint64_t roll(std::uint64_t below) { return dice_() % below; }
  bool chance(std::uint64_t percent) { return roll(100) < percent; }

  void fail(std::string what) {
    if (summary_.violation.empty()) summary_.violation = std::move(what);
  }

  // Of a channel the seqs are told in their order.
  void note_told(const Message& message);

  void step();
  void fail_a_commit();
  void pump_some();
  void pump_all();
  void power_cut();
  // The node is gone, and another one that has applied the commits goes on.
  void take_over();
  void set_clock();
  // A user's device asks what is new.
  void sync_one();
  // Until nothing is on its way any more.
  void settle();
  // The n-th read of each server from now on fails.
  void arm_readers(int nth);
  // True when one has failed.
  bool disarm_readers();

  // world_moves.cc
  // All servers are started on what their stores have; each partition is some server's.
  void start_servers();
  std::unique_ptr<Server> start_server(std::size_t number);
  void forget_what_was_read();
  // Whom callers ask, who may have lost it.
  Server& known_owner(PartitionId partition) { return *servers_[known_[raw(partition)]]; }
  // Who is to have it.
  Server& wanted_owner(PartitionId partition) { return *servers_[wanted_[raw(partition)]]; }
  void want(PartitionId partition, std::size_t server);
  void move_something();
  // It is closed where it is, and opened there.
  void hand_over(PartitionId partition, std::size_t to);
  // The process ends without a word, and another one is started.
  void stop_a_server(std::size_t number);
  // Who has lost a partition hears of it when he writes.
  void let_hear_of_loss(std::size_t server);
  // Partitions are opened where they are to be.
  void open_partitions(bool at_once);
  // What was refused because the partition has gone is asked for again, where it is now.
  void repeat(PartitionId partition, std::function<void()> again);
  void run_repeats();
  // Makes durable that times up to there may be named to readers of that server.
  bool reserve_time(std::size_t server, std::int64_t until_ns);
  // Up to when whoever asks all owners finds everything; none: somebody does not answer.
  std::optional<std::int64_t> stable_ns();
  // Looks them up at some server, which has asked the owners first how far they are.
  void look_at_inboxes(std::span<SendCommand> commands);
  bool is_out_of_date(std::size_t server);
  void check_caches();

  // world_sends.cc
  SendCommand random_command();
  void anchor(SendCommand& command);
  void append_event();
  SharedOutcome append(LaneModel::Anchor& anchor, AppendEvent event);
  void append_again(const AppendEvent& event);
  // A batch of these. It may wait between the look at the inboxes and the evaluation.
  using SendTold = std::function<void(const std::vector<SendResult>&)>;
  void send(std::vector<SendCommand> commands, SharedOutcome first = {}, SendTold told = {});
  struct Posted {
    std::shared_ptr<SendBatch> batch;
    std::shared_ptr<std::vector<Judges>> judges;  // by item
  };
  void execute(const Posted& posted);
  void execute_waiting();
  void send_again(const std::vector<SendCommand>& commands);
  void send();
  Attempt attempt_of(const SendCommand& command) const;
  static std::string describe(const Attempt& attempt, const SendResult& result);

  static SendKey key_of(const Attempt& attempt) {
    return {attempt.log, attempt.from_uid, attempt.client_msg_no};
  }

  // What the caller was told must agree with what callers were told before.
  void judge(const Attempt& attempt, const SendResult& result);
  void judge_last_seq(const Attempt& attempt, const SendResult& result);

  // world_changes.cc
  void change();
  void change_tokens(const std::string& uid);
  void change_requests();
  void change_bulk_counts();
  void import_messages();
  void change_outbox(const std::string& uid);
  void change_letters();
  store::WebhookLetterRecord random_letter();
  void change_settings(const ChannelKey& group);
  void change_templates();
  void revise(const ChannelKey& group);
  void drop_commit_records();
  bool is_there(const store::CommitEntry& entry);
  // Has the partition whose it is evaluate it; the models hear of it.
  SharedOutcome ask(Change what);
  SharedOutcome ask_at_once(Change what);
  SharedOutcome ask(Server& server, Change what);
  void ask_again(Change what);
  // The models hear of it when that server evaluates it.
  void note(const Change& what, const SharedOutcome& outcome, Server& server);
  // The models hear of what it does to messages and to views.
  void note_removal(const Change& what, const SharedOutcome& outcome, Server& server);
  void note_view(const Change& what, const SharedOutcome& outcome);
  // The model hears of what becomes of a message.
  template <class Command>
  void note_revision(const Command& command, const SharedOutcome& outcome);
  // The last seq of a log that somebody was told of.
  std::uint64_t told_last(const ChannelKey& log) const;
  // All of a partition that are not from the last few seconds.
  void drop_tombstones();

  // world_jobs.cc
  void change_jobs();
  void begin_job(const std::string& id);
  // Returns where the next chunk begins.
  store::JobInput some_job_input();
  JobResult some_job_result();
  std::uint64_t append_job_input(const std::string& id, std::uint64_t first);
  void keep_sent(const std::string& id, std::uint64_t first);
  // Tells made up results.
  void advance_job(const Job& job);
  // Sends some items, as whoever runs the job, who may not live to tell what came of them.
  void run_job(const Job& job);
  void tell_of_jobs();
  // What was told of items that were sent is so.
  void check_jobs(const std::map<ChannelKey, std::map<std::uint64_t, Message>>& stored);

  // world_failing_reads.cc
  // Nothing of the partition is gathered or on its way; false: a change of a list goes on.
  bool bring_to_rest(PartitionId partition);
  // All of them, also where they are not known to be lost.
  bool bring_all_to_rest();
  // Asks for the same again and again, with the first, the second, the third ... of its reads
  // failing, until it needs no more. What is refused then must leave no trace. `begin` has the
  // partition evaluate it and returns what it is told, if it is told.
  void fail_each_read(PartitionId id, const std::function<SharedOutcome()>& begin);
  void fail_each_read_of_something();

  // world_transactions.cc
  // What was asked to be made all or none.
  struct Asked {
    std::vector<Command> commands;
    std::vector<SharedOutcome> outcomes;      // of each
    std::map<std::size_t, Attempt> attempts;  // of those that are messages
    std::weak_ptr<Transaction> transaction;   // while it is under way
    std::size_t server = 0;                   // that was asked
    int repeats_left = 0;
  };
  struct TransactionStep {
    std::shared_ptr<Transaction> transaction;
    std::size_t share = 0;
    Transaction::Step step{};
    std::size_t server = 0;
    PartitionId partition() const { return transaction->shares()[share].partition; }
  };
  // Those of a server that has ended.
  void forget_transactions(std::size_t server);
  std::shared_ptr<TransactionTurns> make_turns(std::size_t server);
  std::vector<Command> random_transaction();
  std::shared_ptr<Asked> begin_transaction(std::vector<Command> commands, int repeats_left);
  void transact();
  // The first step of some partition.
  void run_transaction_step();
  void finish_transactions();
  void fail_each_read_of_a_transaction();
  void tell(Asked& asked, const TransactionResult& told);
  // The users whose tokens only transactions change, each always together with others.
  void make_marks();
  // In a store, at any time.
  void check_marks(const store::Reader& reader);

  // world_checks.cc
  void check_store();

  // A gap tells of it: it is gone, or not everybody can read it.
  bool has_gap(const ChannelKey& log, std::uint64_t seq);
  // Among what he has not read.
  bool counts_for_sender(const ChannelKey& log, const Message& message);
  // It is as it was sent, or what edits and recalls have made of it.
  void check_revision(const ChannelKey& log, const Known& known, const Message& message);
  // It is found when its time is over.
  bool expires_in_time(const ChannelKey& log, const Message& message);
  std::uint64_t cleared_to(const ChannelKey& log);
  bool is_cleared(const ChannelKey& log, std::uint64_t seq) { return seq <= cleared_to(log); }
  // Of several messages with one number only the first is looked for; it may be gone.
  bool any_gone(const ChannelKey& log);

  // Who is a subscriber, and not denied, sees the channel; what he wrote himself is read.
  void check_conversations();

  // Who had a conversation at the last check and has none has its tombstone, or an old one.
  void check_tombstones(const ChannelKey& group);

  // Read at any time, also while a change is under way.
  ListModel::Lists check_lists(const ChannelKey& group);

  // Times that may have been named to readers are not given out again, and records that were
  // dropped are gone.
  void check_partition_rows();
  // Replicas have what the commits said.
  void check_replicas();
  // All that the models of facts and jobs know of, at any time; `settled`: nothing is on its way.
  void check_facts(bool settled);
  // After everything that was on its way is lost, or has come.
  void settle_inboxes();
  // What was read or hidden and acknowledged is so.
  void check_views();
  // Events of anchors are those that were written; those of messages that are gone are gone.
  void check_lanes();
  void check_running_streams();
  std::optional<MessageSeq> find_anchor(const LaneModel::Anchor& anchor);
  bool is_changing(const ChannelKey& group);

  // Everything that was begun is done, and memory agrees with the store.
  void check_nothing_left();

  // world_log_changes.cc
  // Of one log, as far as the checks have seen them.
  struct SeenChanges {
    std::uint64_t last = 0;
    std::uint64_t dropped_to = 0;
    std::map<std::uint64_t, LogChange> changes;
  };
  void check_log_changes();
  void read_log_changes(const ChannelKey& log);
  void compare_with_commits(PartitionId partition);
  static bool tells_of(const SeenChanges& seen, std::uint64_t seq);
  // The change that the message says it was made by.
  void compare_with_change(const ChannelKey& log, const Message& message);

  void collect(std::map<ChannelKey, std::map<std::uint64_t, Message>>& stored);

  std::mt19937_64 dice_;
  std::int64_t now_ms_ = 1'700'000'000'000;
  VirtualClock clock_{now_ms_};  // of whoever reads
  std::unique_ptr<SimulatedStore> store_;
  SimulatedStore& disk_ = *store_;
  std::vector<std::unique_ptr<VirtualClock>> clocks_;  // of the servers
  std::vector<std::unique_ptr<Server>> servers_;
  // By partition.
  std::array<std::size_t, kPartitions> known_{};
  std::array<std::size_t, kPartitions> wanted_{};
  std::array<std::optional<std::size_t>, kPartitions> handing_over_{};  // the server that closes it
  std::vector<std::function<void()>> repeats_;
  std::uint64_t generated_ = 0;
  std::uint64_t letters_to_ = 20;  // how far the webhook has got that gives up
  std::vector<std::shared_ptr<TransactionTurns>> turns_;  // by server
  std::deque<TransactionStep> steps_;
  std::vector<std::shared_ptr<Asked>> asked_;  // that nobody was told of
  // The changes of the transaction that is made up; null: none is.
  std::vector<Command>* gathering_ = nullptr;
  // In each set those of one mark each partition of it.
  std::vector<std::vector<std::pair<PartitionId, std::string>>> marks_;
  bool failing_reads_ = false;  // each command is asked for by fail_each_read()

  std::vector<Posted> waiting_;
  InboxModel judges_;
  Removals removals_;
  RevisionModel revisions_;
  bool may_expire_ = false;
  ListModel lists_;
  FactModel facts_{kPartitions};
  JobModel jobs_{kPartitions};
  std::vector<AdvanceJob> job_steps_;  // of items that were sent
  ViewModel views_;
  LaneModel lanes_;
  std::vector<SyncClient> devices_;
  // Times that were reserved, and commit records that were dropped.
  std::vector<std::pair<ReserveTime, SharedOutcome>> reserved_;
  std::vector<std::pair<std::string, SharedOutcome>> dropped_records_;
  std::map<ChannelKey, SeenChanges> log_changes_;
  Summary summary_;
  std::map<SendKey, std::set<std::string>> attempted_;
  std::map<SendKey, Known> first_;
  std::map<ChannelKey, std::map<std::uint64_t, Known>> acknowledged_;
  std::map<ChannelKey, std::uint64_t> delivered_;
  // Of the conversations that were there at the last check; 0: there was none.
  std::map<std::pair<ChannelKey, std::string>, std::int64_t> conversation_changed_at_;
  std::set<std::uint64_t> ids_;
};

}  // namespace jindou::partition::simulation
