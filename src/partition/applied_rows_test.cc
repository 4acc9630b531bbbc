// A node that only applies the commits of another one remembers the same.
#include "partition/applied_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/job.h"
#include "partition/job_reader.h"
#include "partition/partition.h"
#include "partition/simulation/lone_partition.h"
#include "partition/simulation/memory_store.h"
#include "store/keys.h"

namespace jindou::partition {
namespace {

using simulation::FixedClock;
using simulation::kPartition;
using simulation::MemoryStore;

const std::vector<std::string> kUids = {"u1", "u2", "u3"};

std::string sorted(const UidSet& set) {
  std::vector<std::string> uids(set.begin(), set.end());
  std::sort(uids.begin(), uids.end());
  std::string all;
  for (const auto& uid : uids) all += uid + " ";
  return all;
}

// What the caches of a node say, and what its rows do.
template <class Rows>
struct Memory {
  Rows rows;
  InboxDirectory inboxes{store::PartitionReaders(rows, PartitionMap(1)), 64};
  SystemAccounts accounts;
  ChangedJobs changed_jobs;

  static std::string say(InboxDirectory& from, const SystemAccounts& system) {
    std::string all;
    for (const auto& uid : kUids) {
      const auto inbox = from.load(uid);
      EXPECT_TRUE(inbox.has_value());
      all += uid + ": ";
      if (inbox && *inbox) {
        all += (*inbox)->flags.send_ban ? "silent, " : "";
        all += "not " + sorted((*inbox)->denylist) + "but " + sorted((*inbox)->allowlist);
      }
    }
    for (const auto& uid : system.list()) all += uid + " is one; ";
    return all;
  }
  // Remembered by now, whatever was.
  std::string remembered() { return say(inboxes, accounts); }
  std::string stored() const {
    InboxDirectory fresh(store::PartitionReaders(rows, PartitionMap(1)), 64);
    SystemAccounts system;
    EXPECT_TRUE(system.load({rows, kPartition}).has_value());
    return say(fresh, system);
  }
};

// Two nodes: one evaluates, the other one applies what it is handed.
class AppliedRowsTest : public ::testing::Test, private EffectSink, private store::CommitLog {
 protected:
  AppliedRowsTest() {
    const PartitionDeps deps{
        .reader = owner_.rows,
        .log = *this,
        .loader = owner_.rows,
        .inboxes = owner_.inboxes,
        .accounts = owner_.accounts,
        .horizon = horizon_,
        .effects = *this,
        .clock = clock_,
        .fingerprint_seed = 42,
        .changed_jobs = &owner_.changed_jobs,
    };
    partition_ = std::make_unique<Partition>(kPartition, deps, PartitionOptions(), [] {});
    const auto opening = store::open_and_wait(*this, kPartition);
    EXPECT_TRUE(opening.has_value() && partition_->open(*opening).has_value());
  }
  // Both have everything in memory, then one of them makes a change.
  void change(Change what) {
    owner_.remembered();
    follower_.remembered();
    bool told = false;
    partition_->execute(std::move(what), [&](const Result<void>& done) {
      told = done.has_value();
      // Whoever hears of it finds it.
      EXPECT_EQ(owner_.remembered(), owner_.stored());
    });
    partition_->pump();
    owner_.rows.commit_one();
    EXPECT_TRUE(told);
    EXPECT_EQ(owner_.remembered(), owner_.stored());
    EXPECT_EQ(follower_.remembered(), follower_.stored());
    EXPECT_EQ(follower_.remembered(), owner_.remembered());
  }

  Memory<MemoryStore> owner_;
  Memory<store::MemoryReader> follower_;

 private:
  void post_committed(std::shared_ptr<const CommittedBatch>) override {}
  void open(PartitionId partition, Opened done) override {
    owner_.rows.open(partition, std::move(done));
  }
  void close(PartitionId partition, std::uint64_t opening) override {
    owner_.rows.close(partition, opening);
  }
  void append_all(std::vector<store::Commit> commits) override {
    owner_.rows.append_all(std::move(commits));
  }
  void append(store::Commit commit) override {
    commit.done = [this, batch = commit.batch,
                   done = std::move(commit.done)](const Result<void>& made) {
      if (made) {
        simulation::apply_batch(batch, follower_.rows);
        follow(read_applied_rows(batch), follower_.inboxes, follower_.accounts,
               &follower_.changed_jobs);
      }
      done(made);
    };
    owner_.rows.append(std::move(commit));
  }

