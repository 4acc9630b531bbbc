// What the operator's service is asked, and what it answers (docs/api.md, "moderation"). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "partition/content_check.h"

namespace jindou::moderation {

struct Verdict {
  enum class Action : std::uint8_t { allow, refuse, replace };
  Action action = Action::allow;
  std::string reason;   // of a refusal, for the caller; may be empty
  std::string payload;  // that replaces the one that was sent
  bool operator==(const Verdict&) const = default;
};

std::string question_of(std::span<const partition::CheckedContent> contents);

// One verdict for each of `count` contents, in their order. Errors: invalid (says what is wrong
// with the answer).
Result<std::vector<Verdict>> parse_verdicts(std::string_view answer, std::size_t count,
                                            std::size_t payload_bytes_max);

}  // namespace jindou::moderation
