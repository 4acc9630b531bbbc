// CONNECT: who may log in, as whom, with which keys (docs/wkproto.md, "validation of CONNECT").
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/result.h"
#include "codec/wkproto_crypto.h"
#include "gateway/admission.h"
#include "gateway/core_port.h"
#include "gateway/login_request.h"
#include "gateway/options.h"
#include "model/device.h"
#include "model/reason.h"
#include "presence/session_directory.h"

namespace jindou::gateway {

// Whether the RECVACKs of a session move its user's positions in the logs of commands, which is
// for master devices.
enum class CommandAcks : std::uint8_t {
  ignored,
  count,
  count_when_alone,  // while it is the user's only session of its device flag
};

struct Login {
  Reason reason = Reason::success;  // anything else: refused for good, answer with a CONNACK
  DeviceLevel level = DeviceLevel::slave;
  std::uint64_t token = 0;  // presence::token_hash() of a master's
  CommandAcks command_acks = CommandAcks::ignored;
  bool visitor = false;              // may only send to its own channel
  codec::ServerHandshake handshake;  // only on success, and when encrypted
  // Taken before the token was looked up, for SessionDirectory::register_session.
  presence::KickMark kicks_seen;
};

// What can be told without looking anything up: Reason::success, or why the CONNECT is refused.
Reason check_login(const LoginRequest& request, const GatewayOptions& options);

// The rest: token (of a new visitor: its claim), ban, key agreement. Blocks on disk and takes about
// 100 microseconds of computation, so it runs on the blocking pool. Errors: storage and whatever
// else may be better next time; see Session::give_up_login for what the client gets then.
Result<Login> authenticate(const LoginRequest& request, const GatewayOptions& options,
                           Admission& admission, CorePort& core, Random& random);

}  // namespace jindou::gateway
