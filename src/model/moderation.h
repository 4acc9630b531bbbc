// What moderation made of a message (docs/api.md, "moderation").
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace jindou {

// Immutable once it is handed on; absent where nothing was found.
struct Moderation {
  bool refused = false;   // nothing is stored or delivered
  bool masked = false;    // characters were replaced by asterisks
  bool replaced = false;  // the operator's service gave it another payload
  bool flagged = false;   // it goes on as it is, and the webhook tells
  // Of a refusal: denied, or unavailable when nobody could be asked.
  Errc code = Errc::denied;
  // Of a refusal, for the caller; empty: there are no other words for it.
  std::string reason;
  // Who found something: names of word lists, "service". Each once.
  std::vector<std::string> found_by;
  // Hash of the payload as it was sent (store/fingerprint.h), when that is another one now.
  std::optional<std::uint64_t> sent_payload;

  bool operator==(const Moderation&) const = default;
};

using ModerationPtr = std::shared_ptr<const Moderation>;

}  // namespace jindou
