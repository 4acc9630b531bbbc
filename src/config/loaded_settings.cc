#include "config/loaded_settings.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <set>
#include <system_error>

#include "base/edit_distance.h"
#include "config/api_keys.h"
#include "config/keys.h"
#include "config/listener_check.h"
#include "config/origin.h"
#include "config/secrets.h"
#include "config/settings_file.h"
#include "config/trace_headers.h"
#include "model/id_rules.h"

extern char** environ;

namespace jindou::config {
namespace {

// Names the file of settings: not one of them.
constexpr std::string_view kFileVariable = "WK_CONFIG";
constexpr const char* kUsualFiles[] = {"./jindou.yaml", "/etc/jindou/jindou.yaml"};
// A list of keys or users; one secret is far shorter.
constexpr std::size_t kSecretFileBytesMax = std::size_t{1} << 20;

class Loader {
 public:
  Loader() { loaded_.origins.resize(settings_table().size(), SettingOrigin::by_default); }

  // `name` is what messages call the text: the path of the file.
  Result<void> read_yaml(std::string_view text, std::string_view name) {
    try {
      JD_TRY(const YAML::Node root, only_document(text, name));
      if (root.IsNull() || !root.IsDefined()) return {};
      if (!root.IsMap()) {
        return Error(Errc::invalid,
                     fmt::format("{} must be a map of keys to values, in YAML", name));
      }
      return read_map(root, "", 0);
    } catch (const YAML::Exception& error) {
      return Error(Errc::invalid, fmt::format("{} is not YAML: {}", name, error.what()));
    }
  }

  Result<void> read_env(const Environment& env) {
    std::set<std::string> used{std::string(kFileVariable)};
    for (const Setting& setting : settings_table()) {
      if (setting.is_secret()) JD_RETURN_IF_ERROR(read_secret_file(setting, env, used));
      const auto found = env.find(setting.env_name());
      if (found == env.end()) continue;
      used.insert(found->first);
      if (found->second.empty()) continue;
      JD_RETURN_IF_ERROR(set(setting, found->second, SettingOrigin::env, found->first));
    }
    JD_RETURN_IF_ERROR(read_env_aliases(env, used));
    for (const auto& [name, value] : env) {
      if (!name.starts_with(kEnvPrefix) || used.contains(name)) continue;
      warn_about_env(name);
    }
    return {};
  }

  // A secret in a file of its own, as container platforms mount them: WK_MANAGERTOKEN_FILE.
  Result<void> read_secret_file(const Setting& setting, const Environment& env,
                                std::set<std::string>& used) {
    const std::string name = setting.env_name() + "_FILE";
    const auto found = env.find(name);
    if (found == env.end()) return {};
    used.insert(name);
    const std::string& path = found->second;
    if (path.empty()) return {};
    if (!value_of(env, setting.env_name()).empty()) {
      return Error(Errc::invalid, fmt::format("{0} and {1}: give one of them, not both", name,
                                              setting.env_name()));
    }
    auto text = read_file(path, kSecretFileBytesMax, FileKind::any);
    if (!text) {
      return Error(Errc::invalid,
                   fmt::format("{}: cannot read {}: {}", name, path, text.error().detail()));
    }
    // Editors end a file with a line feed; the entries of a list may stand on lines of their own.
    while (!text->empty() && is_space(text->back())) text->pop_back();
    if (text->empty()) return Error(Errc::invalid, fmt::format("{}: {} is empty", name, path));
    if (setting.is_list()) {
      std::replace_if(text->begin(), text->end(), is_space, ' ');
    }
    return set(setting, *text, SettingOrigin::env, name);
  }

  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

  // The documented name wins over the other one.
  Result<void> read_env_aliases(const Environment& env, std::set<std::string>& used) {
    for (const KeyAlias& alias : key_aliases()) {
      const auto found = env.find(env_of(alias.alias));
      if (found == env.end()) continue;
      const Setting* setting = find_setting(alias.key);
      used.insert(found->first);
      if (found->second.empty() || !value_of(env, setting->env_name()).empty()) continue;
      JD_RETURN_IF_ERROR(set(*setting, found->second, SettingOrigin::env, found->first));
    }
    return {};
  }

