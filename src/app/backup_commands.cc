#include "app/backup_commands.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

#include "backup/repair.h"
#include "backup/restore.h"
#include "backup/verify.h"
#include "base/clock.h"
#include "base/random.h"
#include "observe/log.h"

namespace jindou::app {

namespace {

using Steady = std::chrono::steady_clock;

constexpr int kDamaged = 1;
constexpr int kNothingSaid = 2;
constexpr int kHopeless = 3;
// More is counted; whoever has so many needs no list.
constexpr std::uint64_t kFaultsShown = 100;

// What was found, as it is found, and now and then how far it is.
class Teller {
 public:
  backup::VerifyHandlers handlers() {
    return {
        .fault = [this](const std::string& sentence) { tell(sentence); },
        .note = [](const std::string& sentence) { std::printf("note: %s\n", sentence.c_str()); },
        .keep_on =
            [this](const std::string& so_far) {
              show(so_far);
              return true;
            }};
  }
  // Ends the line that changes.
  void end_line() {
    if (shown_ && on_terminal_) std::fprintf(stderr, "\n");
    shown_ = false;
  }

 private:
  void tell(const std::string& sentence) {
    end_line();
    if (++faults_ <= kFaultsShown) std::printf("%s\n", sentence.c_str());
    if (faults_ == kFaultsShown) std::printf("more is counted, and not shown\n");
    std::fflush(stdout);
  }
  void show(const std::string& so_far) {
    const auto now = Steady::now();
    if (now < due_) return;
    due_ = now + std::chrono::seconds(on_terminal_ ? 1 : 10);
    std::fprintf(stderr, on_terminal_ ? "\r%s\x1b[K" : "%s\n", so_far.c_str());
    shown_ = true;
  }

  const bool on_terminal_ = ::isatty(STDERR_FILENO) == 1;
  Steady::time_point due_ = Steady::now() + std::chrono::seconds(2);
  std::uint64_t faults_ = 0;
  bool shown_ = false;
};

int cannot(const char* command, const Error& error) {
  std::fprintf(stderr, "jindou %s: %s\n", command, error.detail().c_str());
  return kNothingSaid;
}

void print_counts(const backup::VerifyOutcome& outcome) {
  const store::AuditCounts& records = outcome.records;
  std::printf(
      "%llu files, %llu bytes; %llu records, %llu messages in %llu logs, %llu client_msg_no\n",
      static_cast<unsigned long long>(outcome.files),
      static_cast<unsigned long long>(outcome.bytes), static_cast<unsigned long long>(records.rows),
      static_cast<unsigned long long>(records.messages),
      static_cast<unsigned long long>(records.logs),
      static_cast<unsigned long long>(records.numbers));
}

// For root, whose own server would write files that the owner's cannot open.
void print_owner(const std::string& directory) {
  struct stat status {};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &status) != 0) return;
  const passwd* const owner = ::getpwuid(status.st_uid);
  const std::string name =
      owner != nullptr ? owner->pw_name : "user " + std::to_string(status.st_uid);
  std::printf("it belongs to %s, who has to run the server\n", name.c_str());
}

}  // namespace

int run_verify(const std::string& directory) {
  observe::init_log(observe::LogLevel::warn, observe::default_log_format());
  Teller teller;
  const auto outcome = backup::verify(directory, teller.handlers());
  teller.end_line();
  if (!outcome) return cannot("verify", outcome.error());
  if (outcome->faults > 0) {
    std::printf("%s is damaged: %llu found\n", directory.c_str(),
                static_cast<unsigned long long>(outcome->faults));
    return kDamaged;
  }
  print_counts(*outcome);
  std::printf("%s is whole\n", directory.c_str());
  return 0;
}

int run_restore(const RestoreFlags& flags) {
  observe::init_log(observe::LogLevel::warn, observe::default_log_format());
  backup::RestoreOptions options;
  options.backup = flags.backup;
  options.directory = flags.directory;
  if (flags.skip >= 0) options.skip = static_cast<std::uint64_t>(flags.skip);
  options.lost = flags.lost;
  Teller teller;
  bool damaged = false;
  backup::VerifyHandlers handlers = teller.handlers();
  handlers.fault = [&damaged, tell = handlers.fault](const std::string& sentence) {
    damaged = true;
    tell(sentence);
  };
  const auto restored = backup::restore(options, SystemClock(), handlers);
  teller.end_line();
  if (!restored) {
    cannot("restore", restored.error());
    return damaged ? kDamaged : kNothingSaid;
  }
  print_counts(restored->verified);
  std::printf("restored into %s\n", flags.directory.c_str());
  if (restored->skip > 0) {
    std::printf(
        "its first start goes on with ids and seqs %llu further on, for what may have been "
        "sent after the backup\n",
        static_cast<unsigned long long>(restored->skip));
  } else {
    std::printf("its ids and seqs go on where the backup ends, as --skip 0 says\n");
  }
  std::printf("start it: jindou serve --data-dir %s, with the configuration of the server\n",
              flags.directory.c_str());
  print_owner(flags.directory);
  return 0;
}

int run_repair(const RepairFlags& flags) {
  observe::init_log(observe::LogLevel::warn, observe::default_log_format());
  backup::RepairOptions options;
  options.directory = flags.directory;
  options.apply = flags.apply;
  options.accept_loss = flags.accept_loss;
  options.keep_copy = !flags.no_copy;
  Teller teller;
  const backup::RepairHandlers handlers{.tell =
                                            [&teller](const std::string& line) {
                                              teller.end_line();
                                              std::printf("%s\n", line.c_str());
                                              std::fflush(stdout);
                                            },
                                        .keep_on = teller.handlers().keep_on};
  SystemRandom random;
  const auto repaired = backup::repair(options, SystemClock(), random, handlers);
  teller.end_line();
  if (!repaired) return cannot("repair", repaired.error());
  if (!repaired->report.empty()) {
    std::printf("what was found and done is in %s\n", repaired->report.c_str());
  }
  switch (repaired->verdict) {
    case backup::RepairVerdict::whole:
    case backup::RepairVerdict::repaired: return 0;
    case backup::RepairVerdict::repairable: return kDamaged;
    case backup::RepairVerdict::hopeless: break;
  }
  return kHopeless;
}

}  // namespace jindou::app
