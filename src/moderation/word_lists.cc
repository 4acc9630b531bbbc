#include "moderation/word_lists.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <exception>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "base/read_file.h"
#include "moderation/word_list.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "runtime/thread_identity.h"

namespace jindou::moderation {

namespace {

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::vector<std::string> CompiledLists::names_of(WordMatcher::ListBits bits) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if ((bits >> i & 1U) != 0) names.push_back(lists[i].name);
  }
  return names;
}

WordLists::Stamp WordLists::stamp_of(const std::string& path) {
  struct stat found {};
  Stamp stamp;
  if (::stat(path.c_str(), &found) != 0) return stamp;
  stamp.device = found.st_dev;
  stamp.inode = found.st_ino;
  stamp.size = found.st_size;
  stamp.modified_ns = nanoseconds(found.st_mtim);
  stamp.changed_ns = nanoseconds(found.st_ctim);
  return stamp;
}

Result<WordLists::Words> WordLists::read_list(const ListOptions& list, const Options& options) {
  const auto fail = [&list](const Error& error) {
    return Error(Errc::invalid, fmt::format("moderation.lists: {}: {}", list.path, error.detail()));
  };
  const auto text = read_file(list.path, options.file_bytes_max, FileKind::regular);
  if (!text) return fail(text.error());
  auto words = parse_word_list(*text, options.words_max);
  if (!words) return fail(words.error());
  return Words(std::make_shared<std::vector<std::string>>(std::move(*words)));
}

Result<std::shared_ptr<const CompiledLists>> WordLists::compile(
    const Options& options, const std::map<std::string, Known>& known) {
  auto compiled = std::make_shared<CompiledLists>();
  compiled->members = options.members;
  boost::unordered_flat_map<std::string_view, WordMatcher::ListBits> lists_of;
  for (const ListOptions& list : options.lists) {
    const Words& words = known.at(list.path).words;
    if (!words) continue;
    const auto bit = WordMatcher::ListBits{1} << compiled->lists.size();
    compiled->lists.push_back({list.name, list.action, words->size()});
    if (list.action == Action::refuse) compiled->refusing |= bit;
    if (list.action == Action::mask) compiled->masking |= bit;
    for (const std::string& word : *words) lists_of[word] |= bit;
  }
  if (lists_of.empty()) return std::shared_ptr<const CompiledLists>();
  std::vector<WordMatcher::Word> words;
  words.reserve(lists_of.size());
  for (const auto& [text, lists] : lists_of) words.push_back({std::string(text), lists});
  JD_TRY(compiled->matcher, WordMatcher::compile(std::move(words)));
  return std::shared_ptr<const CompiledLists>(std::move(compiled));
}

Result<void> WordLists::load() {
  seen_ = options_();
  if (!seen_->lists.empty() && !WordMatcher::is_available()) {
    const auto why = WordMatcher::compile({{"word", 1}});
    return Error(Errc::unavailable, "moderation.lists: " + why.error().detail());
  }
  for (const ListOptions& list : seen_->lists) {
    Known& known = known_[list.path];
    known.stamp = stamp_of(list.path);
    JD_TRY(known.words, read_list(list, *seen_));
  }
  JD_TRY(auto compiled, compile(*seen_, known_));
  const MutexLock lock(mutex_);
  replace(std::move(compiled));
  for (const ListOptions& list : seen_->lists) problems_[list.name] = {};
  if (current_) ++loads_;
  return {};
}

void WordLists::start() {
  thread_ = std::thread([this] { run(); });
}

void WordLists::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void WordLists::refresh() {
  const MutexLock lock(mutex_);
  refresh_ = true;
  wake_.notify_all();
}

void WordLists::replace(std::shared_ptr<const CompiledLists> lists) {
  static std::atomic<std::uint64_t> last{0};
  current_ = std::move(lists);
  generation_.store(++last, std::memory_order_release);
}