  static std::string_view value_of(const Environment& env, const std::string& name) {
    const auto found = env.find(name);
    return found == env.end() ? std::string_view() : found->second;
  }

  Result<void> read_overrides(const Overrides& overrides) {
    for (const auto& [key, value] : overrides) {
      const Setting* setting = find_setting(key);
      if (setting == nullptr) return unknown_key(key);
      JD_RETURN_IF_ERROR(set(*setting, value, SettingOrigin::flag, setting->key));
    }
    return {};
  }

  Result<LoadedSettings> finish() && {
    Settings& settings = loaded_.settings;
    if (settings.data_dir.empty()) {
      settings.data_dir = (std::filesystem::path(settings.root_dir) / "data").string();
    }
    listen_for_everybody_with_tokens(settings);
    JD_RETURN_IF_ERROR(validate(settings));
    for (std::string& warning : weak_secret_warnings(settings)) {
      loaded_.warnings.push_back(std::move(warning));
    }
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
      JD_RETURN_IF_ERROR(read_entry(prefix + entry.first.Scalar(), entry.second, depth));
    }
    return {};
  }

  Result<void> read_entry(const std::string& key, const YAML::Node& value, int depth) {
    const Setting* setting = find_setting(key);
    const bool group = setting == nullptr && is_group(key);
    // Keys without effect may live in one group with others: each is looked at by itself.
    const bool descend = value.IsMap() && group;
    if (setting == nullptr && !descend) {
      if (const IgnoredKey* ignored = find_ignored(key);
          ignored != nullptr && (!group || value.IsNull())) {
        loaded_.warnings.push_back(fmt::format("{}: accepted, no effect ({})", key, ignored->note));
        return {};
      }
    }
    if (value.IsMap()) {
      // A misspelt group is reported by its first key, which names the nearest whole key.
      return value.size() == 0 && !group ? unknown_key(key) : read_map(value, key + '.', depth + 1);
    }
    if (setting == nullptr) {
      if (group) {
        if (value.IsNull()) return {};
        return Error(Errc::invalid, fmt::format("'{}' must be a map of keys to values", key));
      }
      return unknown_key(key);
    }
    if (!seen_in_file_.insert(setting->key).second) {
      return Error(Errc::invalid, fmt::format("'{}' is given twice", setting->key));
    }
    if (value.IsNull()) return {};  // "managerToken:" without a value is the default
    if (setting->is_list() && value.IsSequence()) return set_list(*setting, value);
    if (!value.IsScalar()) {
      return Error(Errc::invalid, fmt::format("'{}' must be {}", setting->key,
                                              setting->is_list() ? "a list" : "a single value"));
    }
    return set(*setting, value.Scalar(), SettingOrigin::file, setting->key);
  }

  Result<void> set_list(const Setting& setting, const YAML::Node& list) {
    std::vector<std::string> values;
    for (const auto& entry : list) {
      if (++entries_ > kFileEntriesMax) {
        return Error(Errc::invalid, "the configuration file has too many entries");
      }
      if (entry.IsMap() && setting.key == "apiKeys") {
        JD_TRY(std::string text, key_entry(entry));
        values.push_back(std::move(text));
        continue;
      }
      if (!entry.IsScalar()) {
        return Error(Errc::invalid, fmt::format("{}: an entry must be plain text", setting.key));
      }
      values.push_back(entry.Scalar());
    }
    return note(setting, parse_setting(setting, std::move(values), loaded_.settings),
                SettingOrigin::file, setting.key);
  }

