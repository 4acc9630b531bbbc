// The PROXY protocol, versions 1 and 2: what a load balancer writes before the client's first byte
// to say where the client is. Pure; whether the peer is to be believed is the caller's question.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/client_address.h"

namespace jindou::gateway {

// The longest header of version 1, with its CR LF, and the longest that we take of version 2: the
// addresses and some type-length-values (one of them may hold a client certificate's names).
inline constexpr std::size_t kProxyV1BytesMax = 107;
inline constexpr std::size_t kProxyV2BytesMax = 4096;

struct ProxyOutcome {
  enum class State : std::uint8_t {
    need_more,  // may become a header
    none,       // something else, not a byte of which is consumed
    header,
    broken,  // begins like a header and is none
  };
  State state = State::none;
  std::size_t consumed = 0;
  // Empty when the proxy speaks for itself or does not know ("UNKNOWN", LOCAL, other families).
  std::optional<runtime::ClientEndpoint> client;
};

// Looks at the first bytes of a connection. No protocol we serve begins like a header: a client's
// frame begins with 0x1_, TLS with 0x16, HTTP with the name of a method.
ProxyOutcome read_proxy_header(std::string_view bytes);

}  // namespace jindou::gateway
