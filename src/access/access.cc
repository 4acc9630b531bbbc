#include "access/access.h"

#include <algorithm>
#include <utility>

#include "access/guest_rule.h"
#include "access/key_secret.h"
#include "access/login_token.h"
#include "access/read_token.h"
#include "base/ascii.h"
#include "model/id_rules.h"

namespace jindou::access {
namespace {

// Whom the token of a login as guest names: nobody who can be configured, since a name ends at the
// first colon. So it is worth nothing once there are other users, one of the name guest included.
constexpr std::string_view kGuestOfToken = ":guest";

// 128 bits of a hash.
constexpr std::size_t kMarkDigits = 32;

// "Bearer <token>", from the header or, for browsers that cannot set one, the query; the word may
// be missing.
std::string bearer_token(const http::Request& request) {
  std::string text(request.header("authorization"));
  if (text.empty()) text = request.query_value("Authorization");
  constexpr std::string_view kWord = "bearer ";
  if (text.size() >= kWord.size() &&
      ascii_iequals(std::string_view(text).substr(0, kWord.size()), kWord)) {
    text.erase(0, kWord.size());
  }
  const auto start = text.find_first_not_of(' ');
  text.erase(0, start == std::string::npos ? text.size() : start);
  return text;
}

// Looks at both whatever the first says.
bool is_manager_token(const AccessOptions& options, std::string_view token) {
  const bool first = !options.manager_token.empty() && equal_secrets(token, options.manager_token);
  const bool second = !options.super_token.empty() && equal_secrets(token, options.super_token);
  return first || second;
}

bool token_configured(const AccessOptions& options) {
  return !options.manager_token.empty() || !options.super_token.empty() || !options.keys.empty();
}

// Null: the secret is none of them. All of them are compared, each to its end.
ApiKeyPtr key_of(const AccessOptions& options, std::string_view secret) {
  if (options.keys.empty() || secret.empty() || secret.size() > kTokenBytesMax) return nullptr;
  const auto shown = hash_of_secret(secret);
  if (!shown) return nullptr;
  ApiKeyPtr found;
  for (const config::ConfiguredKey& known : options.keys) {
    for (const config::KeyHash& hash : known.hashes) {
      if (equal_hashes(hash, *shown)) found = known.key;
    }
  }
  return found;
}

}  // namespace

AccessOptions access_options(const config::Settings& settings, const std::string& own_secret) {
  AccessOptions options;
  options.on = settings.auth.on;
  options.manager_token = settings.manager_token;
  options.super_token = settings.auth.super_token;
  options.manager_uid = settings.manager_uid;
  if (auto keys = config::parse_api_keys(settings.api_keys)) options.keys = std::move(*keys);
  if (auto users = config::parse_auth_users(settings.auth.users)) options.users = std::move(*users);
  const auto address = config::parse_listen_address(settings.manager.addr);
  // In a server that others use a proxy may be in front, and not each says so (guest_rule.h).
  const bool is_tried_out = settings.mode != config::Mode::release;
  if (options.users.empty() && is_tried_out && address && address->is_loopback()) {
    config::AuthUser guest;
    guest.name = "guest";
    guest.password = "guest";
    guest.permissions.push_back(config::Permission{"*", "r"});
    options.users.push_back(std::move(guest));
    options.guest_only = true;
  }
  options.pages = page_rules(settings);
  options.jwt_secret = settings.jwt.secret.empty() ? own_secret : settings.jwt.secret;
  options.jwt_issuer = settings.jwt.issuer;
  options.jwt_expire = settings.jwt.expire;
  options.read_expire = settings.jwt.read_expire;
  options.read_expire_max = settings.jwt.read_expire_max;
  return options;
}

bool equal_secrets(std::string_view a, std::string_view b) {
  if (b.empty()) return a.empty();
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference =
        static_cast<unsigned char>(difference | static_cast<unsigned char>(a[i] ^ b[i % b.size()]));
  }
  return difference == 0;
}

bool Caller::may(std::string_view resource, char action) const {
  if (may_everything) return true;
  for (const config::Permission& permission : permissions) {
    if (permission.covers(resource, action)) return true;
  }
  return false;
}

Access::Access(AccessOptions options, const Clock& clock)
    : clock_(clock),
      limiter_(clock),
      options_(std::make_shared<const AccessOptions>(std::move(options))) {}

void Access::update(AccessOptions options) {
  auto next = std::make_shared<const AccessOptions>(std::move(options));
  const MutexLock lock(mutex_);
  options_ = std::move(next);
}