  // One entry of apiKeys that is a map, as text.
  Result<std::string> key_entry(const YAML::Node& map) {
    const Error bad(Errc::invalid,
                    "apiKeys: a member of an entry must be plain text, or a list of texts");
    KeyMembers members;
    for (const auto& member : map) {
      if (!member.first.IsScalar()) return bad;
      std::vector<std::string> values;
      if (member.second.IsScalar()) {
        values.push_back(member.second.Scalar());
      } else if (member.second.IsSequence()) {
        for (const auto& value : member.second) {
          if (++entries_ > kFileEntriesMax) {
            return Error(Errc::invalid, "the configuration file has too many entries");
          }
          if (!value.IsScalar()) return bad;
          values.push_back(value.Scalar());
        }
      } else {
        return bad;
      }
      members.emplace_back(member.first.Scalar(), std::move(values));
    }
    auto text = api_key_entry(members);
    if (!text) return Error(Errc::invalid, "apiKeys: " + text.error().detail());
    return text;
  }

  Result<void> set(const Setting& setting, std::string_view value, SettingOrigin origin,
                   std::string_view name) {
    return note(setting, parse_setting(setting, value, loaded_.settings), origin, name);
  }

  // Where clients show a token, the addresses that nobody wrote down are those of every interface.
  void listen_for_everybody_with_tokens(Settings& settings) {
    if (!settings.token_auth_on) return;
    if (!is_given("addr")) settings.addr = "tcp://0.0.0.0:5100";
    if (!is_given("wsAddr")) settings.ws_addr = "ws://0.0.0.0:5200";
  }

  bool is_given(std::string_view key) const {
    const auto at = static_cast<std::size_t>(find_setting(key) - settings_table().data());
    return loaded_.origins[at] != SettingOrigin::by_default;
  }

  // Keeps where a value came from, or says whose value was wrong.
  Result<void> note(const Setting& setting, const Result<void>& done, SettingOrigin origin,
                    std::string_view name) {
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
    std::string text = fmt::format("{}: unknown, ignored", name);
    if (is_near(best_distance, name.size() - kEnvPrefix.size())) {
      text += fmt::format("; the nearest known variable is {}", env_of(best));
    }
    loaded_.warnings.push_back(std::move(text));
  }

  LoadedSettings loaded_;
  std::set<std::string_view> seen_in_file_;
  std::size_t entries_ = 0;
};

Result<LoadedSettings> load(std::optional<std::string_view> yaml, std::string_view name,
                            const Environment& env, const Overrides& overrides) {
  Loader loader;
  if (yaml) JD_RETURN_IF_ERROR(loader.read_yaml(*yaml, name));
  JD_RETURN_IF_ERROR(loader.read_env(env));
  JD_RETURN_IF_ERROR(loader.read_overrides(overrides));
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
    case SettingOrigin::fitted: return "fitted to the memory";
    case SettingOrigin::file: return "file";
    case SettingOrigin::env: return "environment";
    case SettingOrigin::flag: return "flag";
  }
  return "default";
}

bool has_bounds(SettingType type) {
  return type == SettingType::count || type == SettingType::bytes ||
         type == SettingType::duration || type == SettingType::ratio;
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
  if (setting.is_list()) return "list";
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

std::optional<std::string> usual_settings_file(const Environment& env) {
  if (const auto named = env.find(std::string(kFileVariable));
      named != env.end() && !named->second.empty()) {
    return named->second;
  }
  for (const char* path : kUsualFiles) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    // One that cannot be looked at is named in the error that reading it makes.
    if (status.type() != std::filesystem::file_type::not_found) return path;
  }
  return std::nullopt;
}

Result<LoadedSettings> load_settings(const std::optional<std::filesystem::path>& file,
                                     const Environment& env, const Overrides& overrides,
                                     FileKind kind) {
  if (!file) return load(std::nullopt, {}, env, overrides);
  JD_TRY(const std::string text, read_settings_file(*file, kind));
  JD_TRY(auto loaded, load(text, "the configuration file " + file->string(), env, overrides));
  loaded.file = file->string();
  return loaded;
}

Result<LoadedSettings> load_settings_text(std::string_view yaml, const Environment& env,
                                          const Overrides& overrides) {
  return load(yaml, "the configuration file", env, overrides);
}

