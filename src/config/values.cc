// Text to typed values and back: durations, sizes, addresses, table rows.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <type_traits>

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

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
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

Result<bool> parse_flag(std::string_view value) {
  const std::string word = lower(value);
  if (word == "true" || word == "1" || word == "on" || word == "yes") return true;
  if (word == "false" || word == "0" || word == "off" || word == "no") return false;
  return Error(Errc::invalid, fmt::format("'{}' is neither true nor false", value));
}

// The index of the enumerator.
Result<std::size_t> parse_choice(const Setting& setting, std::string_view value) {
  const auto names = split_choices(setting.choices);
  const auto found = std::find(names.begin(), names.end(), lower(value));
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  // The documented form of logger.level is the number.
  if (setting.key == "logger.level") {
    const auto number = to_number(value);
    if (number && *number < names.size()) return static_cast<std::size_t>(*number);
  }
  return Error(Errc::invalid, fmt::format("'{}' is not one of {}", value, fmt::join(names, ", ")));
}

Result<void> check_text(const Setting& setting, std::string_view value) {
  const bool control = std::any_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (control || !is_valid_utf8(value)) {
    return Error(Errc::invalid, "must be UTF-8 text without control characters");
  }
  if (setting.type == SettingType::secret && !value.empty() && is_blank(value)) {
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
    return Error(Errc::invalid, fmt::format("'{}' is not a listen address: {}", text, why));
  };
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    const std::string_view name = rest.substr(0, scheme);
    if (name != "tcp" && name != "ws" && name != "http") {
      return bad("the scheme must be tcp, ws or http");
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
  return lower(host) == "localhost";
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
          JD_CHECK_OK(check_text(setting, value));
          member->assign(value);
        } else if constexpr (std::is_enum_v<Member>) {
          JD_TRY(const auto index, parse_choice(setting, value));
          *member = static_cast<Member>(index);
        } else if constexpr (std::is_same_v<Member, std::chrono::milliseconds>) {
          JD_TRY(const auto number, parse_number(setting, value));
          *member = std::chrono::milliseconds(static_cast<std::int64_t>(number));
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
        } else if constexpr (std::is_enum_v<Member>) {
          return std::string(split_choices(setting.choices)[static_cast<std::size_t>(*member)]);
        } else if constexpr (std::is_same_v<Member, std::chrono::milliseconds>) {
          return format_number(setting.type, static_cast<std::uint64_t>(member->count()));
        } else {
          return format_number(setting.type, *member);
        }
      },
      setting.member(readable));
}

}  // namespace jindou::config
