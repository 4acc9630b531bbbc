// Visitors of customer service: users that a web page makes up, known by the ending of their id
// (docs/wkproto.md, "Visitors"). Pure but for the claim of a name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/admission.h"
#include "gateway/core_port.h"
#include "gateway/login_request.h"
#include "gateway/options.h"
#include "model/channel.h"
#include "model/reason.h"

namespace jindou::gateway {

// The token of a visitor is a secret that its page makes up; shorter ones can be guessed.
inline constexpr std::size_t kVisitorTokenBytesMin = 16;

// Whether the id is a visitor's: never when visitors are switched off.
bool is_visitor(std::string_view uid, const VisitorOptions& options);

// Whether the id is that of an account of the server itself, or nothing, before the visitors'
// ending. Nobody logs in as that, whatever the settings.
bool is_reserved_visitor(std::string_view uid, const GatewayOptions& options);

// The one channel a visitor may send to.
bool is_own_channel(const ChannelKey& channel, std::string_view uid);

// A visitor that comes for the first time: its token becomes that of the name, for good. Reason::
// success, or why the CONNECT is refused: auth_fail (the token is too short, or the name has
// another one), rate_limit (too many new visitors), ban. Blocks until it is durable. Errors: as
// CorePort::claim_token.
Result<Reason> claim_name(const LoginRequest& request, Admission& admission, CorePort& core);

}  // namespace jindou::gateway