namespace {

// The default of WuKongIM 2.
constexpr std::string_view kPublishedSecret = "secret_wukongim";

// Whether others than this machine can connect to `address`, which parses.
bool is_open(const std::string& address) {
  const auto parsed = parse_listen_address(address);
  return parsed && !parsed->is_loopback();
}

Result<void> check_url(std::string_view key, std::string_view value) {
  if (value.empty()) return {};
  std::string_view rest = value;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else {
    return Error(Errc::invalid, fmt::format("{}: must begin with http:// or https://", key));
  }
  if (rest.empty() || rest.front() == '/' || rest.find(' ') != std::string_view::npos) {
    return Error(Errc::invalid, fmt::format("{}: is not a URL", key));
  }
  return {};
}

Result<void> check_header_secret(std::string_view key, std::string_view value) {
  for (const char c : value) {
    if (c < 0x21 || c > 0x7e) {
      return Error(Errc::invalid,
                   fmt::format("{}: only printable ASCII without spaces fits into a header", key));
    }
  }
  return {};
}

Result<void> validate_access(const Settings& settings) {
  JD_RETURN_IF_ERROR(check_header_secret("managerToken", settings.manager_token));
  JD_RETURN_IF_ERROR(check_header_secret("auth.superToken", settings.auth.super_token));
  JD_RETURN_IF_ERROR(parse_api_keys(settings.api_keys));
  JD_TRY(const auto users, parse_auth_users(settings.auth.users));
  for (const AuthUser& user : users) {
    if (user.name == settings.manager_uid) {
      return Error(Errc::invalid,
                   "auth.users: the account of managerToken (managerUID) must not be listed");
    }
  }
  if (settings.jwt.secret == kPublishedSecret) {
    return Error(
        Errc::invalid,
        "jwt.secret: this one stands in the source of another server, and whoever knows it "
        "can log in as anybody: leave it empty, and a random one is made");
  }
  JD_RETURN_IF_ERROR(check_secrets(settings));
  JD_RETURN_IF_ERROR(check_allowed_origins("api.allowedOrigins", settings.api.allowed_origins));
  if (settings.jwt.issuer.empty()) return Error(Errc::invalid, "jwt.issuer: must not be empty");
  if (settings.jwt.read_expire > settings.jwt.read_expire_max) {
    return Error(Errc::invalid, "jwt.readExpire: must not be longer than jwt.readExpireMax");
  }
  if (!settings.manager.on) return {};
  if (settings.manager.addr.empty()) {
    return Error(Errc::invalid,
                 "manager.addr: must not be empty; manager.on: false switches it off");
  }
  if (is_open(settings.manager.addr) && !settings.auth.on) {
    return Error(Errc::invalid,
                 fmt::format("manager.addr {} can be reached from other machines: auth.on must not "
                             "be false",
                             settings.manager.addr));
  }
  return {};
}

Result<void> validate_receivers(const Settings& settings) {
  JD_RETURN_IF_ERROR(check_url("webhook.httpAddr", settings.webhook.http_addr));
  JD_RETURN_IF_ERROR(check_url("agent.webhook.httpAddr", settings.agent.webhook.http_addr));
  JD_RETURN_IF_ERROR(check_url("datasource.addr", settings.datasource.addr));
  JD_RETURN_IF_ERROR(check_url("moderation.url", settings.moderation.url));
  JD_RETURN_IF_ERROR(check_url("tracing.endpoint", settings.tracing.endpoint));
  if (settings.tracing.endpoint.find_first_of("?#") != std::string::npos) {
    return Error(Errc::invalid, "tracing.endpoint: must be an address without a query");
  }
  JD_RETURN_IF_ERROR(parse_trace_headers(settings.tracing.headers));
  JD_RETURN_IF_ERROR(check_listen("webhook.grpcAddr", settings.webhook.grpc_addr));
  for (const std::string& event : settings.webhook.focus_events) {
    if (event != "msg.notify" && event != "msg.offline" && event != "user.onlinestatus") {
      return Error(Errc::invalid,
                   fmt::format("webhook.focusEvents: '{}' is not one of msg.notify, msg.offline, "
                               "user.onlinestatus",
                               event));
    }
  }
  if (settings.webhook.retry_backoff_min > settings.webhook.retry_backoff_max) {
    return Error(Errc::invalid,
                 "webhook.retryBackoffMin: must not be longer than webhook.retryBackoffMax");
  }
  return {};
}

}  // namespace

