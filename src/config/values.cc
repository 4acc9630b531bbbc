// Text to typed values and back: durations, sizes, addresses, table rows.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <type_traits>

#include "base/ascii.h"
#include "config/secrets.h"
#include "config/settings.h"
#include "model/id_rules.h"

namespace jindou::config {
namespace {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

// Largest first: formatting picks the first that divides the value.
constexpr std::array kDurationUnits{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
                                    Unit{"s", 1'000}, Unit{"ms", 1}};
constexpr std::array kByteUnits{Unit{"GiB", std::uint64_t{1} << 30},
                                Unit{"MiB", std::uint64_t{1} << 20},
                                Unit{"KiB", std::uint64_t{1} << 10}, Unit{"B", 1}};

// Values stop far below the end of their types, so that sums of them cannot overflow.
constexpr std::uint64_t kValueMax = std::uint64_t{1} << 53;

std::string_view take_digits(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && text[length] >= '0' && text[length] <= '9') ++length;
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

// A whole number of digits only; nothing if there are none or too many.
std::optional<std::uint64_t> to_number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value > kValueMax) {
    return std::nullopt;
  }
  return value;
}

Error bad_duration(std::string_view text) {
  return Error(Errc::invalid,
               fmt::format("'{}' is not a duration: write 500ms, 60s, 5m, 2h or 7d", text));
}

Error bad_bytes(std::string_view text) {
  return Error(
      Errc::invalid,
      fmt::format("'{}' is not a size: write bytes, or a number with KiB, MiB or GiB", text));
}

template <class Units>
std::string with_unit(std::uint64_t value, const Units& units, std::string_view zero) {
  if (value == 0) return std::string(zero);
  for (const Unit& unit : units) {
    if (value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.suffix);
  }
  return std::to_string(value);
}

std::string format_number(SettingType type, std::uint64_t value) {
  if (type == SettingType::duration) return with_unit(value, kDurationUnits, "0s");
  if (type == SettingType::bytes) {
    const std::string text = with_unit(value, kByteUnits, "0");
    return text.ends_with("B") && !text.ends_with("iB") ? text.substr(0, text.size() - 1) : text;
  }
  return std::to_string(value);
}

std::vector<std::string_view> split_choices(std::string_view choices) {
  std::vector<std::string_view> names;
  while (true) {
    const auto bar = choices.find('|');
    names.push_back(choices.substr(0, bar));
    if (bar == std::string_view::npos) return names;
    choices.remove_prefix(bar + 1);
  }
}

Result<std::uint64_t> parse_number(const Setting& setting, std::string_view value) {
  std::uint64_t number = 0;
  if (setting.type == SettingType::duration) {
    JD_TRY(const auto parsed, parse_duration(value));
    number = static_cast<std::uint64_t>(parsed.count());
  } else if (setting.type == SettingType::bytes) {
    JD_TRY(number, parse_bytes(value));
  } else {
    const auto parsed = to_number(value);
    if (!parsed) {
      return Error(Errc::invalid, fmt::format("'{}' is not a whole number", value));
    }
    number = *parsed;
  }
  if (number < setting.min || number > setting.max) {
    return Error(Errc::invalid, fmt::format("{} is not between {} and {}", value,
                                            format_number(setting.type, setting.min),
                                            format_number(setting.type, setting.max)));
  }
  return number;
}

Result<double> parse_ratio(const Setting& setting, std::string_view value) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  // Written so that what is no number is between no bounds.
  const bool fits =
      number >= static_cast<double>(setting.min) && number <= static_cast<double>(setting.max);
  if (error != std::errc() || end != value.data() + value.size() || !fits) {
    return Error(Errc::invalid, fmt::format("'{}' is not a number between {} and {}, such as 0.25",
                                            value, setting.min, setting.max));
  }
  return number == 0 ? 0.0 : number;  // not -0
}

Result<bool> parse_flag(std::string_view value) {
  const std::string word = ascii_lower(value);
  if (word == "true" || word == "1" || word == "on" || word == "yes") return true;
  if (word == "false" || word == "0" || word == "off" || word == "no") return false;
  return Error(Errc::invalid, fmt::format("'{}' is neither true nor false", value));
}

// The index of the enumerator.
Result<std::size_t> parse_choice(const Setting& setting, std::string_view value) {
  const auto names = split_choices(setting.choices);
  const auto found = std::find(names.begin(), names.end(), ascii_lower(value));
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  // The documented form of logger.level is the number.
  if (setting.key == "logger.level") {
    const auto number = to_number(value);
    if (number && *number < names.size()) return static_cast<std::size_t>(*number);
  }
  return Error(Errc::invalid, fmt::format("'{}' is not one of {}", value, fmt::join(names, ", ")));
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const auto start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return words;
    text.remove_prefix(start);
    words.emplace_back(text.substr(0, text.find(' ')));
    text.remove_prefix(words.back().size());
  }
}