const CompiledLists* WordLists::current() const {
  struct Seen {
    std::uint64_t generation = 0;
    std::shared_ptr<const CompiledLists> lists;
  };
  thread_local Seen seen;
  if (generation_.load(std::memory_order_acquire) != seen.generation) {
    const MutexLock lock(mutex_);
    seen.generation = generation_.load(std::memory_order_relaxed);
    seen.lists = current_;
  }
  return seen.lists.get();
}

std::vector<std::string> WordLists::problems() const {
  std::vector<std::string> told;
  const MutexLock lock(mutex_);
  for (const auto& [name, problem] : problems_) {
    if (!problem.empty()) told.push_back(problem);
  }
  return told;
}

void WordLists::run() {
  runtime::name_this_thread("word-lists");
  runtime::lower_this_threads_priority();
  for (;;) {
    bool everything = false;
    {
      MutexLock lock(mutex_);
      const auto is_woken = [this]() JD_REQUIRES(mutex_) { return stopping_ || refresh_; };
      const std::chrono::milliseconds interval = options_()->check_interval;
      if (interval.count() > 0) {
        wake_.wait_for(lock, interval, is_woken);
      } else {
        wake_.wait(lock, is_woken);
      }
      if (stopping_) return;
      everything = std::exchange(refresh_, false);
    }
    look(everything);
  }
}

void WordLists::look(bool everything) {
  const auto options = options_();
  bool changed = options != seen_;
  std::vector<Stamp> stamps;
  for (const ListOptions& list : options->lists) {
    stamps.push_back(stamp_of(list.path));
    const auto known = known_.find(list.path);
    if (known == known_.end() || known->second.stamp != stamps.back()) changed = true;
  }
  if (!changed && !everything) return;
  seen_ = options;
  std::map<std::string, std::string> problems;
  std::map<std::string, Known> known;
  for (std::size_t i = 0; i < options->lists.size(); ++i) {
    const ListOptions& list = options->lists[i];
    const auto before = known_.find(list.path);
    Known& now = known[list.path];
    now.stamp = stamps[i];
    auto words = read_list(list, *options);
    if (words) {
      now.words = std::move(*words);
    } else {
      if (before != known_.end()) now.words = before->second.words;
      now.problem = words.error().detail() +
                    (now.words ? "; the words of before are used" : "; it has no words meanwhile");
      observe::log_error("moderation", "{}", now.problem);
    }
    problems[list.name] = now.problem;
  }
  const bool failed = std::any_of(known.begin(), known.end(),
                                  [](const auto& each) { return !each.second.problem.empty(); });
  auto compiled = compile(*options, known);
  known_ = std::move(known);
  MutexLock lock(mutex_);
  problems_ = std::move(problems);
  if (compiled) {
    replace(std::move(*compiled));
  } else {
    problems_["all"] = compiled.error().detail() + "; the words of before are used";
    observe::log_error("moderation", "{}", problems_["all"]);
  }
  if (failed || !compiled) {
    ++failures_;
    return;
  }
  ++loads_;
  observe::log_info("moderation", "{} words of {} list(s) are looked for",
                    current_ ? current_->matcher->words() : 0, options->lists.size());
}

void WordLists::append_metrics(std::string& out) const {
  const MutexLock lock(mutex_);
  const auto head = [&out](std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  };
  head("jindou_moderation_lists_broken", "gauge",
       "Word lists whose files cannot be used, so that their words of before are.");
  fmt::format_to(std::back_inserter(out), "jindou_moderation_lists_broken {}\n",
                 std::count_if(problems_.begin(), problems_.end(),
                               [](const auto& each) { return !each.second.empty(); }));
  head("jindou_moderation_words", "gauge", "Words that are looked for, of all lists.");
  fmt::format_to(std::back_inserter(out), "jindou_moderation_words {}\n",
                 current_ ? current_->matcher->words() : 0);
  head("jindou_moderation_loads_total", "counter", "How often word lists were read, by result.");
  fmt::format_to(std::back_inserter(out),
                 "jindou_moderation_loads_total{{result=\"ok\"}} {}\n"
                 "jindou_moderation_loads_total{{result=\"failed\"}} {}\n",
                 loads_, failures_);
}

}  // namespace jindou::moderation
