#include "model/api_key.h"

#include <algorithm>
#include <array>

namespace jindou {

namespace {

constexpr std::array kScopes = {Scope::send, Scope::read, Scope::administer};

}  // namespace

std::string_view scope_name(Scope scope) {
  switch (scope) {
    case Scope::send: return "send";
    case Scope::read: return "read";
    case Scope::administer: return "administer";
  }
  return "administer";
}

std::optional<Scope> scope_of_name(std::string_view name) {
  for (const Scope each : kScopes) {
    if (scope_name(each) == name) return each;
  }
  return std::nullopt;
}

std::string scope_names(Scopes scopes) {
  std::string names;
  for (const Scope each : kScopes) {
    if (!scopes.has(each)) continue;
    if (!names.empty()) names += " or ";
    names += scope_name(each);
  }
  return names;
}

bool ApiKey::may_send_as(std::string_view uid) const {
  return senders.empty() || std::find(senders.begin(), senders.end(), uid) != senders.end();
}

bool ApiKey::may_send_to(ChannelType type, std::string_view id) const {
  return channels.empty() ||
         std::any_of(channels.begin(), channels.end(),
                     [&](const ChannelPattern& pattern) { return pattern.fits(type, id); });
}

}  // namespace jindou