// Entries of one list; a longer one is another file's content.
constexpr std::size_t kListEntriesMax = 1000;

Result<void> check_text(const Setting& setting, std::string_view value) {
  if (has_control_characters(value) || !is_valid_utf8(value)) {
    return Error(Errc::invalid, "must be UTF-8 text without control characters");
  }
  if (setting.is_secret() && !value.empty() && is_blank(value)) {
    return Error(Errc::invalid, "must not be blank");
  }
  return {};
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  std::string_view rest = text;
  std::uint64_t total = 0;
  if (rest.empty()) return bad_duration(text);
  while (!rest.empty()) {
    const auto whole = to_number(take_digits(rest));
    if (!whole) return bad_duration(text);
    std::string_view fraction;
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      fraction = take_digits(rest);
      if (fraction.empty() || fraction.size() > 9) return bad_duration(text);
    }
    // "ms" before "m": the longest suffix that fits.
    const Unit* unit = nullptr;
    for (const Unit& candidate : kDurationUnits) {
      if (rest.starts_with(candidate.suffix) &&
          (unit == nullptr || candidate.suffix.size() > unit->suffix.size())) {
        unit = &candidate;
      }
    }
    if (unit == nullptr) return bad_duration(text);
    rest.remove_prefix(unit->suffix.size());
    if (*whole > kValueMax / unit->factor) return bad_duration(text);
    total += *whole * unit->factor;
    std::uint64_t scale = 1;
    std::uint64_t part = 0;
    for (const char digit : fraction) {
      part = part * 10 + static_cast<std::uint64_t>(digit - '0');
      scale *= 10;
    }
    if (part * unit->factor % scale != 0) return bad_duration(text);  // finer than a millisecond
    total += part * unit->factor / scale;
    if (total > kValueMax) return bad_duration(text);
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(total));
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  std::string_view rest = text;
  const auto number = to_number(take_digits(rest));
  if (!number) return bad_bytes(text);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest.empty()) return *number;
  for (const Unit& unit : kByteUnits) {
    if (rest != unit.suffix) continue;
    if (*number > kValueMax / unit.factor) return bad_bytes(text);
    return *number * unit.factor;
  }
  return bad_bytes(text);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  std::string_view rest = text;
  const auto bad = [&](std::string_view why) {
    return Error(Errc::invalid,
                 fmt::format("'{}' is not a listen address: {}", without_credentials(text), why));
  };
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    const std::string_view name = rest.substr(0, scheme);
    if (name != "tcp" && name != "ws" && name != "tls" && name != "wss" && name != "http") {
      return bad("the scheme must be tcp, ws, tls, wss or http");
    }
    rest.remove_prefix(scheme + 3);
  }
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos) return bad("write host:port");
  std::string_view host = rest.substr(0, colon);
  const auto port = to_number(rest.substr(colon + 1));
  if (!port || *port > 65535) return bad("the port must be 0 to 65535");
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return bad("an IPv6 address needs [ and ]");
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) return bad("[ ] are for IPv6 addresses");
  } else if (host.find(':') != std::string_view::npos) {
    return bad("write an IPv6 address as [host]:port");
  }
  for (const char c : host) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == ':' || c == '_' || c == '%';
    if (!fits) return bad("the host has a character that no host name has");
  }
  return ListenAddress{std::string(host), static_cast<std::uint16_t>(*port)};
}

bool ListenAddress::is_loopback() const {
  // The textual form alone would take the host name "127.example.com" for a loopback address.
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return ascii_lower(host) == "localhost";
}

