// The word lists of the settings: read and compiled at the start, and again when a file or the
// settings have changed, while the words of before are used.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "moderation/options.h"
#include "moderation/word_matcher.h"

namespace jindou::moderation {

// What is looked for, all lists together. Immutable.
struct CompiledLists {
  struct List {
    std::string name;
    Action action = Action::refuse;
    std::size_t words = 0;
  };
  std::vector<List> lists;  // in the order of their bits
  std::shared_ptr<const WordMatcher> matcher;
  std::vector<std::string> members;
  WordMatcher::ListBits refusing = 0;
  WordMatcher::ListBits masking = 0;

  std::vector<std::string> names_of(WordMatcher::ListBits bits) const;
};

// Thread-safe, but for load(), start() and stop(). Whatever takes time is done on a thread of its
// own. A file that cannot be used keeps the words that it had; the log, problems() and the metrics
// say so.
class WordLists {
 public:
  explicit WordLists(OptionsSource options) : options_(std::move(options)) {}
  // stop().
  ~WordLists() { stop(); }
  WordLists(const WordLists&) = delete;
  WordLists& operator=(const WordLists&) = delete;

  // The first reading, before start(). Blocks. Errors: invalid, unavailable (names the list).
  Result<void> load();
  void start();
  // Idempotent.
  void stop();
  // Reads the files again, soon.
  void refresh();

  // Null: there are no lists. Good until this thread calls it again, of any object, or ends: asked
  // for each message, so it takes no lock, and each thread keeps alive what it saw last.
  const CompiledLists* current() const;
  // A sentence for each list that is not what its file says.
  std::vector<std::string> problems() const;
  void append_metrics(std::string& out) const;

 private:
  void replace(std::shared_ptr<const CompiledLists> lists) JD_REQUIRES(mutex_);

  // Tells whether a file is another one than before.
  struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = -1;  // there is no such file
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  using Words = std::shared_ptr<const std::vector<std::string>>;
  // Of one list, by its path.
  struct Known {
    Stamp stamp;
    Words words;          // the last that could be used; null: none
    std::string problem;  // with the file as it is
  };

  static Stamp stamp_of(const std::string& path);
  void run();
  // Reads what has changed, or everything, and compiles it when anything has. The thread's own.
  void look(bool everything);
  static Result<Words> read_list(const ListOptions& list, const Options& options);
  static Result<std::shared_ptr<const CompiledLists>> compile(
      const Options& options, const std::map<std::string, Known>& known);

  OptionsSource options_;
  // Of load(), then of the thread.
  std::shared_ptr<const Options> seen_;
  std::map<std::string, Known> known_;

  mutable Mutex mutex_;
  Condition wake_;
  std::shared_ptr<const CompiledLists> current_ JD_GUARDED_BY(mutex_);
  // Of current_; of all objects of the process, no two have the same. 0: there was none yet.
  std::atomic<std::uint64_t> generation_{0};
  std::map<std::string, std::string> problems_ JD_GUARDED_BY(mutex_);  // by name; empty: none
  std::uint64_t loads_ JD_GUARDED_BY(mutex_) = 0;
  std::uint64_t failures_ JD_GUARDED_BY(mutex_) = 0;
  bool refresh_ JD_GUARDED_BY(mutex_) = false;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace jindou::moderation
