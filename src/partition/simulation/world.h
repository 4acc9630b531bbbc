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
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "model/job.h"
#include "partition/job_reader.h"
#include "partition/record_reader.h"
#include "partition/simulation/fact_model.h"
#include "partition/simulation/inbox_model.h"
#include "partition/simulation/job_model.h"
#include "partition/simulation/job_site.h"
#include "partition/simulation/job_work.h"
#include "partition/simulation/keyed_call.h"
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

// What the payloads of messages of jobs begin with, each of which has another one.
inline constexpr std::string_view kJobPayload = " of a job ";
// The same of requests with a key.
inline constexpr std::string_view kKeyedPayload = " of a key ";

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
  void let_everything_come();
  // The n-th read of each server from now on fails.
  void arm_readers(int nth);
  // True when one has failed.
  bool disarm_readers();

  // world_moves.cc
  // All servers are started on what their stores have; each partition is some server's.
  void start_servers();
  std::unique_ptr<Server> start_server(std::size_t number);
  // Of the server of that number.
  std::unique_ptr<JobSite> make_site(std::size_t number);
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
  std::shared_ptr<SendBatch> send(std::vector<SendCommand> commands, SharedOutcome first = {},
                                  SendTold told = {});
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
  // What a message was sent with that is there, or that somebody was told of.
  std::optional<std::string> sent_payload(const ChannelKey& log, std::uint64_t seq);
  // The last seq of a log that somebody was told of.
  std::uint64_t told_last(const ChannelKey& log) const;
  // All of a partition that are not from the last few seconds.
  void drop_tombstones();

  // world_jobs.cc
  using Stored = std::map<ChannelKey, std::map<std::uint64_t, Message>>;
  void change_jobs();
  void begin_job(const std::string& id);
  // In the partition whose jobs nobody runs, results are made up.
  bool is_made_up(const std::string& job) const {
    return partition_for(job, kPartitions) == told_partition_;
  }
  JobOptions some_job_options();
  // Of all that an ended one has sent. False: there is none.
  bool begin_revision(BeginJob begin);
  // As a request that sends a batch and keeps it.
  void begin_kept_batch(BeginJob begin);
  std::optional<Job> find_batch();
  SendCommand some_job_message();
  store::JobInput some_job_input();
  JobResult some_job_result();
  // Returns where the next chunk begins.
  std::uint64_t append_job_input(const std::string& id, std::uint64_t first);
  void keep_sent(const std::string& id, std::uint64_t first);
  // Tells made up results.
  void advance_job(const Job& job);
  // What has come of batches that are kept.
  void tell_of_jobs();

  // world_job_work.cc
  // Some of those who run jobs take a step.
  void step_jobs();
  Result<std::shared_ptr<PendingSend>> send_for_job(std::vector<SendCommand>&& commands,
                                                    SendDone done);
  Result<void> change_for_job(std::size_t server, Change what,
                              std::function<void(Result<void>)> done);
  Result<void> revise_for_job(std::size_t server, std::vector<Command> commands,
                              Transaction::Done done);
  void note_job_messages(const std::vector<SendCommand>& commands);
  // Jobs come to their end where nothing keeps them from it, and requests with a key are answered.
  void finish_work();
  // What was told of items that were sent, recalled or edited is so.
  void check_jobs(const Stored& stored);
  struct JobMessages {
    std::map<MessageId, const Message*> by_id;
    std::map<std::string, const Message*> by_number;
    std::map<std::string, int> notices;  // to clients, by number
  };
  // Fails when an item is there twice.
  JobMessages job_messages(const Stored& stored);
  // `message`: what is where the result says; null: nothing.
  void check_sent_item(const Job& job, const JobItem& item, const JobResult& result,
                       const std::string& number, const Message* message,
                       const JobMessages& messages);
  void check_revised_item(const Job& job, const JobItem& item, const JobResult& result,
                          const JobMessages& messages);
  // Each was changed once at most, with the command that tells of it, and is shown so.
  void check_revised(const JobMessages& messages);
  void check_withdrawn(const Job& recall, const JobMessages& messages);
  void check_shown(const Stored& stored);

  // world_keyed.cc
  void step_keyed();
  void begin_call();
  void step_call(KeyedCall& call);
  void begin_try(KeyedCall& call);
  void step_try(KeyedCall& call, const std::shared_ptr<KeyedTry>& attempt);
  // Nobody else carries it out.
  void check_claim(const KeyedCall& call, const ClaimRequest& claim);
  // Whoever asks is given the same.
  void hear_answer(KeyedCall& call, const std::string& answer);
  // At whoever is known to have the partition; nobody repeats it elsewhere.
  void ask_once(Change what, std::function<void(const Result<void>&)> told);
  // Of one server, or of all.
  void forget_tries(std::optional<std::size_t> server);
  bool any_call_open() const;
  void check_keyed(const Stored& stored);

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
    Transaction::Done done;  // for who is told the outcome; may be null
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
  std::shared_ptr<Asked> begin_transaction(std::size_t server, std::vector<Command> commands,
                                           int repeats_left, Transaction::Done done);
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

  void collect(Stored& stored);

  std::mt19937_64 dice_;
  std::int64_t now_ms_ = 1'700'000'000'000;
  VirtualClock clock_{now_ms_};  // of whoever reads
  std::unique_ptr<SimulatedStore> store_;
  SimulatedStore& disk_ = *store_;
  MakeJobWork make_job_work_;
  PartitionId told_partition_;                         // in which nobody runs jobs
  std::vector<std::unique_ptr<VirtualClock>> clocks_;  // of the servers
  std::vector<std::unique_ptr<JobSite>> sites_;        // of each of them, which it outlives
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
  std::vector<KeepSent> kept_;            // of batches that were sent
  std::set<std::string> job_numbers_;     // of messages of jobs, which nothing else changes
  std::set<std::string> edited_batches_;  // jobs; each once
  std::set<std::string> retried_jobs_;
  struct Withdrawn {
    std::string batch;
    std::vector<std::string> numbers;  // of all its messages
    std::uint64_t items = 0;           // of the job that recalls it
  };
  std::map<std::string, Withdrawn> withdrawn_;  // by the job that recalls it
  std::vector<std::unique_ptr<KeyedCall>> calls_;
  ViewModel views_;
  LaneModel lanes_;
  std::vector<SyncClient> devices_;
  // Times that were reserved, and commit records that were dropped.
  std::vector<std::pair<ReserveTime, SharedOutcome>> reserved_;
  std::vector<std::pair<std::string, SharedOutcome>> dropped_records_;
  std::map<ChannelKey, SeenChanges> log_changes_;
  Summary summary_;
  std::map<SendKey, std::set<std::string>> attempted_;
  // How often each was sent and not refused, as far as is told.
  std::map<SendKey, std::int64_t> open_sends_;
  std::map<SendKey, Known> first_;
  std::map<ChannelKey, std::map<std::uint64_t, Known>> acknowledged_;
  std::map<ChannelKey, std::uint64_t> delivered_;
  // Of the conversations that were there at the last check; 0: there was none.
  std::map<std::pair<ChannelKey, std::string>, std::int64_t> conversation_changed_at_;
  std::set<std::uint64_t> ids_;
};

}  // namespace jindou::partition::simulation