namespace {

struct TypeName {
  std::string_view name;
  ChannelType type;
};
constexpr std::array kTypeNames{TypeName{"person", ChannelType::person},
                                TypeName{"group", ChannelType::group},
                                TypeName{"customer_service", ChannelType::customer_service},
                                TypeName{"community", ChannelType::community},
                                TypeName{"community_topic", ChannelType::community_topic},
                                TypeName{"info", ChannelType::info},
                                TypeName{"data", ChannelType::data},
                                TypeName{"temp", ChannelType::temp},
                                TypeName{"live", ChannelType::live},
                                TypeName{"visitors", ChannelType::visitors},
                                TypeName{"agent", ChannelType::agent},
                                TypeName{"agent_group", ChannelType::agent_group}};

// Ages in rules end where retention.maxAge ends (100 years).
constexpr std::chrono::milliseconds kRetentionAgeMax = std::chrono::hours(24 * 36'500);

Result<RetentionRule> parse_retention_rule(std::string_view entry) {
  const auto bad = [&](std::string_view why) {
    return Error(Errc::invalid, fmt::format("retention.byType: '{}': {}", entry, why));
  };
  const auto first = entry.find(':');
  const auto last = entry.rfind(':');
  if (first == std::string_view::npos || first == last) return bad("write type:maxAge:maxCount");
  RetentionRule rule;
  const auto type = parse_channel_type(entry.substr(0, first));
  if (!type) return bad("the channel type is neither a known name nor 1 to 255");
  rule.type = *type;
  const auto age = parse_duration(entry.substr(first + 1, last - first - 1));
  if (!age || *age > kRetentionAgeMax) return bad("the age is not a duration such as 90d or 0");
  rule.max_age = *age;
  const auto count = to_number(entry.substr(last + 1));
  if (!count) return bad("the count is not a whole number");
  rule.max_count = *count;
  return rule;
}

// "[slotMigrate:w,*:r]" without the brackets.
std::optional<std::vector<Permission>> parse_permissions(std::string_view text) {
  std::vector<Permission> out;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const auto colon = part.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon + 1 == part.size()) {
      return std::nullopt;
    }
    Permission permission{std::string(part.substr(0, colon)), std::string(part.substr(colon + 1))};
    if (permission.resource.find_first_of(" []") != std::string::npos) return std::nullopt;
    if (permission.actions != "*" &&
        permission.actions.find_first_not_of("rw") != std::string::npos) {
      return std::nullopt;
    }
    out.push_back(std::move(permission));
  }
  return out;
}

// A password may contain ':' itself: the name ends at the first, the permissions begin after the
// last one (of "*") or at the last ":[".
Result<AuthUser> parse_auth_user(std::string_view entry, std::size_t position) {
  const auto name_end = entry.find(':');
  const std::string_view name = entry.substr(0, name_end);
  const auto bad = [&](std::string_view why) {
    // The name only with a colon behind it: without one the entry might be a password.
    return Error(Errc::invalid, fmt::format("auth.users: entry {}{}: {}", position + 1,
                                            name_end == std::string_view::npos
                                                ? std::string()
                                                : fmt::format(" ({})", name.substr(0, 64)),
                                            why));
  };
  if (name_end == std::string_view::npos) return bad("write name:password:permissions");
  const std::string_view rest = entry.substr(name_end + 1);
  const auto rights_start = rest.ends_with(']') ? rest.rfind(":[") : rest.rfind(':');
  if (rights_start == std::string_view::npos) return bad("write name:password:permissions");
  AuthUser user;
  user.name = name;
  user.password = rest.substr(0, rights_start);
  if (is_blank(user.name)) return bad("the name must not be blank");
  if (is_blank(user.password)) return bad("the password must not be blank");
  const std::string_view rights = rest.substr(rights_start + 1);
  if (rights == "*") {
    user.permissions.push_back(Permission{"*", "*"});
    return user;
  }
  if (!rights.starts_with('[') || !rights.ends_with(']')) {
    return bad("permissions are * or [resource:actions,...]");
  }
  auto permissions = parse_permissions(rights.substr(1, rights.size() - 2));
  if (!permissions) return bad("permissions are [resource:actions,...] with actions r, w or *");
  user.permissions = std::move(*permissions);
  return user;
}

}  // namespace

std::optional<ChannelType> parse_channel_type(std::string_view text) {
  for (const TypeName& known : kTypeNames) {
    if (known.name == text) return known.type;
  }
  const auto number = to_number(text);
  if (!number || *number < 1 || *number > 255) return std::nullopt;
  return static_cast<ChannelType>(*number);
}

Result<std::vector<RetentionRule>> parse_retention_rules(const std::vector<std::string>& entries) {
  std::vector<RetentionRule> rules;
  for (const std::string& entry : entries) {
    JD_TRY(const RetentionRule rule, parse_retention_rule(entry));
    for (const RetentionRule& other : rules) {
      if (other.type == rule.type) {
        return Error(Errc::invalid,
                     fmt::format("retention.byType: '{}': this type has a rule already", entry));
      }
    }
    rules.push_back(rule);
  }
  return rules;
}

bool Permission::covers(std::string_view wanted_resource, char wanted_action) const {
  return (resource == "*" || resource == wanted_resource) &&
         (actions == "*" || actions.find(wanted_action) != std::string::npos);
}