std::size_t batch_answer_bytes(std::size_t items) {
  // A client_msg_no of 256 bytes, each escaped, and 200 for the rest, in a buffer that has grown.
  constexpr std::size_t kItem = 1024;
  return items * kItem;
}

std::size_t inbound_bytes_needed(const GatewaySettings& gateway) {
  return std::max(2 * gateway.frame_bytes_max, 4 * gateway.pre_auth_frame_bytes_max);
}

Result<void> validate(const Settings& settings) {
  JD_RETURN_IF_ERROR(check_listen("httpAddr", settings.http_addr));
  JD_RETURN_IF_ERROR(check_listen("addr", settings.addr));
  JD_RETURN_IF_ERROR(check_listen("wsAddr", settings.ws_addr));
  JD_RETURN_IF_ERROR(check_listen("tlsAddr", settings.tls_addr));
  JD_RETURN_IF_ERROR(check_listen("wssAddr", settings.wss_addr));
  JD_RETURN_IF_ERROR(check_listen("demo.addr", settings.demo.addr));
  const bool tls = !settings.tls_addr.empty() || !settings.wss_addr.empty();
  if (tls && (settings.tls.cert_file.empty() || settings.tls.key_file.empty())) {
    return Error(Errc::invalid,
                 "wssConfig.certFile and wssConfig.keyFile: tlsAddr and wssAddr need both");
  }
  const bool asks = !settings.manager_token.empty() || !settings.api_keys.empty();
  if (!settings.http_addr.empty() && !asks && !settings.allow_open_api) {
    JD_TRY(const auto address, parse_listen_address(settings.http_addr));
    if (!address.is_loopback()) {
      return Error(
          Errc::invalid,
          fmt::format("httpAddr {0} can be reached from other machines and managerToken is "
                      "empty: set managerToken (16 characters or more) or apiKeys, or listen on a "
                      "loopback address (httpAddr: localhost:{1}), or say allowOpenApi: "
                      "true to serve the API to everybody",
                      settings.http_addr, address.port));
    }
  }
  JD_RETURN_IF_ERROR(check_listen("manager.addr", settings.manager.addr));
  JD_RETURN_IF_ERROR(check_distinct_listeners(settings));
  JD_RETURN_IF_ERROR(validate_access(settings));
  JD_RETURN_IF_ERROR(validate_receivers(settings));
  JD_TRY([[maybe_unused]] const auto rules, parse_retention_rules(settings.retention.by_type));
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
  if (settings.gateway.inbound_bytes_in_flight < inbound_bytes_needed(settings.gateway)) {
    return Error(Errc::invalid,
                 "gateway.inboundBytesInFlight: must not be smaller than twice "
                 "gateway.frameBytesMax and four times gateway.preAuthFrameBytesMax, or a long "
                 "frame would never be accepted");
  }
  if (settings.core.items_in_flight < settings.api.max_batch) {
    return Error(Errc::invalid,
                 "core.itemsInFlight: must not be smaller than api.maxBatch, or a full batch would "
                 "never be accepted");
  }
  if (settings.api.body_bytes_in_flight < settings.api.max_body_bytes + kBodyReadRoom) {
    return Error(Errc::invalid,
                 fmt::format("api.bodyBytesInFlight: a body of api.maxBodyBytes needs {} bytes, "
                             "with the buffer it is read through, or it would never be accepted",
                             settings.api.max_body_bytes + kBodyReadRoom));
  }
  if (settings.api.answer_bytes_in_flight < batch_answer_bytes(settings.api.max_batch)) {
    return Error(Errc::invalid,
                 fmt::format("api.answerBytesInFlight: the answer to a batch of api.maxBatch items "
                             "needs up to {} bytes, or nobody would learn what was stored",
                             batch_answer_bytes(settings.api.max_batch)));
  }
  if (settings.core.bytes_in_flight < settings.api.max_body_bytes) {
    return Error(Errc::invalid,
                 "core.bytesInFlight: must not be smaller than api.maxBodyBytes, or a full batch "
                 "would never be accepted");
  }
  return {};
}