  FixedClock clock_;
  store::CommitHorizon horizon_{clock_, 1};
  std::unique_ptr<Partition> partition_;
};

ChannelKey inbox_of(const std::string& uid) { return ChannelKey(uid, ChannelType::person); }

TEST_F(AppliedRowsTest, FlagsAndListsOfInboxes) {
  UpsertChannel silent;
  silent.channel = inbox_of("u1");
  silent.flags.send_ban = true;
  change(silent);
  EXPECT_NE(follower_.remembered().find("u1: silent"), std::string::npos);
  ChangeMembers denied;
  denied.channel = inbox_of("u2");
  denied.list = MemberList::denylist;
  denied.uids = {"u1", "u3"};
  change(denied);
  EXPECT_NE(follower_.remembered().find("u2: not u1 u3 "), std::string::npos);
  denied.operation = ChangeMembers::Operation::replace;
  denied.uids = {"u3"};
  change(denied);
  denied.list = MemberList::allowlist;
  change(denied);
  EXPECT_NE(follower_.remembered().find("u2: not u3 but u3 "), std::string::npos);
  denied.operation = ChangeMembers::Operation::remove;
  change(denied);
  silent.flags.send_ban = false;
  change(silent);
  EXPECT_EQ(follower_.remembered().find("silent"), std::string::npos);
  DeleteChannel gone;
  gone.channel = inbox_of("u2");
  change(gone);
}

TEST_F(AppliedRowsTest, SystemAccounts) {
  ChangeSystemAccounts accounts;
  accounts.uids = {"u1", "u2"};
  change(accounts);
  EXPECT_EQ(follower_.accounts.list(), (std::vector<std::string>{"u1", "u2"}));
  accounts.add = false;
  accounts.uids = {"u1", "u3"};
  change(accounts);
  EXPECT_EQ(follower_.accounts.list(), std::vector<std::string>{"u2"});
}

TEST_F(AppliedRowsTest, JobsThatHaveChanged) {
  std::vector<std::string> owner;
  std::vector<std::string> follower;
  owner_.changed_jobs.add_listener([&owner](PartitionId partition, std::string_view job) {
    EXPECT_EQ(partition, kPartition);
    owner.emplace_back(job);
  });
  follower_.changed_jobs.add_listener([this, &follower](PartitionId, std::string_view job) {
    // Whoever hears of it finds it.
    const JobReader reader(store::PartitionReaders(follower_.rows, PartitionMap(1)));
    const auto stored = reader.load_job(job);
    const bool there = stored && stored->has_value();
    follower.push_back(std::string(job) + " " +
                       std::string(there ? job_state_name((*stored)->state) : "gone"));
  });
  const std::string job(kJobIdBytes, 'a');
  change(BeginJob{job, {}, 1});
  change(ChangeJob{job, JobAction::cancel, "", 2});
  change(ChangeJob{job, JobAction::cancel, "", 3});  // changes nothing
  change(StoreTemplate{"t", 1, "text", 4});
  change(DeleteJob{job});
  EXPECT_EQ(owner, std::vector<std::string>(3, job));
  EXPECT_EQ(follower,
            (std::vector<std::string>{job + " uploading", job + " cancelled", job + " gone"}));
}

TEST(AppliedRows, OfMessagesAndGroupsNothingIsRemembered) {
  rocksdb::WriteBatch batch;
  const ChannelKey group("g", ChannelType::group);
  for (const std::string& key :
       {store::partition_state_key(kPartition), store::channel_key(kPartition, group),
        store::member_key(kPartition, store::KeyKind::denylist, group, "u1"),
        store::message_key(kPartition, inbox_of("u1"), MessageSeq{1}),
        store::commit_record_key(kPartition, 7)}) {
    EXPECT_FALSE(is_remembered(key));
    ASSERT_TRUE(batch.Put(key, "value").ok());
  }
  EXPECT_TRUE(read_applied_rows(batch).empty());
  ASSERT_TRUE(batch.Put(store::channel_key(kPartition, inbox_of("u1")), "value").ok());
  ASSERT_TRUE(batch.Delete(store::system_account_key(kPartition, "u9")).ok());
  const std::string job(kJobIdBytes, 'a');
  ASSERT_TRUE(batch.Put(store::job_key(kPartition, job), "value").ok());
  ASSERT_TRUE(
      batch.Put(store::job_chunk_key(kPartition, store::KeyKind::job_input, job, 0), "value").ok());
  const AppliedRows rows = read_applied_rows(batch);
  EXPECT_EQ(rows.inboxes, std::vector<std::string>{"u1"});
  EXPECT_EQ(rows.accounts, (std::vector<SystemAccounts::Row>{{"u9", false}}));
  ASSERT_EQ(rows.jobs.size(), 1U);
  EXPECT_EQ(rows.jobs[0].partition, kPartition);
  EXPECT_EQ(rows.jobs[0].id, job);
}

}  // namespace
}  // namespace jindou::partition
