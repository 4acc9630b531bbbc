// The four ways a client can be connected.
#pragma once

#include <cstdint>
#include <string_view>

namespace jindou::gateway {

enum class Transport : std::uint8_t { tcp, websocket, tls, tls_websocket };

constexpr bool is_websocket(Transport transport) {
  return transport == Transport::websocket || transport == Transport::tls_websocket;
}
constexpr bool is_tls(Transport transport) {
  return transport == Transport::tls || transport == Transport::tls_websocket;
}

// The name in metrics and in GET /connz.
constexpr std::string_view transport_name(Transport transport) {
  switch (transport) {
    case Transport::tcp: return "tcp";
    case Transport::websocket: return "ws";
    case Transport::tls: return "tls";
    case Transport::tls_websocket: return "wss";
  }
  return "tcp";
}

}  // namespace jindou::gateway
