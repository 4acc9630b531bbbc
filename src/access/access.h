// Who a request speaks for and what he may do: manager tokens, logins and their tokens.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/login_limiter.h"
#include "access/page_guard.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "config/api_keys.h"
#include "config/settings.h"
#include "http/exchange.h"
#include "model/api_key.h"
#include "model/reader.h"

namespace jindou::access {

// The listener a request came in by.
enum class Port : std::uint8_t { api, manager };

// The listeners that serve a route.
enum class Ports : std::uint8_t { api, manager, both };

struct AccessOptions {
  // auth.on; false: the manager port asks for nothing. The API port is not concerned.
  bool on = true;
  // Empty, with no keys: the API port asks for no token, and on the manager port only logins count.
  std::string manager_token;
  // A second one (auth.superToken).
  std::string super_token;
  // Who these tokens speak for; may do everything.
  std::string manager_uid = "____manager";
  std::vector<config::ConfiguredKey> keys;
  std::vector<config::AuthUser> users;
  // The users are none but guest, whose password everybody knows (guest_rule.h).
  bool guest_only = false;
  PageRules pages;
  // HMAC key of the tokens of logins. Empty: nobody can log in.
  std::string jwt_secret;
  std::string jwt_issuer = "wukongim";
  std::chrono::milliseconds jwt_expire{30LL * 24 * 3600 * 1000};
  // How long a read token is good for unless its caller says otherwise, and at most.
  std::chrono::milliseconds read_expire{3600LL * 1000};
  std::chrono::milliseconds read_expire_max{24LL * 3600 * 1000};
};

// What `settings` ask for. `own_secret` is used without a configured jwt.secret. When no user is
// configured and the manager port is on a loopback address, there is one: guest, who may read.
// `settings` have passed validate().
AccessOptions access_options(const config::Settings& settings, const std::string& own_secret);

// Compares without telling through timing how much of a secret was right.
bool equal_secrets(std::string_view a, std::string_view b);

// What is wrong with the read token that a request shows.
enum class ReadTokenFault : std::uint8_t {
  none,
  over,
  wrong,          // none of this server, or changed
  key_gone,       // the API key that it was asked for with may not read any more
  not_this_port,  // it is for the API port
};

// Who sent a request.
struct Caller {
  bool admitted = false;
  bool by_token = false;  // managerToken or superToken
  bool may_everything = false;
  ApiKeyPtr key;             // an API key was shown; then it says what he may do, and nothing else
  bool key_expired = false;  // it was one, and its time is over: not admitted
  // A read token was shown; then it says what he may read, and he may do nothing else, whatever he
  // shows beside it.
  ReaderPtr reader;
  ReadTokenFault read_fault = ReadTokenFault::none;  // it was a bad one: not admitted
  // The token of a login as guest was shown, and counts for nothing here (guest_rule.h).
  bool guest_elsewhere = false;
  std::string user;  // empty: unknown, which the API port accepts
  std::vector<config::Permission> permissions;

  bool may(std::string_view resource, char action) const;
};

// Why a request was not admitted, and what its caller has to do: by what it carries, never by what
// is configured.
std::string_view unauthorized_text(const http::Request& request, Port port, const Caller& caller);

// A login that succeeded.
struct Login {
  std::string token;
  std::int64_t expires_at = 0;  // seconds since the epoch
  std::int64_t expires_in = 0;  // seconds
  std::vector<config::Permission> permissions;
};

// A read token that was made.
struct ReadPass {
  std::string token;
  std::int64_t expires_at = 0;  // seconds since the epoch
};

// Seconds that a read token is good for.
struct ReadTokenTimes {
  std::int64_t standard = 0;
  std::int64_t longest = 0;
};

// One of the users who may log in.
struct UserRights {
  std::string name;
  std::vector<config::Permission> permissions;
};

// Thread-safe.
class Access {
 public:
  // Borrows the clock.
  Access(AccessOptions options, const Clock& clock);

  // From a reload. Tokens of logins stay good if the secret and their user do.
  void update(AccessOptions options);

  // Judges the header block. API port: admitted with a right token, a key, a read token, or when
  // neither token nor key is configured; a valid login token only adds the user's name and
  // permissions. Manager port: admitted with any of them but a read token. A bad read token is
  // never admitted. The token of a login as guest is none where is_straight_from_here() is false.
  Caller identify(const http::Request& request, Port port) const;

  // Whether the page that a request comes from may send it, by the header block.
  PageVerdict judge_page(const http::Request& request, Port port) const;

  // `request`: the one that asks for it. Errors: denied (guest, from elsewhere: kGuestRefusal),
  // invalid (name or password are wrong, or nobody can log in).
  Result<Login> login(const http::Request& request, std::string_view name,
                      std::string_view password) const;

  // A read token for `reader`, good for so many seconds. Nothing when it cannot be signed.
  std::optional<ReadPass> make_read_pass(const Reader& reader, std::int64_t seconds) const;
  ReadTokenTimes read_token_times() const;
  // A sign of the token that a device of the user has, which does not tell it; another token has
  // another one. Empty: memory is out.
  std::string device_mark(std::string_view uid, std::string_view device_token) const;

  // Whether somebody of that name can log in. For whoever writes down names that were given: it
  // tells by its time who there is.
  bool has_user(std::string_view name) const;

  // Whether the API port asks for a token or a key.
  bool manager_token_on() const;

  // auth.on.
  bool on() const;
  // Who may log in, and what they may do: names and permissions.
  std::vector<UserRights> users() const;

  // The key of that name as it is configured now; null: there is none, or its time is over. For
  // what goes on without its caller.
  ApiKeyPtr find_key(std::string_view name) const;

  LoginLimiter& limiter() { return limiter_; }

 private:
  std::shared_ptr<const AccessOptions> options() const;
  // The user of a valid login token, as he is configured now.
  const config::AuthUser* user_of(const AccessOptions& options, std::string_view token) const;
  // Whose read token it is. False: it is no read token, and says of itself that it is none.
  bool take_reader(const AccessOptions& options, std::string_view token, Port port,
                   Caller& caller) const;
  ApiKeyPtr find_key(const AccessOptions& options, std::string_view name) const;

  const Clock& clock_;
  LoginLimiter limiter_;
  mutable Mutex mutex_;
  std::shared_ptr<const AccessOptions> options_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::access
