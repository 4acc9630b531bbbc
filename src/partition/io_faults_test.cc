// Every call of the store that can fail, on every kind of file, with every error of a disk: once,
// and for a second. The whole core runs on a file system that fails where it is told to. Each time
// it must be back by itself (kBackWithin), with nothing acknowledged lost or doubled, and no seq
// left out; and so it must be after the store was opened anew on a sound disk.
//
// The cases run beside each other, as they mostly wait. A usual run takes each call on each kind of
// file with two of the errors, in turn, which are 48 cases; JINDOU_IO_FAULTS_ALL=1 takes all 240,
// by hand (CONTRIBUTING.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "partition/core_fixture.h"
#include "store/faulty_file_system.h"

namespace jindou::partition {
namespace {

using store::FileCall;
using store::FileFault;
using store::FileKind;
using Steady = std::chrono::steady_clock;

// How long the test waits at most, so that a loaded machine fails nothing. How long it took is
// printed, for docs/operations.md.
constexpr std::chrono::seconds kBackWithin{30};
constexpr std::chrono::seconds kFaultLasts{1};
constexpr int kThreads = 12;
// Batches after which a fault should have been met: files are small, so that all kinds are made all
// the time.
constexpr int kBatchesAtOnce = 400;
constexpr std::chrono::seconds kMetWithin{60};
constexpr int kBatchItems = 8;
constexpr std::size_t kPayloadBytes = 3000;
constexpr int kGroups = 3;

struct Case {
  FileCall call{};
  FileKind kind{};
  int error = 0;
  bool lasts = false;

  std::string name() const {
    static constexpr std::array<const char*, 5> kCalls = {"write", "sync", "create", "rename",
                                                          "allocate"};
    static constexpr std::array<const char*, 7> kKinds = {"log",     "spare", "table", "manifest",
                                                          "CURRENT", "load",  "other"};
    return std::string(kCalls[static_cast<std::size_t>(call)]) + " " +
           kKinds[static_cast<std::size_t>(kind)] + " " + std::generic_category().message(error) +
           (lasts ? " for a second" : " once");
  }
};

// One core on one disk. Runs on a thread of its own.
class Rig final : public RunningCore {
 public:
  explicit Rig(const Case& what) : case_(what) {
    files_ = std::make_shared<store::FaultyFileSystem>();
    env_ = rocksdb::NewCompositeEnv(files_);
    options_.env = env_.get();
    // A prepared log has its blocks.
    options_.prepared_logs = case_.call != FileCall::allocate;
    partition_options_.index_generation_entries = 16;
    partition_options_.index_filter_bytes_max = 64 << 10;
    make_and_open();
    close();
    options_.write_buffer_bytes = 128 << 10;
    open();
  }
  ~Rig() { close_and_remove(); }

  void run();
  bool met() const { return met_; }
  // From the end of the fault until the last refusal; zero: nothing was refused any more.
  std::chrono::milliseconds back_after() const { return back_after_; }

 private:
  std::vector<SendCommand> next_batch() {
    std::vector<SendCommand> batch;
    for (int i = 0; i < kBatchItems; ++i) {
      const std::string number = "n" + std::to_string(++numbers_);
      batch.push_back(command(number));
    }
    return batch;
  }
  static SendCommand command(const std::string& number) {
    const std::string group = "g" + std::to_string(std::hash<std::string>{}(number) % kGroups);
    return to_group(group, number + ":" + std::string(kPayloadBytes, 'p'), number);
  }
  // True when all of it was taken.
  bool send_and_note(std::vector<SendCommand> batch) {
    std::vector<std::string> numbers;
    for (const auto& command : batch) numbers.push_back(command.client_msg_no);
    const auto results = send(std::move(batch));
    bool all = true;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].ok()) {
        note(numbers[i], results[i]);
      } else {
        open_.insert(numbers[i]);
        all = false;
      }
    }
    return all;
  }
  void note(const std::string& number, const SendResult& result) {
    open_.erase(number);
    const auto [it, fresh] = acknowledged_.emplace(number, raw(result.message_id));
    EXPECT_EQ(it->second, raw(result.message_id)) << case_.name() << ": a second id for " << number;
  }
  void meet_the_fault();
  void wait_until_back();
  void repeat_what_is_open();
  void check();

  Case case_;
  std::shared_ptr<store::FaultyFileSystem> files_;
  std::unique_ptr<rocksdb::Env> env_;
  int numbers_ = 0;
  bool met_ = false;
  std::chrono::milliseconds back_after_{0};
  std::map<std::string, std::uint64_t> acknowledged_;  // message id by client_msg_no
  std::set<std::string> open_;                         // not acknowledged yet
};

