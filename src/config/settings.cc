#include "config/settings.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <numeric>
#include <set>

#include "model/id_rules.h"

extern char** environ;

namespace jindou::config {
namespace {

constexpr std::string_view kEnvPrefix = "WK_";
// A configuration file has some hundred lines; a larger one is another file given by mistake.
constexpr std::uintmax_t kFileBytesMax = std::uintmax_t{1} << 20;
constexpr std::size_t kFileEntriesMax = 4096;
constexpr int kFileDepthMax = 8;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool same_key(std::string_view a, std::string_view b) { return lower(a) == lower(b); }

const Setting* find_setting(std::string_view key) {
  for (const Setting& setting : settings_table()) {
    if (same_key(setting.key, key)) return &setting;
  }
  return nullptr;
}

const IgnoredKey* find_ignored(std::string_view key) {
  const std::string wanted = lower(key);
  for (const IgnoredKey& ignored : ignored_keys()) {
    const std::string pattern = lower(ignored.pattern);
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

// Levenshtein: the least number of single-character edits from a to b.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// The known key closest to `key`, whole or by its last part ("maxBatch" finds "api.maxBatch").
std::string_view nearest_key(std::string_view key) {
  const std::string wanted = lower(key.substr(0, 128));
  std::string_view best;
  std::size_t best_distance = std::string_view::npos;
  for (const Setting& setting : settings_table()) {
    const std::string known = lower(setting.key);
    std::size_t distance = 2 * edit_distance(wanted, known);
    if (const auto dot = known.rfind('.'); dot != std::string::npos) {
      // One more than the whole key at the same distance: a hit on the whole key wins.
      distance = std::min(distance,
                          2 * edit_distance(wanted, std::string_view(known).substr(dot + 1)) + 1);
    }
    if (distance < best_distance) {
      best_distance = distance;
      best = setting.key;
    }
  }
  return best;
}

Error unknown_key(std::string_view key) {
  return Error(Errc::invalid,
               fmt::format("unknown configuration key '{}'; the nearest known key is "
                           "'{}'",
                           key.substr(0, 128), nearest_key(key)));
}

// A whole group ("api: 5") where only keys below it exist.
bool is_group(std::string_view key) {
  const std::string prefix = lower(key) + '.';
  return std::any_of(settings_table().begin(), settings_table().end(), [&](const Setting& setting) {
    return lower(setting.key).starts_with(prefix);
  });
}

class Loader {
 public:
  Loader() { loaded_.origins.resize(settings_table().size(), SettingOrigin::by_default); }

  Result<void> read_yaml(std::string_view text) {
    try {
      const YAML::Node root = YAML::Load(std::string(text));
      if (root.IsNull() || !root.IsDefined()) return {};
      if (!root.IsMap()) {
        return Error(Errc::invalid, "the configuration file must be a map of keys to values");
      }
      return read_map(root, "", 0);
    } catch (const YAML::Exception& error) {
      return Error(Errc::invalid,
                   fmt::format("the configuration file is not YAML: {}", error.what()));
    }
  }

  Result<void> read_env(const Environment& env) {
    std::set<std::string> used;
    for (const Setting& setting : settings_table()) {
      const auto found = env.find(setting.env_name());
      if (found == env.end()) continue;
      used.insert(found->first);
      if (found->second.empty()) continue;
      JD_CHECK_OK(set(setting, found->second, SettingOrigin::env, found->first));
    }
    for (const auto& [name, value] : env) {
      if (!name.starts_with(kEnvPrefix) || used.contains(name)) continue;
      warn_about_env(name);
    }
    return {};
  }

  Result<void> read_overrides(const Overrides& overrides) {
    for (const auto& [key, value] : overrides) {
      const Setting* setting = find_setting(key);
      if (setting == nullptr) return unknown_key(key);
      JD_CHECK_OK(set(*setting, value, SettingOrigin::flag, setting->key));
    }
    return {};
  }

  Result<LoadedSettings> finish() && {
    Settings& settings = loaded_.settings;
    if (settings.data_dir.empty()) {
      settings.data_dir = (std::filesystem::path(settings.root_dir) / "data").string();
    }
    JD_CHECK_OK(validate(settings));
    return std::move(loaded_);
  }

 private:
  Result<void> read_map(const YAML::Node& map, const std::string& prefix, int depth) {
    if (depth >= kFileDepthMax) {
      return Error(Errc::invalid,
                   fmt::format("the configuration file is nested too deeply at '{}'", prefix));
    }
    for (const auto& entry : map) {
      if (++entries_ > kFileEntriesMax) {
        return Error(Errc::invalid, "the configuration file has too many entries");
      }
      if (!entry.first.IsScalar()) {
        return Error(Errc::invalid, "a configuration key must be plain text");
      }
      JD_CHECK_OK(read_entry(prefix + entry.first.Scalar(), entry.second, depth));
    }
    return {};
  }

  Result<void> read_entry(const std::string& key, const YAML::Node& value, int depth) {
    if (const IgnoredKey* ignored = find_ignored(key); ignored != nullptr) {
      loaded_.warnings.push_back(fmt::format("{}: accepted, no effect ({})", key, ignored->note));
      return {};
    }
    if (value.IsMap()) {
      // A misspelt group is reported by its first key, which names the nearest whole key.
      return value.size() == 0 && !is_group(key) ? unknown_key(key)
                                                 : read_map(value, key + '.', depth + 1);
    }
    const Setting* setting = find_setting(key);
    if (setting == nullptr) {
      if (is_group(key)) {
        if (value.IsNull()) return {};
        return Error(Errc::invalid, fmt::format("'{}' must be a map of keys to values", key));
      }
      return unknown_key(key);
    }
    if (!seen_in_file_.insert(setting->key).second) {
      return Error(Errc::invalid, fmt::format("'{}' is given twice", setting->key));
    }
    if (value.IsNull()) return {};  // "managerToken:" without a value is the default
    if (!value.IsScalar()) {
      return Error(Errc::invalid, fmt::format("'{}' must be a single value", setting->key));
    }
    return set(*setting, value.Scalar(), SettingOrigin::file, setting->key);
  }

  Result<void> set(const Setting& setting, std::string_view value, SettingOrigin origin,
                   std::string_view name) {
    const auto done = parse_setting(setting, value, loaded_.settings);
    if (!done) {
      return Error(done.error().code(), fmt::format("{}: {}", name, done.error().detail()));
    }
    loaded_.origins[static_cast<std::size_t>(&setting - settings_table().data())] = origin;
    return {};
  }

  void warn_about_env(const std::string& name) {
    for (const IgnoredKey& ignored : ignored_keys()) {
      const bool group = ignored.pattern.ends_with(".*");
      const std::string known =
          env_of(group ? ignored.pattern.substr(0, ignored.pattern.size() - 1) : ignored.pattern);
      if (group ? name.starts_with(known) : name == known) {
        loaded_.warnings.push_back(fmt::format("{}: accepted, no effect ({})", name, ignored.note));
        return;
      }
    }
    std::string_view best;
    std::size_t best_distance = std::string_view::npos;
    for (const Setting& setting : settings_table()) {
      const std::size_t distance = edit_distance(name.substr(0, 128), setting.env_name());
      if (distance < best_distance) {
        best_distance = distance;
        best = setting.key;
      }
    }
    loaded_.warnings.push_back(
        fmt::format("{}: unknown, ignored; the nearest known variable is {}", name, env_of(best)));
  }

  LoadedSettings loaded_;
  std::set<std::string_view> seen_in_file_;
  std::size_t entries_ = 0;
};

Result<std::string> read_file(const std::filesystem::path& path) {
  const auto fail = [&](std::string_view why) {
    return Error(Errc::not_found,
                 fmt::format("cannot read the configuration file {}: {}", path.string(), why));
  };
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return fail("it is a directory");
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(std::strerror(errno));
  std::string text(kFileBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return fail("reading failed");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kFileBytesMax) return fail("it is larger than 1 MiB");
  return text;
}

Result<LoadedSettings> load(std::optional<std::string_view> yaml, const Environment& env,
                            const Overrides& overrides) {
  Loader loader;
  if (yaml) JD_CHECK_OK(loader.read_yaml(*yaml));
  JD_CHECK_OK(loader.read_env(env));
  JD_CHECK_OK(loader.read_overrides(overrides));
  return std::move(loader).finish();
}

Result<void> check_listen(std::string_view key, const std::string& value) {
  if (value.empty()) return {};
  const auto address = parse_listen_address(value);
  if (!address) {
    return Error(Errc::invalid, fmt::format("{}: {}", key, address.error().detail()));
  }
  return {};
}

std::string_view origin_name(SettingOrigin origin) {
  switch (origin) {
    case SettingOrigin::by_default: return "default";
    case SettingOrigin::file: return "file";
    case SettingOrigin::env: return "environment";
    case SettingOrigin::flag: return "flag";
  }
  return "default";
}

bool has_bounds(SettingType type) {
  return type == SettingType::count || type == SettingType::bytes || type == SettingType::duration;
}

std::string format_bound(const Setting& setting, std::uint64_t bound) {
  Settings scratch;
  Setting open = setting;
  open.min = 0;
  open.max = bound;
  std::string text = std::to_string(bound);
  if (setting.type == SettingType::duration) text += "ms";
  // Through the parser and back, so that bounds look like values.
  const auto parsed = parse_setting(open, text, scratch);
  return parsed ? format_setting(open, scratch) : text;
}

std::string format_range(const Setting& setting) {
  if (setting.type == SettingType::choice) {
    std::string names(setting.choices);
    for (auto bar = names.find('|'); bar != std::string::npos; bar = names.find('|', bar)) {
      names.replace(bar, 1, ", ");
    }
    return names;
  }
  if (setting.type == SettingType::flag) return "true, false";
  if (!has_bounds(setting.type)) return "text";
  return fmt::format("{} to {}", format_bound(setting, setting.min),
                     format_bound(setting, setting.max));
}

}  // namespace

Environment process_environment() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || !text.starts_with(kEnvPrefix)) continue;
    out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

Result<LoadedSettings> load_settings(const std::optional<std::filesystem::path>& file,
                                     const Environment& env, const Overrides& overrides) {
  if (!file) return load(std::nullopt, env, overrides);
  JD_TRY(const std::string text, read_file(*file));
  return load(text, env, overrides);
}

Result<LoadedSettings> load_settings_text(std::string_view yaml, const Environment& env,
                                          const Overrides& overrides) {
  return load(yaml, env, overrides);
}

Result<void> validate(const Settings& settings) {
  JD_CHECK_OK(check_listen("httpAddr", settings.http_addr));
  JD_CHECK_OK(check_listen("addr", settings.addr));
  JD_CHECK_OK(check_listen("wsAddr", settings.ws_addr));
  if (!settings.http_addr.empty() && settings.manager_token.empty() && !settings.allow_open_api) {
    JD_TRY(const auto address, parse_listen_address(settings.http_addr));
    if (!address.is_loopback()) {
      return Error(Errc::invalid,
                   fmt::format("httpAddr {} can be reached from other machines and managerToken is "
                               "empty: set managerToken, or say allowOpenApi: true to serve the "
                               "API to everybody",
                               settings.http_addr));
    }
  }
  for (const char c : settings.manager_token) {
    if (c < 0x21 || c > 0x7e) {
      return Error(Errc::invalid,
                   "managerToken: only printable ASCII without spaces fits into a header");
    }
  }
  if (const auto problem = id_problem(settings.manager_uid); !problem.empty()) {
    return Error(Errc::invalid, fmt::format("managerUID: {}", problem));
  }
  if (settings.root_dir.empty()) return Error(Errc::invalid, "rootDir: must not be empty");
  if (settings.message_retry.scan_interval > settings.message_retry.interval) {
    return Error(Errc::invalid,
                 "messageRetry.scanInterval: must not be longer than messageRetry.interval");
  }
  if (settings.gateway.pre_auth_frame_bytes_max > settings.gateway.frame_bytes_max) {
    return Error(Errc::invalid,
                 "gateway.preAuthFrameBytesMax: must not be larger than gateway.frameBytesMax");
  }
  // A payload travels as base64 of padded ciphertext (4/3 of it plus a block) beside the ids and
  // keys of the frame, which their own limits keep below 2 KiB.
  const std::size_t frame_needed = (settings.api.max_payload_bytes + 16 + 2) / 3 * 4 + 2048;
  if (settings.gateway.frame_bytes_max < frame_needed) {
    return Error(Errc::invalid, fmt::format("gateway.frameBytesMax: a payload of "
                                            "api.maxPayloadBytes needs a frame of {} bytes",
                                            frame_needed));
  }
  if (settings.gateway.outbound_bytes_max < settings.gateway.frame_bytes_max) {
    return Error(Errc::invalid,
                 "gateway.outboundBytesMax: must not be smaller than gateway.frameBytesMax");
  }
  if (settings.core.items_in_flight < settings.api.max_batch) {
    return Error(Errc::invalid,
                 "core.itemsInFlight: must not be smaller than api.maxBatch, or a full batch would "
                 "never be accepted");
  }
  if (settings.core.bytes_in_flight < settings.api.max_body_bytes) {
    return Error(Errc::invalid,
                 "core.bytesInFlight: must not be smaller than api.maxBodyBytes, or a full batch "
                 "would never be accepted");
  }
  return {};
}

std::string settings_report(const LoadedSettings& loaded) {
  std::string out;
  const auto table = settings_table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    std::string value = format_setting(table[i], loaded.settings);
    if (table[i].type == SettingType::secret) {
      value = value.empty() ? "(empty)" : "(set)";
    } else if (value.empty()) {
      value = "\"\"";
    }
    const auto origin = i < loaded.origins.size() ? loaded.origins[i] : SettingOrigin::by_default;
    fmt::format_to(std::back_inserter(out), "{:<32} {:<24} # {}\n",
                   fmt::format("{}:", table[i].key), value, origin_name(origin));
  }
  for (const auto& warning : loaded.warnings) {
    fmt::format_to(std::back_inserter(out), "# {}\n", warning);
  }
  return out;
}

std::string settings_markdown() {
  std::string out =
      "# Configuration\n\n"
      "Generated from the table in `src/config/settings_table.cc` (`jindou config --markdown`); "
      "a test fails\nwhen this page differs from it.\n\n"
      "Everything has a default that works without a file. Later sources win over earlier ones:\n\n"
      "1. a YAML file (`--config jindou.yaml`), with nested keys (`api:` / `  maxBatch: 500`) or "
      "dotted ones\n   (`api.maxBatch: 500`);\n"
      "2. environment variables: `WK_` and the key in upper case with `.` as `_` "
      "(`WK_API_MAXBATCH=500`);\n   an empty one counts as absent;\n"
      "3. flags: `--set api.maxBatch=500`.\n\n"
      "Keys are compared without regard to case. An unknown key in the file stops the start with "
      "an error\nthat names the nearest known key; an unknown `WK_` variable is a warning in the "
      "log. `jindou config`\nprints every value and where it came from.\n\n"
      "Durations are written as `500ms`, `60s`, `5m`, `2h`, `7d` or sums of them (`1h30m`). Sizes "
      "are bytes, or\na number with `KiB`, `MiB` or `GiB`.\n\n"
      "The HTTP API does not start on an address that other machines can reach unless "
      "`managerToken` is set\nor `allowOpenApi` is `true`.\n\n"
      "## Keys\n\n"
      "Keys marked with * are WuKongIM's documented keys with the documented meaning.\n\n"
      "| key | default | values | meaning |\n| --- | --- | --- | --- |\n";
  Settings defaults;
  defaults.data_dir = "./data";
  for (const Setting& setting : settings_table()) {
    const std::string value = format_setting(setting, defaults);
    fmt::format_to(std::back_inserter(out), "| `{}`{} | {} | {} | {} |\n", setting.key,
                   setting.documented ? " *" : "",
                   value.empty() ? "empty" : fmt::format("`{}`", value), format_range(setting),
                   setting.description);
  }
  out +=
      "\n## Accepted without effect\n\n"
      "Documented keys that a configuration written for WuKongIM may hold. They are accepted, "
      "noted "
      "in the\nlog and otherwise ignored.\n\n"
      "| key | why |\n| --- | --- |\n";
  for (const IgnoredKey& ignored : ignored_keys()) {
    fmt::format_to(std::back_inserter(out), "| `{}` | {} |\n", ignored.pattern, ignored.note);
  }
  return out;
}

}  // namespace jindou::config