std::shared_ptr<const AccessOptions> Access::options() const {
  const MutexLock lock(mutex_);
  return options_;
}

bool Access::manager_token_on() const { return token_configured(*options()); }

bool Access::on() const { return options()->on; }

std::vector<UserRights> Access::users() const {
  std::vector<UserRights> users;
  const std::shared_ptr<const AccessOptions> now = options();
  for (const config::AuthUser& user : now->users) users.push_back({user.name, user.permissions});
  return users;
}

bool Access::has_user(std::string_view name) const {
  const std::shared_ptr<const AccessOptions> held = options();
  return std::ranges::any_of(held->users, [&](const auto& user) { return user.name == name; });
}

const config::AuthUser* Access::user_of(const AccessOptions& options,
                                        std::string_view token) const {
  if (token.empty() || options.jwt_secret.empty()) return nullptr;
  const auto name =
      verify_login_token(token, options.jwt_secret, options.jwt_issuer, clock_.wall_seconds());
  if (!name) return nullptr;
  if (options.guest_only) return *name == kGuestOfToken ? &options.users.front() : nullptr;
  for (const config::AuthUser& user : options.users) {
    if (user.name == *name) return &user;
  }
  return nullptr;
}

ApiKeyPtr Access::find_key(std::string_view name) const { return find_key(*options(), name); }

ApiKeyPtr Access::find_key(const AccessOptions& options, std::string_view name) const {
  for (const config::ConfiguredKey& known : options.keys) {
    if (known.key->name != name) continue;
    return known.key->expired_at(clock_.wall_seconds()) ? nullptr : known.key;
  }
  return nullptr;
}

bool Access::take_reader(const AccessOptions& options, std::string_view token, Port port,
                         Caller& caller) const {
  using Is = ShownReadToken::Is;
  ShownReadToken shown =
      judge_read_token(token, options.jwt_secret, options.jwt_issuer, clock_.wall_seconds());
  if (shown.is == Is::something_else) return false;
  if (port != Port::api) {
    caller.read_fault = ReadTokenFault::not_this_port;
  } else if (shown.is != Is::good) {
    caller.read_fault = shown.is == Is::over ? ReadTokenFault::over : ReadTokenFault::wrong;
  } else {
    const std::string& name = shown.reader->key;
    const ApiKeyPtr key = name.empty() ? nullptr : find_key(options, name);
    if (!name.empty() && (key == nullptr || !key->may(Scope::read))) {
      caller.read_fault = ReadTokenFault::key_gone;
      return true;
    }
    caller.admitted = true;
    caller.user = shown.reader->uid;
    caller.reader = std::move(shown.reader);
  }
  return true;
}

std::string_view unauthorized_text(const http::Request& request, Port port, const Caller& caller) {
  if (caller.key_expired) return "the API key has expired: ask for another one";
  switch (caller.read_fault) {
    case ReadTokenFault::none: break;
    case ReadTokenFault::over:
      return "the read token in the header \"Authorization\" has expired: ask for another one";
    case ReadTokenFault::wrong:
      return "the read token in the header \"Authorization\" is none of this server, or not as it "
             "was made: ask for another one";
    case ReadTokenFault::key_gone:
      return "the API key that the read token was asked for with has ended, or may not read any "
             "more: ask for another one";
    case ReadTokenFault::not_this_port: return "a read token is for the API port (httpAddr) alone";
  }
  if (caller.guest_elsewhere && port == Port::manager) return kGuestRefusal;
  const bool token = !request.header("token").empty();
  if (port == Port::api) {
    return token
               ? "the token in the header \"token\" is wrong: it has to be the managerToken or an "
                 "API key"
               : "the header \"token\" is missing: send the managerToken or an API key in it";
  }
  if (token) {
    return "the token in the header \"token\" is wrong; or log in with POST /manager/login and "
           "send "
           "the token of its answer as Authorization: Bearer";
  }
  if (!request.header("authorization").empty()) {
    return "the login in the header \"Authorization\" is no Bearer token of this server, or is "
           "over: "
           "log in again with POST /manager/login";
  }
  return "log in with POST /manager/login and send the token of its answer as Authorization: "
         "Bearer";
}

