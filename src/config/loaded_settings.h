// Settings with where each came from: the file, the environment, the command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/read_file.h"
#include "base/result.h"
#include "config/settings.h"

namespace jindou::config {

enum class SettingOrigin : std::uint8_t { by_default, fitted, file, env, flag };

struct LoadedSettings {
  std::string file;  // that was read; empty: none
  Settings settings;
  std::vector<SettingOrigin> origins;  // parallel to settings_table()
  std::vector<std::string> warnings;   // for the log: ignored keys, unknown WK_ variables
  std::string fit;                     // for the log: which memory the defaults fit into
};

using Environment = std::map<std::string, std::string>;
// Key and value, in the order given on the command line: {"api.maxBatch", "500"}.
using Overrides = std::vector<std::pair<std::string, std::string>>;

// The variables of this process whose names start with WK_.
Environment process_environment();

// Where settings are read from when nobody names a file: what WK_CONFIG names, or the first of
// ./jindou.yaml and /etc/jindou/jindou.yaml that is there. None: neither is.
std::optional<std::string> usual_settings_file(const Environment& env);

// Reads all sources and checks every value against its row, then calls validate(). An environment
// variable that is empty counts as absent; a secret may be given by a variable with _FILE at its
// end, which names the file that holds it. Keys are compared without regard to case. Errors:
// invalid (names the key, the value unless it is secret, and what would be right), not_found (the
// file cannot be read, or is not of that kind).
Result<LoadedSettings> load_settings(const std::optional<std::filesystem::path>& file,
                                     const Environment& env, const Overrides& overrides,
                                     FileKind kind = FileKind::any);
// load_settings() with the text of the file.
Result<LoadedSettings> load_settings_text(std::string_view yaml, const Environment& env,
                                          const Overrides& overrides);

// Rules between settings. The important one: an HTTP API that others than this machine can reach
// needs a managerToken, or the operator's word in allowOpenApi. Errors: invalid.
Result<void> validate(const Settings& settings);

// Where the settings of a running server are from.
struct SettingSources {
  std::string file;                    // empty: none was read
  std::vector<SettingOrigin> origins;  // parallel to settings_table(); shorter: the rest by default
};

// A setting as people are shown it: secrets as set or empty only, credentials inside URLs as ***.
struct ShownSetting {
  std::string_view key;  // constants, as is the origin
  std::string value;
  std::string_view origin;
};

// All of them, in the order of settings_table().
std::vector<ShownSetting> shown_settings(const Settings& settings,
                                         const std::vector<SettingOrigin>& origins);

// "key = value  # origin" lines for `jindou config`, as shown_settings() has them.
std::string settings_report(const LoadedSettings& loaded);

// The same on one line for those whose values are no defaults, whoever gave them: "addr = … (file),
// …". Empty: all are.
std::string changed_settings(const LoadedSettings& loaded);

// The text of docs/configuration.md.
std::string settings_markdown();

}  // namespace jindou::config