namespace {

std::string shown_value(const Setting& setting, const Settings& settings) {
  const std::string value = format_setting(setting, settings);
  if (setting.is_secret()) return value.empty() ? "(empty)" : "(set)";
  return value.empty() ? "\"\"" : without_credentials(value);
}

}  // namespace

std::string changed_settings(const LoadedSettings& loaded) {
  std::string out;
  const auto table = settings_table();
  const Settings defaults;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto origin = i < loaded.origins.size() ? loaded.origins[i] : SettingOrigin::by_default;
    if (origin == SettingOrigin::by_default || origin == SettingOrigin::fitted) continue;
    if (same_value(table[i], defaults, loaded.settings)) continue;
    fmt::format_to(std::back_inserter(out), "{}{} = {} ({})", out.empty() ? "" : ", ", table[i].key,
                   shown_value(table[i], loaded.settings), origin_name(origin));
  }
  return out;
}

std::vector<ShownSetting> shown_settings(const Settings& settings,
                                         const std::vector<SettingOrigin>& origins) {
  std::vector<ShownSetting> out;
  const auto table = settings_table();
  out.reserve(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto origin = i < origins.size() ? origins[i] : SettingOrigin::by_default;
    out.push_back({table[i].key, shown_value(table[i], settings), origin_name(origin)});
  }
  return out;
}

std::string settings_report(const LoadedSettings& loaded) {
  std::string out = fmt::format(
      "# {}\n", loaded.file.empty() ? "no file of settings was read" : "file: " + loaded.file);
  for (const ShownSetting& shown : shown_settings(loaded.settings, loaded.origins)) {
    fmt::format_to(std::back_inserter(out), "{:<32} {:<24} # {}\n", fmt::format("{}:", shown.key),
                   shown.value, shown.origin);
  }
  for (const auto& warning : loaded.warnings) {
    fmt::format_to(std::back_inserter(out), "# {}\n", warning);
  }
  return out;
}

