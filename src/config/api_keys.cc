#include "config/api_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>

#include "config/settings.h"
#include "model/id_rules.h"

namespace jindou::config {
namespace {

constexpr std::size_t kValuesMax = 1000;  // of one member

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(by);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_key_name(std::string_view name) {
  return !name.empty() && name.size() <= kApiKeyNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<KeyHash> parse_hash(std::string_view text) {
  KeyHash hash{};
  if (text.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = digit_of(text[2 * i]);
    const int low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash[i] = static_cast<unsigned char>(16 * high + low);
  }
  return hash;
}

// All of the digits, below 10,000.
std::optional<int> to_int(std::string_view digits) {
  int value = 0;
  if (digits.empty() || digits.size() > 4 || digit_of(digits.front()) < 0) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// "2027-06-30" is the beginning of that day, "2027-06-30T12:00:00Z" the second; UTC.
std::optional<std::int64_t> parse_time(std::string_view text) {
  namespace chrono = std::chrono;
  const auto at = [text](std::size_t from, std::size_t size) {
    return to_int(from + size <= text.size() ? text.substr(from, size) : std::string_view());
  };
  if (text.size() != 10 && text.size() != 20) return std::nullopt;
  const auto year = at(0, 4);
  const auto month = at(5, 2);
  const auto day = at(8, 2);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return std::nullopt;
  const chrono::year_month_day date{chrono::year(*year),
                                    chrono::month(static_cast<unsigned>(*month)),
                                    chrono::day(static_cast<unsigned>(*day))};
  // What is over in 1970 is a typing error, and 0 would be no end at all.
  if (!date.ok() || *year <= 1970) return std::nullopt;
  const std::int64_t days = chrono::sys_days(date).time_since_epoch().count();
  std::int64_t seconds = days * 86'400;
  if (text.size() == 10) return seconds;
  const auto hour = at(11, 2);
  const auto minute = at(14, 2);
  const auto second = at(17, 2);
  const bool marks = text[10] == 'T' && text[13] == ':' && text[16] == ':' && text[19] == 'Z';
  if (!hour || !minute || !second || !marks || *hour > 23 || *minute > 59 || *second > 59) {
    return std::nullopt;
  }
  seconds += *hour * 3600 + *minute * 60 + *second;
  return seconds;
}

// "group:orders-", "2:orders-", "*:orders-".
std::optional<ChannelPattern> parse_channel(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  ChannelPattern pattern;
  if (const std::string_view type = text.substr(0, colon); type != "*") {
    pattern.type = parse_channel_type(type);
    if (!pattern.type) return std::nullopt;
  }
  pattern.prefix = text.substr(colon + 1);
  return pattern;
}

// One entry while it is read. Each take_… says what is wrong; empty: nothing.
class Entry {
 public:
  std::string take_member(std::string_view name, std::string_view value) {
    if (std::find(seen_.begin(), seen_.end(), name) != seen_.end()) {
      return fmt::format("{} is given twice", name);
    }
    seen_.push_back(name);
    if (value.empty()) return fmt::format("{} is empty", name);
    if (name == "name") return take_name(value);
    if (name == "expires") return take_end(value);
    if (name == "rate") return take_number(value, kRatePerSecondMax, name, key_.rate.per_second);
    if (name == "burst") return take_number(value, kRateBurstMax, name, key_.rate.burst);
    const std::vector<std::string_view> values = split(value, ',');
    if (values.size() > kValuesMax) return fmt::format("{} has too many values", name);
    if (name == "sha256") return take_hashes(values);
    if (name == "scopes") return take_scopes(values);
    if (name == "senders") return take_senders(values);
    if (name == "channels") return take_channels(values);
    // Not named: it might be a secret.
    return "a member is none of name, sha256, scopes, senders, channels, expires, rate and burst";
  }

  std::string missing() const {
    if (key_.name.empty()) return "name is missing";
    if (hashes_.empty()) return "sha256 is missing: jindou key makes a secret and tells its hash";
    if (key_.scopes.empty()) return "scopes is missing: some of send, read and administer";
    if (key_.rate.burst > 0 && !key_.rate.on()) return "burst goes with a rate";
    return {};
  }

  const std::string& name() const { return key_.name; }
  ConfiguredKey finish() && {
    if (key_.rate.burst == 0) key_.rate.burst = key_.rate.per_second;
    return {std::make_shared<const ApiKey>(std::move(key_)), std::move(hashes_)};
  }

 private:
  std::string take_name(std::string_view value) {
    if (!is_key_name(value)) {
      return fmt::format("the name takes 1 to {} letters, digits, '.', '_' and '-'",
                         kApiKeyNameBytesMax);
    }
    key_.name = value;
    return {};
  }

  std::string take_end(std::string_view value) {
    const auto at = parse_time(value);
    if (!at) return "expires takes a time in UTC: 2027-06-30 or 2027-06-30T12:00:00Z";
    key_.expires_at = *at;
    return {};
  }

  static std::string take_number(std::string_view value, std::uint64_t most, std::string_view name,
                                 std::uint64_t& number) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error == std::errc() && end == value.data() + value.size() && number > 0 &&
        number <= most) {
      return {};
    }
    return fmt::format("{} takes a number of messages from 1 to {}", name, most);
  }

  std::string take_hashes(const std::vector<std::string_view>& values) {
    if (values.size() > kKeyHashesMax) return "sha256 takes two hashes at most";
    for (const std::string_view value : values) {
      const auto hash = parse_hash(value);
      if (!hash) {
        return "sha256 takes the hash of the secret, 64 hex digits: jindou key tells it; never "
               "write the secret itself here";
      }
      hashes_.push_back(*hash);
    }
    return {};
  }

  std::string take_scopes(const std::vector<std::string_view>& values) {
    for (const std::string_view value : values) {
      const auto scope = scope_of_name(value);
      if (!scope) return "scopes takes send, read and administer";
      key_.scopes = key_.scopes | *scope;
    }
    return {};
  }

  std::string take_senders(const std::vector<std::string_view>& values) {
    for (const std::string_view value : values) {
      if (const auto problem = id_problem(value); !problem.empty()) {
        return fmt::format("senders: a uid {}", problem);
      }
      key_.senders.emplace_back(value);
    }
    return {};
  }

  std::string take_channels(const std::vector<std::string_view>& values) {
    for (const std::string_view value : values) {
      auto pattern = parse_channel(value);
      if (!pattern) {
        return "channels takes type:prefix, such as group:orders- or person: or *:news-; the type "
               "is a name, a number from 1 to 255, or *";
      }
      key_.channels.push_back(std::move(*pattern));
    }
    return {};
  }

  ApiKey key_;
  std::vector<KeyHash> hashes_;
  std::vector<std::string_view> seen_;
};

Result<ConfiguredKey> parse_entry(std::string_view text, std::size_t position) {
  Entry entry;
  const auto bad = [&](std::string_view why) {
    return Error(
        Errc::invalid,
        fmt::format("apiKeys: entry {}{}: {}", position + 1,
                    entry.name().empty() ? std::string() : fmt::format(" ({})", entry.name()),
                    why));
  };
  for (const std::string_view member : split(text, ';')) {
    const auto equals = member.find('=');
    if (equals == std::string_view::npos) {
      return bad("write name=…;sha256=…;scopes=…, divided by ';' without spaces");
    }
    const std::string why = entry.take_member(member.substr(0, equals), member.substr(equals + 1));
    if (!why.empty()) return bad(why);
  }
  if (const std::string why = entry.missing(); !why.empty()) return bad(why);
  return std::move(entry).finish();
}

}  // namespace

Result<std::vector<ConfiguredKey>> parse_api_keys(const std::vector<std::string>& entries) {
  std::vector<ConfiguredKey> keys;
  std::vector<KeyHash> known;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    JD_TRY(ConfiguredKey key, parse_entry(entries[i], i));
    for (const ConfiguredKey& other : keys) {
      if (other.key->name == key.key->name) {
        return Error(Errc::invalid, fmt::format("apiKeys: '{}' is listed twice", key.key->name));
      }
    }
    for (const KeyHash& hash : key.hashes) {
      if (std::find(known.begin(), known.end(), hash) != known.end()) {
        return Error(
            Errc::invalid,
            fmt::format("apiKeys: a hash of '{}' is there already: a secret belongs to one "
                        "key, once",
                        key.key->name));
      }
      known.push_back(hash);
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<std::string> api_key_entry(const KeyMembers& members) {
  std::string text;
  for (const auto& [name, values] : members) {
    if (!text.empty()) text += ';';
    text += name + '=';
    for (std::size_t i = 0; i < values.size(); ++i) {
      // Divided by them in the text; a key with such a sender is none.
      if (values[i].find_first_of(",;") != std::string::npos) {
        return Error(Errc::invalid, "a value must not contain ',' or ';': give several as a list");
      }
      if (i > 0) text += ',';
      text += values[i];
    }
  }
  return text;
}

}  // namespace jindou::config