void Rig::meet_the_fault() {
  const int before = files_->failed_calls();
  files_->inject({case_.call, case_.kind, case_.error, case_.lasts ? -1 : 1});
  int own = before;
  if (case_.kind == FileKind::current ||
      (case_.kind == FileKind::manifest &&
       (case_.call == FileCall::create || case_.call == FileCall::allocate))) {
    // Only when the store is opened.
    files_->inject({FileCall::sync, FileKind::log, EIO, 1});
    own = before + 1;
  }
  const auto give_up = Steady::now() + kMetWithin;
  for (int i = 0; files_->failed_calls() <= own && Steady::now() < give_up; ++i) {
    const bool taken = send_and_note(next_batch());
    // Merges have the lowest priority: on a busy machine they take their time.
    if (i >= kBatchesAtOnce) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!taken) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  met_ = files_->failed_calls() > own;
  if (!case_.lasts) return;
  const auto until = Steady::now() + kFaultLasts;
  while (met_ && Steady::now() < until) {
    send_and_note(next_batch());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void Rig::wait_until_back() {
  const auto begin = Steady::now();
  const auto until = begin + kBackWithin;
  // More than a few, so that an index load comes along too.
  for (int good = 0; good < 10;) {
    if (send_and_note(next_batch())) {
      ++good;
      continue;
    }
    back_after_ = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - begin);
    ASSERT_LT(Steady::now(), until) << case_.name() << ": still refused; " << log_->trouble();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_EQ(log_->trouble(), "") << case_.name();
}

void Rig::repeat_what_is_open() {
  const std::vector<std::string> numbers(open_.begin(), open_.end());
  for (const auto& number : numbers) {
    // The first commit of a partition may learn that the store has moved on.
    const auto until = Steady::now() + kBackWithin;
    auto results = send({command(number)});
    while (!results[0].ok() && Steady::now() < until) results = send({command(number)});
    ASSERT_TRUE(results[0].ok()) << case_.name() << ": " << number;
    note(number, results[0]);
  }
}

void Rig::check() {
  std::map<std::string, std::uint64_t> stored;
  for (int i = 0; i < kGroups; ++i) {
    RangeQuery query;
    query.channel = ChannelKey("g" + std::to_string(i), ChannelType::group);
    query.limit = 10'000;
    query.towards_newer = true;
    std::uint64_t seq = 0;
    for (bool more = true; more;) {
      query.start_seq = seq + 1;
      const auto page = history_->load_range(query);
      ASSERT_TRUE(page.has_value()) << case_.name() << ": " << page.error().text();
      more = page->more;
      for (const auto& message : page->messages) {
        EXPECT_EQ(raw(message.seq), ++seq) << case_.name();
        const std::string text = message.payload.str();
        const std::string number = text.substr(0, text.find(':'));
        EXPECT_TRUE(stored.emplace(number, raw(message.id)).second)
            << case_.name() << ": " << number << " is stored twice";
      }
    }
  }
  EXPECT_TRUE(stored == acknowledged_) << case_.name() << ": " << stored.size() << " are stored, "
                                       << acknowledged_.size() << " were acknowledged";
}

void Rig::run() {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(send_and_note(next_batch())) << case_.name();
  meet_the_fault();
  files_->lift();
  wait_until_back();
  if (::testing::Test::HasFatalFailure()) return;
  repeat_what_is_open();
  check();
  close();
  workers_.clear();
  options_.env = nullptr;
  open();
  check();
}

// What RocksDB does. Table files of the index come by link; other files are not renamed, and only
// these reserve their blocks.
std::vector<Case> cases() {
  constexpr std::array kErrors = {ENOSPC, EIO, EMFILE, EDQUOT, EFBIG};
  constexpr std::array kKinds = {FileKind::log, FileKind::table, FileKind::manifest,
                                 FileKind::current, FileKind::load};
  std::vector<std::pair<FileCall, FileKind>> places;
  for (const FileCall call : {FileCall::write, FileCall::sync, FileCall::create}) {
    for (const FileKind kind : kKinds) places.emplace_back(call, kind);
  }
  places.emplace_back(FileCall::rename, FileKind::current);
  places.emplace_back(FileCall::rename, FileKind::table);
  // The next log is prepared, and takes its name.
  for (const FileCall call : {FileCall::write, FileCall::sync, FileCall::create}) {
    places.emplace_back(call, FileKind::spare);
  }
  places.emplace_back(FileCall::rename, FileKind::log);
  for (const FileKind kind : {FileKind::log, FileKind::table, FileKind::manifest}) {
    places.emplace_back(FileCall::allocate, kind);
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment.
  const bool all = std::getenv("JINDOU_IO_FAULTS_ALL") != nullptr;
  std::vector<Case> out;
  for (std::size_t place = 0; place < places.size(); ++place) {
    const auto [call, kind] = places[place];
    // Another pair for each kind of file and each call.
    const std::size_t turn = place + place / kKinds.size();
    for (std::size_t i = 0; i < kErrors.size(); ++i) {
      if (all || i == turn % kErrors.size()) out.push_back({call, kind, kErrors[i], false});
      if (all || i == (turn + 2) % kErrors.size()) out.push_back({call, kind, kErrors[i], true});
    }
  }
  return out;
}

TEST(IoFaults, TheCoreIsBackByItselfAndNothingIsLost) {
  const std::vector<Case> all = cases();
  std::atomic<std::size_t> next{0};
  Mutex mutex;
  std::vector<std::string> never_met;
  std::pair<std::chrono::milliseconds, std::string> longest{0, "none"};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < all.size(); at = next++) {
        Rig rig(all[at]);
        rig.run();
        const MutexLock lock(mutex);
        if (!rig.met()) never_met.push_back(all[at].name());
        longest = std::max(longest, {rig.back_after(), all[at].name()});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(never_met, std::vector<std::string>());
  std::cout << "of " << all.size() << " cases, refused for the longest after the end of the fault: "
            << longest.first.count() << " ms, " << longest.second << '\n';
}

}  // namespace
}  // namespace jindou::partition
