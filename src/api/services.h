// What the routes work with: the core, the pools and the settings, gathered once at start.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "access/access.h"
#include "api/created_offsets.h"
#include "api/process_meter.h"
#include "api/read_budget.h"
#include "api/route_stats.h"
#include "backup/backups.h"
#include "base/clock.h"
#include "base/random.h"
#include "bodies/field.h"
#include "codec/message_json.h"
#include "config/live_settings.h"
#include "config/live_value.h"
#include "config/loaded_settings.h"
#include "config/settings.h"
#include "conversation/conversation_reader.h"
#include "conversation/directory.h"
#include "http/server.h"
#include "model/channel.h"
#include "model/device.h"
#include "model/ids.h"
#include "observe/audit_log.h"
#include "observe/metrics.h"
#include "pages/page_file.h"
#include "partition/command_router.h"
#include "partition/history.h"
#include "partition/job_reader.h"
#include "partition/letter_reader.h"
#include "partition/rate_limits.h"
#include "partition/record_reader.h"
#include "partition/refusals.h"
#include "presence/connection_info.h"
#include "presence/push_report.h"
#include "runtime/blocking_pool.h"
#include "runtime/io_shards.h"
#include "tracing/tracer.h"

namespace jindou::api {

// Where clients connect, as told by GET /route. Empty members are unknown.
struct RouteAddresses {
  std::string tcp;
  std::string ws;
  std::string wss;
};

// Who is online on this node.
struct OnlineCounts {
  std::size_t users = 0;
  std::size_t sessions = 0;
};

// Which events of a message the webhook is to tell, as it is configured now.
struct WebhookInterest {
  bool notify = false;
  bool offline = false;
};

// What the webhook remembers of having told of a message: all since `since_ms`, in milliseconds
// since 1970, and of what was before some.
struct WebhookRecord {
  struct Told {
    std::string_view event;  // constants, as is the next
    std::string_view outcome;
    std::int64_t at_ms = 0;
    std::size_t receivers = 0;  // msg.offline: whom the letter named
  };
  std::int64_t since_ms = 0;
  std::vector<Told> told;  // oldest first
};

// How the webhook does: of each event that is counted, since the start.
struct WebhookState {
  struct Event {
    std::string_view event;  // a constant
    std::uint64_t backlog = 0;
    std::uint64_t oldest_seconds = 0;
    std::uint64_t sent = 0;
    std::uint64_t failed_attempts = 0;
    std::uint64_t given_up = 0;
    std::string last_error;  // empty: no attempt has failed
    std::int64_t last_error_at_ms = 0;
  };
  std::vector<Event> events;
  bool receiver_down = false;
};

// Borrowed; everything outlives the ApiServer. The functions are called on io shards, must be
// thread-safe and must not block.
struct ApiDeps {
  runtime::IoShards& shards;
  runtime::BlockingPool& blocking;
  partition::CommandRouter& router;
  partition::History& history;
  partition::RecordReader& records;
  partition::JobReader& jobs;
  partition::LetterReader& letters;
  conversation::ConversationReader& conversations;
  conversation::Directory& directory;
  observe::Metrics& metrics;
  const Clock& clock;
  Random& random;
  // True when sends would be accepted right now (/readyz).
  std::function<bool()> accepting;
  // Why the node is not usable; empty when it is (/health).
  std::function<std::string()> trouble;
  // `host` is the name or address the request was sent to, without port; may be empty.
  std::function<RouteAddresses(bool intranet, std::string_view host)> addresses;

