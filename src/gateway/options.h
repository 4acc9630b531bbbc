// What the gateway is told at start. Filled by the application from the settings.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/byte_budget.h"
#include "config/live_value.h"
#include "config/settings.h"
#include "gateway/admission.h"
#include "gateway/origin_policy.h"
#include "model/channel.h"
#include "runtime/client_address.h"

namespace jindou::gateway {

// What a reload changes is seen by the next message or login.
struct RetryOptions {
  config::LiveValue<std::chrono::milliseconds> interval = std::chrono::milliseconds(60'000);
  std::chrono::milliseconds scan_interval{5'000};
  config::LiveValue<std::size_t> max_count = std::size_t{5};
};

struct VisitorOptions {
  bool on = false;
  std::string suffix{kVisitorSuffix};  // a uid with this ending is a visitor
  // Of one session, as GatewayOptions::frames_per_second; the lower one counts.
  std::size_t frames_per_second = 10;
};

struct GatewayOptions {
  // Empty: not served.
  std::optional<config::ListenAddress> tcp;
  std::optional<config::ListenAddress> ws;
  std::optional<config::ListenAddress> tls;
  std::optional<config::ListenAddress> wss;
  // Of the TLS listeners; read again by Gateway::reload_certificate() and each check_interval.
  config::LiveValue<config::TlsSettings> certificate;
  // Whose PROXY headers, X-Forwarded-For and X-Real-IP are believed.
  runtime::NetworkList trusted_proxies;
  OriginPolicy origins;
  AdmissionLimits admission;
  config::GatewaySettings limits;
  // Of input that connections hold (limits.inbound_bytes_in_flight); null: not counted.
  std::shared_ptr<ByteBudget> inbound_budget;
  // Of one session; 0: no limit.
  config::LiveValue<std::size_t> frames_per_second = std::size_t{0};
  // Sessions of one user; 0: no limit.
  config::LiveValue<std::size_t> sessions_per_user_max = std::size_t{0};
  // Clients that speak JSON-RPC are closed.
  bool disable_json_rpc = false;
  // WKProto clients without a key are let in, and their payloads are plain.
  bool plain_clients = false;
  RetryOptions retry;
  std::chrono::milliseconds idle_time{180'000};  // connIdleTime
  config::LiveValue<bool> token_auth_on = false;
  std::string manager_uid;
  // Empty: nobody connects as the manager.
  config::LiveValue<std::string> manager_token;
  VisitorOptions visitors;
  std::uint64_t node_id = 1001;
  // The same limit as for messages over HTTP (decrypted bytes).
  std::size_t payload_bytes_max = 32767;
  // Payloads a session keeps to send them again, beside the number in limits.unacked_max: a client
  // that never acknowledges holds no more than this. Thousands of messages of usual length.
  std::size_t unacked_bytes_max = std::size_t{1} << 20;
  // From a CONNECT to its answer; longer means that the disk is stuck, and the client tries again.
  std::chrono::milliseconds login_timeout{10'000};
  // Connections that a limit refuses and that are open to be told so, for the node's limit and on
  // each io thread for those of addresses; the oldest go first.
  std::size_t refusals_max = 256;
  // For the last bytes of a closing connection to be taken by the client.
  std::chrono::milliseconds linger_time{1'000};
  // stop() gives open connections this long to get what is in flight.
  std::chrono::milliseconds stop_time{2'000};
};

}  // namespace jindou::gateway
