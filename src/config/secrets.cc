#include "config/secrets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/ascii.h"

namespace jindou::config {
namespace {

// Half of what RFC 7518 section 3.2 asks for; still out of reach of guessing when it is random.
constexpr std::size_t kSecretLengthMin = 16;

constexpr std::string_view kMasked = "***";
constexpr std::string_view kMark = "://";

bool names_a_secret(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kWords{"token", "secret", "key",  "pass", "pwd",
                                                          "auth",  "sig",    "cred", "code"};
  const std::string lower = ascii_lower(name);
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// `text` with what stands before the host masked in each URL, also in one that is within another.
std::string without_users(std::string_view text) {
  std::string out;
  for (;;) {
    const auto mark = text.find(kMark);
    if (mark == std::string_view::npos) break;
    out += text.substr(0, mark + kMark.size());
    text.remove_prefix(mark + kMark.size());
    std::string_view authority = text.substr(0, text.find_first_of("/?# \t"));
    text.remove_prefix(authority.size());
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
      out += kMasked;
      authority.remove_prefix(at);
    }
    out += authority;
  }
  out += text;
  return out;
}

// "a=1&token=2" with the values of secrets masked. A '?' begins the query of a URL within it.
void append_query(std::string& out, std::string_view query) {
  for (;;) {
    const auto end = query.find_first_of("&;?");
    const std::string_view pair = query.substr(0, end);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && names_a_secret(pair.substr(0, equals))) {
      out.append(pair.substr(0, equals + 1)).append(kMasked);
    } else {
      out += pair;
    }
    if (end == std::string_view::npos) return;
    out += query[end];
    query.remove_prefix(end + 1);
  }
}

// What follows "://" up to the end of the URL.
void append_url_rest(std::string& out, std::string_view rest) {
  const auto query = rest.find('?');
  out += rest.substr(0, query);
  if (query == std::string_view::npos) return;
  rest.remove_prefix(query + 1);
  out += '?';
  const auto fragment = std::min(rest.find('#'), rest.size());
  append_query(out, rest.substr(0, fragment));
  out += rest.substr(fragment);
}

struct Secret {
  std::string_view key;
  const std::string& value;
};

// The first of `addresses` that other machines can reach; null when there is none.
const std::string* open_address(std::initializer_list<const std::string*> addresses) {
  for (const std::string* address : addresses) {
    const auto parsed = parse_listen_address(*address);
    if (!address->empty() && parsed && !parsed->is_loopback()) return address;
  }
  return nullptr;
}

bool is_weak(const Secret& secret) {
  return !secret.value.empty() && secret.value.size() < kSecretLengthMin;
}

Result<void> check_secret(const Secret& secret, const std::string* open) {
  if (open == nullptr || !is_weak(secret)) return {};
  return Error(Errc::invalid,
               fmt::format("{}: shorter than {} characters, and {} lets other machines guess it: "
                           "take a longer one (openssl rand -hex 16 makes one)",
                           secret.key, kSecretLengthMin, *open));
}

}  // namespace

std::string without_credentials(std::string_view text) {
  const std::string masked = without_users(text);
  text = masked;
  std::string out;
  for (;;) {
    const auto mark = text.find(kMark);
    if (mark == std::string_view::npos) break;
    out += text.substr(0, mark + kMark.size());
    text.remove_prefix(mark + kMark.size());
    // A blank ends a URL, and a quote does not: it may be in a password.
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    append_url_rest(out, text.substr(0, end));
    text.remove_prefix(end);
  }
  out += text;
  return out;
}

Result<void> check_secrets(const Settings& settings) {
  static const std::string kNone;
  const std::string& manager = settings.manager.on ? settings.manager.addr : kNone;
  // Clients log in as managerUID with managerToken too.
  const std::string* token_at =
      open_address({&settings.http_addr, &manager, &settings.addr, &settings.ws_addr,
                    &settings.tls_addr, &settings.wss_addr});
  const std::string* login_at = open_address({&settings.http_addr, &manager});
  JD_RETURN_IF_ERROR(check_secret({"managerToken", settings.manager_token}, token_at));
  JD_RETURN_IF_ERROR(check_secret({"auth.superToken", settings.auth.super_token}, login_at));
  return check_secret({"jwt.secret", settings.jwt.secret}, login_at);
}

std::vector<std::string> weak_secret_warnings(const Settings& settings) {
  std::vector<std::string> warnings;
  for (const Secret& secret : {Secret{"managerToken", settings.manager_token},
                               Secret{"auth.superToken", settings.auth.super_token},
                               Secret{"jwt.secret", settings.jwt.secret},
                               Secret{"webhook.secret", settings.webhook.secret}}) {
    if (!is_weak(secret)) continue;
    warnings.push_back(fmt::format("{}: shorter than {} characters, which can be guessed",
                                   secret.key, kSecretLengthMin));
  }
  return warnings;
}

}  // namespace jindou::config