  // Ends the sessions of one device flag of a user, or without a flag those of all devices, at
  // once: they are told to go and not to come back (DISCONNECT 12 with `text`) and neither send nor
  // receive any more. Fails their logins under way: call it when the change that they must notice
  // can be read.
  std::function<void(const std::string& uid, std::optional<DeviceFlag> flag, std::string_view text)>
      end_sessions = {};
  // The same for those sessions of one device flag of a user that are masters and logged in with
  // another token than the new one.
  std::function<void(const std::string& uid, DeviceFlag flag, std::string_view new_token,
                     std::string_view text)>
      end_masters = {};
  // Ends one connection: after a DISCONNECT 12 "server kick" and a grace (`tell`), or at once and
  // without a word. Nothing happens when there is none with that id, or when it is not of `uid`; an
  // empty `uid` means whoever it is.
  std::function<void(const std::string& uid, SessionId id, bool tell)> kick_connection = {};
  // Looks at the connections of all shards; `done` is called once, on one of the shards.
  std::function<void(presence::ConnectionQuery query,
                     std::function<void(presence::ConnectionPage)> done)>
      collect_connections = {};
  std::function<presence::TrafficTotals()> traffic_totals = {};
  // The device flags a user is online with, ascending, each once; empty when offline.
  std::function<std::vector<DeviceFlag>(std::string_view uid)> online_flags = {};
  std::function<OnlineCounts()> online_counts = {};
  // The user's sessions on this node; empty when offline.
  std::function<std::vector<SessionId>(std::string_view uid)> sessions_of_user = {};
  // The configuration as it is now; empty or null in tests that have none.
  std::function<std::shared_ptr<const config::Settings>()> settings = {};
  // Where it is from; empty or null in tests that have none.
  std::function<std::shared_ptr<const config::SettingSources>()> setting_sources = {};
  // Damaged files of the store, which stop no sends; empty when there are none (/health).
  std::function<std::string()> damage = {};
  // What an operator should not forget though all is well; shown by /health.
  std::function<std::vector<std::string>()> warnings = {};
  // Of messages to channels of that type. Empty: there is no webhook.
  std::function<WebhookInterest(ChannelType type)> webhook_interest = {};
  // Empty: there is no webhook.
  std::function<WebhookState()> webhook_state = {};
  // Null: none are made.
  backup::Backups* backups = nullptr;
  // Empty: the webhook remembers nothing. It may take some milliseconds: not for an io shard.
  std::function<WebhookRecord(MessageId message)> webhook_told = {};
  // What is remembered of the pushes of a message; `done` is called once, on one of the shards.
  // Empty: nothing is.
  std::function<void(presence::PushQuery query, std::function<void(presence::PushReport)> done)>
      collect_pushes = {};
  // Null: nobody is held to a rate.
  partition::RateLimits* limits = nullptr;
  // Null: what was refused is not remembered.
  partition::Refusals* refusals = nullptr;
  // Has all sources of settings read again, as SIGHUP does. Empty: nobody does.
  config::AskForReload ask_for_reload = {};
  // Null: no request is traced.
  const tracing::Tracer* tracer = nullptr;
  // Null: nobody keeps an audit log.
  observe::AuditLog* audit = nullptr;
  // The page of the manager port; empty: this build has none.
  std::span<const pages::PageFile> manager_files = {};
};

// Of GET /jobs/{id}/events.
struct JobEventOptions {
  std::size_t listeners_max = 100;
  std::chrono::milliseconds interval{1'000};    // between two events
  std::chrono::milliseconds heartbeat{15'000};  // when there are none
};

struct ApiOptions {
  ApiOptions() {
    // Every bad item is named; the size of the body bounds how many there can be.
    send.problems_max = 100'000;
  }

  http::ServerOptions http;
  http::ServerOptions manager_http;
  codec::SendLimits send;
  // From the complete request to the answer. A send that is undecided by then is reported as
  // unknown.
  std::chrono::milliseconds request_timeout{5'000};
  // How long the answer to a request with an Idempotency-Key is kept.
  std::chrono::milliseconds idempotency_key_window{24LL * 3600 * 1000};
  // Selectors of one POST /messages; channels of one request for conversations.
  std::size_t lookups_max = 1000;
  bodies::Limits body_limits() const {
    return {.payload_bytes = send.payload_bytes_max, .lookups = lookups_max};
  }
  // Entries of last_msg_seqs of POST /conversation/sync.
  std::size_t known_channels_max = 20'000;
  // Payloads and text of events in the answer to one request for several channels or messages.
  std::size_t answer_bytes_max = std::size_t{32} << 20;
  // The same in one page of a channel; also the text of the events of one message.
  std::size_t page_bytes_max = std::size_t{8} << 20;
  // What reads of answers hold until they are written, all together.
  std::shared_ptr<ReadBudget> read_budget = std::make_shared<ReadBudget>(std::size_t{256} << 20);

  // What a read of one page may hold, and one for several channels: payloads, and as much again for
  // what is around them and for text of events.
  std::size_t page_read_bytes() const { return 2 * page_bytes_max; }
  std::size_t wide_read_bytes() const { return answer_bytes_max + page_read_bytes(); }
  // Users in an answer that holds a whole list (whole_lists.h).
  std::size_t whole_list_max = 100'000;
  // The payload of one event of POST /message/event, as JSON text. With it an EVENT frame stays
  // below the 1 MiB that clients decode.
  std::size_t event_bytes_max = std::size_t{512} << 10;
  // api.strictRead: who is named as reader must be one of the channel's own users.
  config::LiveValue<bool> strict_read = false;
  // disableCMDMessageSync: commands are not collected for users who were offline.
  bool command_sync = true;
  // How long channels of a type keep their messages unless told otherwise; both members are filled,
  // 0 means no limit.
  std::function<partition::RetentionLimits(ChannelType type)> retention_defaults;
  access::AccessOptions access;
  std::string manager_uid = "____manager";
  config::LiveValue<config::StatusStyle> status_style = config::StatusStyle::number;
  config::RefusalStyle refusal_style = config::RefusalStyle::status;
  std::string version = "0.1.0";
  JobEventOptions job_events;
  // A request that takes longer is told of in the log; 0: none.
  config::LiveValue<std::chrono::milliseconds> slow_request = std::chrono::milliseconds(0);
  // POST /user/onlinestatus names users who are offline too.
  config::LiveValue<bool> online_status_include_offline = false;
  // The page /docs is served; otherwise it answers 403 and says `mode`.
  bool docs = true;
  // The same of the document that it shows, /docs/openapi.json.
  bool openapi_document = true;
  std::string mode = "debug";
  // What GET /varz says about the configuration.
  std::uint64_t node_id = 1;
  std::uint16_t partitions = 1;
  std::string manager_address;  // empty: there is no manager port
  std::string api_url;
  std::size_t client_connections_max = 0;
  std::size_t client_subscriptions_max = 0;  // of one session
};

// What a handler gets. Shared by all shards: everything in it is thread-safe or constant.
struct Services {
  // `document_writer` makes the OpenAPI document of the routes that are served; a function, because
  // it knows all routes and each of them knows this.
  using DocumentWriter = std::string (*)(std::string_view version);

  Services(ApiDeps dependencies, ApiOptions api_options, DocumentWriter document_writer)
      : deps(std::move(dependencies)),
        options(std::move(api_options)),
        document(document_writer),
        access(options.access, deps.clock),
        created_offsets(static_cast<std::uint64_t>(deps.clock.wall_ms())),
        items_accepted(deps.metrics.batch_items.with("accepted")),
        items_duplicate(deps.metrics.batch_items.with("duplicate")),
        items_refused(deps.metrics.batch_items.with("refused")),
        items_unknown(deps.metrics.batch_items.with("unknown")) {}

  ApiDeps deps;
  const ApiOptions options;
  const DocumentWriter document;
  access::Access access;
  CreatedOffsets created_offsets;  // of the lists of the v2 manager
  observe::Counter& items_accepted;
  observe::Counter& items_duplicate;
  observe::Counter& items_refused;
  observe::Counter& items_unknown;
  std::atomic<std::size_t> job_listeners{0};  // to events
  ProcessMeter process;
  RouteStats route_stats;
};

}  // namespace jindou::api
