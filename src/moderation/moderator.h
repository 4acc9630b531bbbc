// Judges contents for the intake: by word lists, then by a service of the operator.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "moderation/options.h"
#include "moderation/verdict_service.h"
#include "moderation/word_lists.h"
#include "partition/content_check.h"

namespace jindou::moderation {

struct ModeratorDeps {
  const Clock& clock;
  OptionsSource options;
  // Thread-safe.
  std::function<bool(std::string_view uid)> is_system_account;
  std::size_t calls = 4;  // of the service, at the same time
};

// Thread-safe, but for start() and stop().
class Moderator final : public partition::ContentCheck {
 public:
  explicit Moderator(ModeratorDeps deps);

  // The word lists are loaded before start().
  WordLists& lists() { return lists_; }
  void start();
  // What waits is refused. Idempotent.
  void stop();

  bool enabled() const override;
  bool check(const partition::CheckedContent& content) override;
  void ask(std::vector<partition::CheckedContent> contents, std::function<void()> go) override;

  void append_metrics(std::string& out) const;

 private:
  enum Counted : std::size_t { kRefused, kMasked, kFlagged, kPassed, kCountedKinds };

  bool is_exempt(std::string_view uid) const;
  void look_for_words(const CompiledLists& lists, const partition::CheckedContent& content);
  void count(Counted kind) { counts_[kind].fetch_add(1, std::memory_order_relaxed); }

  ModeratorDeps deps_;
  WordLists lists_;
  VerdictService service_;
  mutable std::atomic<bool> asks_{false};  // as enabled() found it last: for each content
  std::array<std::atomic<std::uint64_t>, kCountedKinds> counts_{};
};

}  // namespace jindou::moderation