Caller Access::identify(const http::Request& request, Port port) const {
  const std::shared_ptr<const AccessOptions> held = options();
  const AccessOptions& options = *held;
  Caller caller;
  const std::string bearer = bearer_token(request);
  // Before all else: who shows one is bound by it.
  if (take_reader(options, bearer, port, caller)) return caller;
  // An absent header is no token, even where none is configured.
  const std::string_view token = request.header("token");
  if (!token.empty() && is_manager_token(options, token)) {
    caller.admitted = true;
    caller.by_token = true;
    caller.may_everything = true;
    caller.user = options.manager_uid;
    return caller;
  }
  caller.key = key_of(options, token.empty() ? std::string_view(bearer) : token);
  if (caller.key != nullptr) {
    caller.key_expired = caller.key->expired_at(clock_.wall_seconds());
    caller.admitted = !caller.key_expired;
    caller.user = caller.key->name;
    return caller;
  }
  const config::AuthUser* user = user_of(options, bearer);
  caller.guest_elsewhere = user != nullptr && options.guest_only && !is_straight_from_here(request);
  if (user != nullptr && !caller.guest_elsewhere) {
    caller.user = user->name;
    caller.permissions = user->permissions;
  }
  if (port == Port::api) {
    caller.admitted = !token_configured(options);
    return caller;
  }
  caller.may_everything = !options.on;
  caller.admitted = !options.on || !caller.user.empty();
  return caller;
}

PageVerdict Access::judge_page(const http::Request& request, Port port) const {
  const std::shared_ptr<const AccessOptions> held = options();
  Door door;
  if (port == Port::api) {
    door.asks_for_a_secret = token_configured(*held);
    door.on_loopback = held->pages.api_on_loopback;
  } else {
    // What guest may read without a secret is read by every browser on this machine, whatever other
    // tokens there are.
    door.asks_for_a_secret = held->on && !held->guest_only;
    door.on_loopback = held->pages.manager_on_loopback;
    door.secret_setting = held->on ? "auth.users" : "auth.on";
    door.advises_hosts = false;
  }
  return access::judge_page(request, held->pages, door);
}

Result<Login> Access::login(const http::Request& request, std::string_view name,
                            std::string_view password) const {
  const std::shared_ptr<const AccessOptions> held = options();
  const AccessOptions& options = *held;
  // All are compared, name and password: how long it takes says nothing about who exists.
  const config::AuthUser* found = nullptr;
  for (const config::AuthUser& user : options.users) {
    const bool same_name = equal_secrets(name, user.name);
    const bool same_password = equal_secrets(password, user.password);
    if (same_name && same_password) found = &user;
  }
  if (found == nullptr || options.jwt_secret.empty()) {
    return Error(Errc::invalid, "wrong user name or password");
  }
  if (options.guest_only && !is_straight_from_here(request)) {
    return Error(Errc::denied, std::string(kGuestRefusal));
  }
  Login login;
  const std::int64_t now = clock_.wall_seconds();
  login.expires_in = std::chrono::duration_cast<std::chrono::seconds>(options.jwt_expire).count();
  login.expires_at = now + login.expires_in;
  login.permissions = found->permissions;
  login.token = make_login_token(options.guest_only ? std::string(kGuestOfToken) : found->name,
                                 options.jwt_secret, options.jwt_issuer, now, login.expires_at);
  if (login.token.empty()) return Error(Errc::invalid, "no token can be made for this name");
  return login;
}

ReadTokenTimes Access::read_token_times() const {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  const std::shared_ptr<const AccessOptions> held = options();
  return {duration_cast<seconds>(held->read_expire).count(),
          duration_cast<seconds>(held->read_expire_max).count()};
}

std::optional<ReadPass> Access::make_read_pass(const Reader& reader, std::int64_t seconds) const {
  const std::shared_ptr<const AccessOptions> held = options();
  if (held->jwt_secret.empty()) return std::nullopt;
  const std::int64_t now = clock_.wall_seconds();
  ReadPass pass;
  pass.expires_at = now + seconds;
  pass.token = make_read_token(reader, held->jwt_secret, held->jwt_issuer, now, pass.expires_at);
  if (pass.token.empty()) return std::nullopt;
  return pass;
}

std::string Access::device_mark(std::string_view uid, std::string_view device_token) const {
  // Keyed, so that nobody who has the mark can try tokens until one fits.
  std::string text = options()->jwt_secret;
  for (const std::string_view part : {uid, device_token}) {
    text += '\n';
    text += part;
  }
  const auto hash = hash_of_secret(text);
  return hash ? key_hash_text(*hash).substr(0, kMarkDigits) : std::string();
}

}  // namespace jindou::access