namespace {

constexpr std::string_view kApiKeysChapter = R"(
## API keys

An entry of `apiKeys` is a map; in the environment and in flags it is one text without spaces,
`name=orders;sha256=9f86…;scopes=send,read`, with the values of a list divided by commas.

```yaml
apiKeys:
  - name: orders
    sha256: [5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8]
    scopes: [send, read]
    senders: [orders-bot]
    channels: ["group:orders-", "person:"]
    expires: 2030-06-30
```

| member | meaning |
| --- | --- |
| `name` | 1 to 64 letters, digits, `.`, `_` and `-`; what refusals and jobs name |
| `sha256` | the hash of the secret, as `jindou key` tells it; two while the secret is replaced, and both are good |
| `scopes` | some of `send`, `read` and `administer`; the last includes all ([api.md](api.md#api-keys)) |
| `senders` | as whom it may send; none: as anybody |
| `channels` | where to, as `type:prefix` of the id, a person by uid; the type is a name, a number or `*`; none: anywhere. Users that a message lists are persons, too ([api.md](api.md#api-keys)) |
| `expires` | when it ends, in UTC: `2030-06-30` or `2030-06-30T12:00:00Z`; none: never |
| `rate` | messages a second, instead of `limits.keyPerSecond` |
| `burst` | how many of them at once after a pause; none: as many as in a second |

Callers show the secret as `token: <secret>` or as `Authorization: Bearer <secret>`. A reload adds keys, changes them and
takes them away; requests that were let in before go on.
)";

}  // namespace

std::string settings_markdown() {
  std::string out =
      "# Configuration\n\n"
      "Generated from the table in `src/config/settings_table.cc` (`jindou config --markdown`); "
      "a test fails\nwhen this page differs from it.\n\n"
      "Everything has a default that works without a file. Later sources win over earlier ones:\n\n"
      "1. a YAML file, with nested keys (`api:` / `  maxBatch: 500`) or dotted ones "
      "(`api.maxBatch: 500`);\n   a list is a YAML list. It is the one that `--config FILE` names, "
      "else the one that `WK_CONFIG` names, else\n   `./jindou.yaml`, else "
      "`/etc/jindou/jindou.yaml`, whichever is there first; `--config \"\"` reads none;\n"
      "2. environment variables: `WK_` and the key in upper case with `.` as `_` "
      "(`WK_API_MAXBATCH=500`);\n   an empty one counts as absent, spaces separate the entries of "
      "a list.\n   A secret may also be in a file, without its last line feed: "
      "`WK_MANAGERTOKEN_FILE=/run/secrets/token`, and so\n   for `WK_APIKEYS`, `WK_AUTH_USERS`, "
      "`WK_AUTH_SUPERTOKEN`, `WK_JWT_SECRET`, `WK_TRACING_HEADERS` and `WK_WEBHOOK_SECRET`;\n"
      "3. flags: `--set api.maxBatch=500`; an empty one means empty (`--http-addr \"\"`: no HTTP "
      "API).\n\n"
      "Keys are compared without regard to case. An unknown key in the file stops the start with "
      "an error\nthat names the nearest known key; an unknown `WK_` variable is a warning in the "
      "log. `jindou config`\nprints which file was read, every value and where it came from.\n\n"
      "Durations are written as `500ms`, `60s`, `5m`, `2h`, `7d` or sums of them (`1h30m`). Sizes "
      "are bytes, or\na number with `KiB`, `MiB` or `GiB`.\n\n"
      "The HTTP API does not start on an address that other machines can reach unless "
      "`managerToken` or `apiKeys` are\nset, or `allowOpenApi` is `true`. The manager port always "
      "asks for a "
      "token "
      "or a login. Without\n`auth.users` there is the login `guest`, for requests straight from "
      "this machine alone: not on an address that\nother machines can reach, not through a "
      "proxy, and not in `mode: release`.\n\n"
      "`jindou config --from-wukongim FILE` prints a configuration of WuKongIM 2 as one for this "
      "server: what has\nno effect here is a comment with the reason, an API that nobody guards "
      "stays "
      "on loopback, and what the\nserver would still refuse is said on standard error (exit status "
      "2).\n\n"
      "## Reload\n\n"
      "`SIGHUP` makes the server read all sources again, and so does `POST /config/reload`. "
      "Changes "
      "of the keys\nmarked with R apply at once; the log names them, and those that wait for a "
      "restart. When anything in the\nnew configuration is wrong, nothing applies and the log says "
      "why; only the file of the audit log is\nopened anew all the same.\n\n"
      "No reload opens what a start would not: a check that is switched off waits for a restart "
      "while the file also\nchanges where it is asked. So `tokenAuthOn: false` waits with `addr`, "
      "`wsAddr`, `tlsAddr` and `wssAddr` (also where\nthey are not written down, since they are "
      "others without tokens), the end of `managerToken`, `auth.superToken` and `apiKeys` "
      "with\n`httpAddr` and "
      "`allowOpenApi`, `auth.on: false` and the end of `auth.users` with the manager port.\n\n"
      "## Keys\n\n"
      "Keys marked with * are WuKongIM's documented keys with the documented meaning; R: applied "
      "by "
      "a reload.\n\n"
      "| key | default | values | meaning |\n| --- | --- | --- | --- |\n";
  Settings defaults;
  defaults.data_dir = "./data";
  for (const Setting& setting : settings_table()) {
    const std::string value = format_setting(setting, defaults);
    fmt::format_to(std::back_inserter(out), "| `{}`{}{} | {} | {} | {} |\n", setting.key,
                   setting.documented ? " *" : "", setting.reloadable ? " R" : "",
                   value.empty() ? "empty" : fmt::format("`{}`", value), format_range(setting),
                   setting.description);
  }
  out += kApiKeysChapter;
  out += "\n## Other names\n\n| name | stands for |\n| --- | --- |\n";
  for (const KeyAlias& alias : key_aliases()) {
    fmt::format_to(std::back_inserter(out), "| `{}` | `{}` |\n", alias.alias, alias.key);
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
