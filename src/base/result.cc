#include "base/result.h"

namespace jindou {

std::string_view errc_name(Errc code) {
  switch (code) {
    case Errc::invalid: return "invalid";
    case Errc::too_large: return "too_large";
    case Errc::not_found: return "not_found";
    case Errc::denied: return "denied";
    case Errc::conflict: return "conflict";
    case Errc::overloaded: return "overloaded";
    case Errc::unavailable: return "unavailable";
    case Errc::not_owner: return "not_owner";
    case Errc::storage: return "storage";
    case Errc::unknown_outcome: return "unknown_outcome";
    case Errc::deadline: return "deadline";
    case Errc::closed: return "closed";
    case Errc::rate_limited: return "rate_limited";
    case Errc::skipped: return "skipped";
    case Errc::internal: return "internal";
  }
  return "internal";
}

bool errc_retriable(Errc code) {
  switch (code) {
    case Errc::overloaded:
    case Errc::unavailable:
    case Errc::not_owner:
    case Errc::storage:
    case Errc::unknown_outcome:
    case Errc::deadline:
    case Errc::closed:
    case Errc::rate_limited:
    case Errc::skipped: return true;
    default: return false;
  }
}

std::string Error::text() const {
  std::string out(errc_name(code_));
  if (!detail_.empty()) {
    out += ": ";
    out += detail_;
  }
  return out;
}

}  // namespace jindou
