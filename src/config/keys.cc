#include "config/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/edit_distance.h"

namespace jindou::config {
namespace {

bool same_key(std::string_view a, std::string_view b) { return ascii_lower(a) == ascii_lower(b); }

}  // namespace

const Setting* find_setting(std::string_view key) {
  for (const KeyAlias& alias : key_aliases()) {
    if (same_key(alias.alias, key)) key = alias.key;
  }
  for (const Setting& setting : settings_table()) {
    if (same_key(setting.key, key)) return &setting;
  }
  return nullptr;
}

const IgnoredKey* find_ignored(std::string_view key) {
  const std::string wanted = ascii_lower(key);
  for (const IgnoredKey& ignored : ignored_keys()) {
    const std::string pattern = ascii_lower(ignored.pattern);
    if (pattern.ends_with(".*")) {
      const std::string_view group(pattern.data(), pattern.size() - 2);
      if (wanted == group || wanted.starts_with(std::string(group) + '.')) return &ignored;
    } else if (wanted == pattern) {
      return &ignored;
    }
  }
  return nullptr;
}

std::string env_of(std::string_view key) {
  std::string name(kEnvPrefix);
  for (const char c : key) {
    name += c == '.' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return name;
}

bool is_group(std::string_view key) {
  const std::string prefix = ascii_lower(key) + '.';
  const auto below = [&](std::string_view known) { return ascii_lower(known).starts_with(prefix); };
  return std::any_of(settings_table().begin(), settings_table().end(),
                     [&](const Setting& setting) { return below(setting.key); }) ||
         std::any_of(key_aliases().begin(), key_aliases().end(),
                     [&](const KeyAlias& alias) { return below(alias.alias); });
}

namespace {

// The known key closest to `key`, whole or by its last part ("maxBatch" finds "api.maxBatch").
// Empty when none is close enough to be what was meant.
std::string_view nearest_key(std::string_view key) {
  const std::string wanted = ascii_lower(key.substr(0, 128));
  std::string_view best;
  std::size_t best_distance = std::string_view::npos;
  const auto consider = [&](std::string_view name) {
    const std::string known = ascii_lower(name);
    std::size_t distance = 2 * edit_distance(wanted, known);
    if (const auto dot = known.rfind('.'); dot != std::string::npos) {
      // One more than the whole key at the same distance: a hit on the whole key wins.
      distance = std::min(distance,
                          2 * edit_distance(wanted, std::string_view(known).substr(dot + 1)) + 1);
    }
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  };
  for (const Setting& setting : settings_table()) consider(setting.key);
  for (const KeyAlias& alias : key_aliases()) consider(alias.alias);
  return is_near(best_distance / 2, wanted.size()) ? best : std::string_view();
}

}  // namespace

Error unknown_key(std::string_view key) {
  const std::string_view nearest = nearest_key(key);
  std::string text = fmt::format("unknown configuration key '{}'; ", key.substr(0, 128));
  if (nearest.empty()) {
    text += "no known key is like it (jindou config lists all)";
  } else {
    fmt::format_to(std::back_inserter(text), "the nearest known key is '{}'", nearest);
  }
  return Error(Errc::invalid, std::move(text));
}

}  // namespace jindou::config
