#include "gateway/login.h"

#include <openssl/crypto.h>

#include "gateway/visitors.h"
#include "model/channel.h"
#include "model/id_rules.h"
#include "observe/log.h"

namespace jindou::gateway {

namespace {

// In time that depends on the lengths only.
bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// What is wrong with the token, for the log alone: a client is not told which. Null: nothing.
const char* token_problem(const LoginRequest& request,
                          const std::optional<partition::DeviceToken>& stored) {
  // A device that has quit has an empty token.
  if (!stored || stored->token.empty()) return "no token is registered for this device flag";
  if (request.token.empty()) return "the client sent no token";
  if (!same_secret(request.token, stored->token)) return "the token is another one";
  return nullptr;
}

// Also sets the level and what RECVACKs of commands do.
Result<Reason> judge_token(const LoginRequest& request, const GatewayOptions& options,
                           const std::optional<partition::DeviceToken>& stored, Login& login,
                           Admission& admission, CorePort& core) {
  const bool is_master = stored && stored->level == DeviceLevel::master && !login.visitor;
  if (is_master) login.command_acks = CommandAcks::count;
  const bool token_auth_on = options.token_auth_on;  // a reload may change it meanwhile
  if (!token_auth_on) {
    // Without tokens every session is a slave; but somebody has to process the commands.
    if (!stored) login.command_acks = CommandAcks::count_when_alone;
    return Reason::success;
  }
  if (login.visitor && !stored) return claim_name(request, admission, core);
  if (const char* why = token_problem(request, stored); why != nullptr) {
    observe::log_debug("gateway", "login of {} with device flag {} refused: {}", request.uid,
                       raw(request.device_flag), why);
    return Reason::auth_fail;
  }
  if (is_master) {
    login.level = DeviceLevel::master;
    login.token = presence::token_hash(request.token);
  }
  return Reason::success;
}

Login refuse(Reason reason) {
  Login login;
  login.reason = reason;
  return login;
}

}  // namespace

Reason check_login(const LoginRequest& request, const GatewayOptions& options) {
  if (!id_problem(request.uid).empty()) return Reason::auth_fail;
  if (request.uid == kSystemUid || is_reserved_visitor(request.uid, options)) {
    return Reason::auth_fail;
  }
  const bool manager = request.uid == kManagerUid || request.uid == options.manager_uid;
  if (manager) {
    const std::string expected = options.manager_token;
    if (expected.empty() || !same_secret(request.token, expected)) return Reason::auth_fail;
  }
  if (request.device_id == kReservedDeviceId || request.device_id.size() > kIdBytesMax ||
      !is_valid_utf8(request.device_id) || has_control_characters(request.device_id)) {
    return Reason::auth_fail;
  }
  if (request.token.size() > kTokenBytesMax) return Reason::auth_fail;
  if (request.encrypted && request.client_key.empty()) return Reason::client_key_is_empty;
  return Reason::success;
}

Result<Login> authenticate(const LoginRequest& request, const GatewayOptions& options,
                           Admission& admission, CorePort& core, Random& random) {
  Login login;
  const bool manager = request.uid == kManagerUid || request.uid == options.manager_uid;
  login.visitor = !manager && is_visitor(request.uid, options.visitors);
  if (!manager) {
    JD_TRY(const auto stored, core.load_token(request.uid, request.device_flag));
    JD_TRY(const Reason reason, judge_token(request, options, stored, login, admission, core));
    if (reason != Reason::success) return refuse(reason);
  }
  const ChannelKey inbox(request.uid, ChannelType::person);
  JD_TRY(const auto flags, core.load_flags(inbox));
  if (flags && (flags->ban || flags->disband)) return refuse(Reason::ban);

  if (!request.encrypted) return login;
  auto handshake = codec::server_handshake(request.client_key, random);
  if (!handshake) {
    if (handshake.error().code() == Errc::invalid) return refuse(Reason::auth_fail);
    return handshake.error();
  }
  login.handshake = std::move(*handshake);
  return login;
}

}  // namespace jindou::gateway