Result<std::vector<AuthUser>> parse_auth_users(const std::vector<std::string>& entries) {
  std::vector<AuthUser> users;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    JD_TRY(AuthUser user, parse_auth_user(entries[i], i));
    for (const AuthUser& other : users) {
      if (other.name == user.name) {
        return Error(Errc::invalid, fmt::format("auth.users: '{}' is listed twice", user.name));
      }
    }
    users.push_back(std::move(user));
  }
  return users;
}

std::string Setting::env_name() const {
  std::string name = "WK_";
  for (const char c : key) {
    if (c == '.') {
      name += '_';
    } else if (c >= 'a' && c <= 'z') {
      name += static_cast<char>(c - 'a' + 'A');
    } else {
      name += c;
    }
  }
  return name;
}

Result<void> parse_setting(const Setting& setting, std::string_view value, Settings& settings) {
  return std::visit(
      [&](auto* member) -> Result<void> {
        using Member = std::remove_pointer_t<decltype(member)>;
        if constexpr (std::is_same_v<Member, bool>) {
          JD_TRY(*member, parse_flag(value));
        } else if constexpr (std::is_same_v<Member, std::string>) {
          JD_RETURN_IF_ERROR(check_text(setting, value));
          member->assign(value);
        } else if constexpr (std::is_same_v<Member, std::vector<std::string>>) {
          return parse_setting(setting, split_words(value), settings);
        } else if constexpr (std::is_enum_v<Member>) {
          JD_TRY(const auto index, parse_choice(setting, value));
          *member = static_cast<Member>(index);
        } else if constexpr (std::is_same_v<Member, std::chrono::milliseconds>) {
          JD_TRY(const auto number, parse_number(setting, value));
          *member = std::chrono::milliseconds(static_cast<std::int64_t>(number));
        } else if constexpr (std::is_same_v<Member, double>) {
          JD_TRY(*member, parse_ratio(setting, value));
        } else {
          JD_TRY(const auto number, parse_number(setting, value));
          *member = static_cast<Member>(number);  // the row's bounds fit the member's type
        }
        return {};
      },
      setting.member(settings));
}

std::string format_setting(const Setting& setting, const Settings& settings) {
  // The table's accessors hand out mutable pointers; this one is only read through.
  auto& readable = const_cast<Settings&>(settings);
  return std::visit(
      [&](const auto* member) -> std::string {
        using Member = std::remove_const_t<std::remove_pointer_t<decltype(member)>>;
        if constexpr (std::is_same_v<Member, bool>) {
          return *member ? "true" : "false";
        } else if constexpr (std::is_same_v<Member, std::string>) {
          return *member;
        } else if constexpr (std::is_same_v<Member, std::vector<std::string>>) {
          return fmt::format("{}", fmt::join(*member, " "));
        } else if constexpr (std::is_enum_v<Member>) {
          return std::string(split_choices(setting.choices)[static_cast<std::size_t>(*member)]);
        } else if constexpr (std::is_same_v<Member, std::chrono::milliseconds>) {
          return format_number(setting.type, static_cast<std::uint64_t>(member->count()));
        } else if constexpr (std::is_same_v<Member, double>) {
          return fmt::format("{}", *member);
        } else {
          return format_number(setting.type, *member);
        }
      },
      setting.member(readable));
}

Result<void> parse_setting(const Setting& setting, std::vector<std::string> values,
                           Settings& settings) {
  if (values.size() > kListEntriesMax) {
    return Error(Errc::invalid, fmt::format("has more than {} entries", kListEntriesMax));
  }
  for (const std::string& value : values) {
    JD_RETURN_IF_ERROR(check_text(setting, value));
    if (is_blank(value)) return Error(Errc::invalid, "an entry must not be blank");
  }
  *std::get<std::vector<std::string>*>(setting.member(settings)) = std::move(values);
  return {};
}

bool same_value(const Setting& setting, const Settings& a, const Settings& b) {
  // Only read through, as in format_setting.
  const SettingRef left = setting.member(const_cast<Settings&>(a));
  const SettingRef right = setting.member(const_cast<Settings&>(b));
  return std::visit(
      [&](const auto* member) {
        return *member ==
               *std::get<std::remove_const_t<std::remove_pointer_t<decltype(member)>>*>(right);
      },
      left);
}

void copy_value(const Setting& setting, const Settings& from, Settings& to) {
  const SettingRef source = setting.member(const_cast<Settings&>(from));
  const SettingRef target = setting.member(to);
  std::visit(
      [&](const auto* member) {
        *std::get<std::remove_const_t<std::remove_pointer_t<decltype(member)>>*>(target) = *member;
      },
      source);
}

}  // namespace jindou::config
