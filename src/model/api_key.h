// A named API key: what whoever shows it may do (docs/decisions/0031-api-keys.md). Its secret is
// not in here; who has it is a matter of the edge.
//
// Values: made when the configuration is read, shared and never changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/channel.h"
#include "model/rate.h"

namespace jindou {

// What a route needs; one bit each.
enum class Scope : std::uint8_t {
  send = 1,        // sends, edits and recalls messages; jobs; events
  read = 2,        // looks at anything and changes nothing
  administer = 4,  // all of it, and the rest
};

// Some of them.
class Scopes {
 public:
  constexpr Scopes() = default;
  constexpr Scopes(Scope one) : bits_(static_cast<std::uint8_t>(one)) {}  // NOLINT
  constexpr Scopes operator|(Scopes other) const {
    Scopes both = *this;
    both.bits_ |= other.bits_;
    return both;
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool has(Scope one) const { return (bits_ & static_cast<std::uint8_t>(one)) != 0; }
  constexpr bool has_any(Scopes of) const { return (bits_ & of.bits_) != 0; }
  bool operator==(const Scopes&) const = default;

 private:
  std::uint8_t bits_ = 0;
};
constexpr Scopes operator|(Scope a, Scope b) { return Scopes(a) | b; }

// "send", "read" or "administer".
std::string_view scope_name(Scope scope);
std::optional<Scope> scope_of_name(std::string_view name);
// "send or read".
std::string scope_names(Scopes scopes);

// Channels of a type (none: any) whose ids begin with a prefix.
struct ChannelPattern {
  std::optional<ChannelType> type;
  std::string prefix;
  bool fits(ChannelType of_type, std::string_view id) const {
    return (!type || *type == of_type) && id.starts_with(prefix);
  }
  bool operator==(const ChannelPattern&) const = default;
};

inline constexpr std::size_t kApiKeyNameBytesMax = 64;

struct ApiKey {
  std::string name;  // 1 to kApiKeyNameBytesMax of A-Z a-z 0-9 . _ -
  Scopes scopes;
  std::vector<std::string> senders;      // as whom it may send; empty: as anybody
  std::vector<ChannelPattern> channels;  // where to; empty: anywhere
  std::int64_t expires_at = 0;           // seconds since the epoch; good before that; 0: for ever
  Rate rate;                             // off: that of all keys which have none

  bool may(Scopes needed) const { return scopes.has(Scope::administer) || scopes.has_any(needed); }
  bool expired_at(std::int64_t now_seconds) const {
    return expires_at != 0 && now_seconds >= expires_at;
  }
  // Whether there is anything that it may not send.
  bool is_bound() const { return !senders.empty() || !channels.empty(); }
  bool may_send_as(std::string_view uid) const;
  // As a caller names the channel: a person by his uid.
  bool may_send_to(ChannelType type, std::string_view id) const;
  bool operator==(const ApiKey&) const = default;
};

using ApiKeyPtr = std::shared_ptr<const ApiKey>;

}  // namespace jindou
