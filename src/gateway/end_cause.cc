#include "gateway/end_cause.h"

#include <algorithm>
#include <iterator>

#include "gateway/websocket.h"

namespace jindou::gateway {

namespace {

constexpr EndCause kCauses[] = {
    {"client", kWsNormal, "the client has closed", true},
    {kStopCause, kWsGoingAway, "the server is stopping", true},
    {kKickedCause, kWsNormal, "another login or the operator ends this session"},
    {"refused", kWsNormal, "the login is refused"},
    {"idle", kWsNormal, "nothing came for longer than connIdleTime"},
    {kProtocolCause, kWsProtocolError, "the input is not the protocol"},
    {"upgrade", kWsProtocolError, "the request is no WebSocket upgrade"},
    {"tls", kWsProtocolError, "the TLS handshake failed"},
    {"proxy_header", kWsProtocolError, "the PROXY header is broken, missing or not wanted"},
    {kTooLongCause, kWsTooLong, "a frame or message is over the limit"},
    {kFloodCause, kWsPolicy, "a flood of frames"},
    {kNoJsonCause, kWsPolicy, "JSON-RPC is switched off"},
    {kOriginCause, kWsPolicy, "pages of this origin are not let in"},
    {"no_connect", kWsPolicy, "no login came in time"},
    {kLimitCause, kWsTryAgainLater, "too many connections"},
    {kInboundCause, kWsTryAgainLater,
     "frames that have come in part take all the memory for them; come back"},
    {kSlowCause, kWsPolicy, "the client does not read what it is sent"},
    {"fanout_overflow", kWsPolicy, "too much waits for this session"},
    {kLoginErrorCause, kWsTryAgainLater, "the login could not be judged; come back"},
    {kLoginTimeoutCause, kWsTryAgainLater, "the login was not judged in time; come back"},
    {"unavailable", kWsTryAgainLater, "messages cannot be taken now; come back and repeat them"},
    {"unknown_outcome", kWsTryAgainLater,
     "it is not known whether a message was stored; come back and repeat it"},
};
constexpr EndCause kUnlisted{"other", kWsNormal, {}};

}  // namespace

std::span<const EndCause> end_causes() { return kCauses; }

const EndCause& end_cause(std::string_view label) {
  const auto* const found =
      std::find_if(std::begin(kCauses), std::end(kCauses),
                   [label](const EndCause& cause) { return cause.label == label; });
  return found == std::end(kCauses) ? kUnlisted : *found;
}

}  // namespace jindou::gateway
