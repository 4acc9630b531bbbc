// Typed settings: every limit, address and switch of the server with its default, unit and bounds.
//
// One table (settings_table) drives parsing, checking, the report of `jindou config` and
// docs/configuration.md. Sources, later over earlier: defaults, YAML file, WK_ environment, flags.
// Values only: no threads, no globals. Read once at start and passed on by const reference.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/read_file.h"
#include "base/result.h"
#include "model/channel.h"
#include "observe/log.h"

namespace jindou::config {

// Which permission rules apply to messages that arrive over HTTP.
enum class SendCheck : std::uint8_t {
  channel,  // only the state of the channel itself (banned, disbanded, unknown type)
  trusted,  // bans and denylists too, but membership and allowlists are not required
  strict,   // everything, as for a client's own SEND
};

// The member "status" in bodies of the HTTP API: a number (200) or a word ("ok").
enum class StatusStyle : std::uint8_t { number, text };

// How a single send over HTTP that a rule refuses is answered: by an HTTP status (403), or with 200
// and the reason code in the body.
enum class RefusalStyle : std::uint8_t { status, reason };

// What is made of a PROXY protocol header (v1 or v2) in front of a client's first byte.
enum class ProxyProtocol : std::uint8_t {
  off,      // broken input, like anything else that is not the client's protocol
  accept,   // read when it comes from a trusted proxy
  require,  // a trusted proxy that sends none is closed; others are served without
};

// The documented run modes. Only release differs: it serves no documentation pages.
enum class Mode : std::uint8_t { debug, release, bench, test };

struct ExternalSettings {
  std::string ip;        // empty: the address of the request
  std::string tcp_addr;  // host:port told to clients; empty: derived from ip and addr
  std::string ws_addr;   // ws://host:port
  std::string wss_addr;  // wss://host:port
  std::string manager_addr;
  std::string api_url;
};

struct IntranetSettings {
  std::string tcp_addr;
  std::string ws_addr;
  std::string wss_addr;
};

struct LoggerSettings {
  observe::LogLevel level = observe::LogLevel::automatic;
  std::size_t queue_bytes = observe::kLogQueueBytes;
  std::chrono::milliseconds slow_request{1'000};  // 0: none is told of
};

struct AuditSettings {
  bool on = true;
  std::string file;  // empty: among the lines of the log
  std::size_t queue_bytes = std::size_t{1} << 20;
  std::size_t refusals_per_second = 100;  // 0: any number
  std::size_t recent_bytes = std::size_t{1} << 20;
};

// Traces for a collector of OpenTelemetry.
struct TracingSettings {
  std::string endpoint;     // empty: off
  double sample_ratio = 1;  // of requests that come without a trace
  std::size_t queue_bytes = std::size_t{4} << 20;
  std::chrono::milliseconds timeout{10'000};
  std::vector<std::string> headers;  // entries as configured; parse_trace_headers() reads them
};

struct ClusterSettings {
  std::uint32_t node_id = 1001;
  std::string identity_file;
};

struct MessageRetrySettings {
  std::chrono::milliseconds interval{60'000};
  std::chrono::milliseconds scan_interval{5'000};
  std::size_t max_count = 5;
};

struct ApiSettings {
  SendCheck send_check = SendCheck::trusted;
  StatusStyle status_style = StatusStyle::number;
  RefusalStyle refusal_style = RefusalStyle::status;
  std::size_t max_batch = 1000;
  std::size_t max_body_bytes = std::size_t{10} << 20;
  std::size_t max_expansion = 200;
  std::size_t max_payload_bytes = 32767;
  std::chrono::milliseconds idempotency_key_window{24LL * 3600 * 1000};
  std::size_t max_expanded_bytes = std::size_t{32} << 20;
  std::size_t max_head_line_bytes = std::size_t{1} << 20;
  std::chrono::milliseconds idempotency_window{7LL * 24 * 3600 * 1000};
  std::chrono::milliseconds request_timeout{5'000};
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds stream_timeout{60'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::size_t max_header_bytes = std::size_t{16} << 10;
  std::size_t max_connections = 10'000;
  std::size_t batches_in_flight = 256;
  std::size_t body_bytes_in_flight = std::size_t{256} << 20;
  std::size_t answer_bytes_in_flight = std::size_t{256} << 20;
  std::size_t whole_list_max = 100'000;
  bool compression = true;
  std::size_t compression_min_bytes = 1024;
  bool online_status_include_offline = false;
  bool strict_read = false;
  bool docs = true;
  std::vector<std::string> allowed_origins;  // empty: pages of the same host
};

struct CoreSettings {
  std::size_t items_in_flight = 200'000;
  std::size_t bytes_in_flight = std::size_t{256} << 20;
  std::chrono::milliseconds delay_max{1'250};
  std::uint32_t bulk_batch_items = 16;
  std::uint32_t bulk_turn_items = 256;
  std::uint32_t bulk_per_receiver_day = 0;  // 0: any number
  std::size_t transaction_items = 1'000;
  std::chrono::milliseconds transaction_hold{1'000};
  std::size_t partition_workers = 0;  // 0: from the number of CPUs
  std::size_t channel_cache_count = 100'000;
  std::size_t refusal_record_bytes = std::size_t{4} << 20;  // 0: none
  std::chrono::milliseconds refusal_record_keep{3'600'000};
};

struct StorageSettings {
  std::uint16_t partitions = 16;
  std::size_t write_buffer_bytes = std::size_t{32} << 20;
  std::size_t block_cache_bytes = std::size_t{128} << 20;
  std::size_t background_jobs = 0;  // 0: from the number of CPUs
  std::size_t background_bytes_per_second = std::size_t{256} << 20;
  std::size_t commit_items_max = 8192;
  std::size_t commit_bytes_max = std::size_t{1} << 20;
  bool prepared_logs = true;
  bool accept_data_loss = false;
  std::size_t verify_bytes_per_second = std::size_t{4} << 20;
  std::chrono::milliseconds verify_interval{24 * 3600 * 1000};
  std::chrono::milliseconds stop_flush_timeout{8'000};
};

struct BackupSettings {
  std::string dir = "backups";  // below the data directory unless absolute; empty: none are made
  std::size_t keep = 3;
};

struct DedupSettings {
  // As many as a table of 30,720 places takes, with room for what comes before it is frozen; a few
  // thousand more would have one of 61,440.
  std::size_t generation_entries = 24'576;
  std::size_t filter_bytes_max = std::size_t{256} << 20;
};

struct RuntimeSettings {
  std::size_t io_threads = 0;    // 0: from the number of CPUs
  std::size_t memory_limit = 0;  // 0: what control groups or the machine leave
};

struct GatewaySettings {
  std::chrono::milliseconds connect_timeout{5'000};
  std::size_t max_connections = 200'000;
  std::size_t outbound_bytes_max = std::size_t{4} << 20;
  std::size_t outbound_frames_max = 8192;
  std::size_t frame_bytes_max = std::size_t{1} << 20;
  std::size_t pre_auth_frame_bytes_max = std::size_t{8} << 10;
  std::size_t unacked_max = 1024;
  std::size_t push_record_bytes = std::size_t{16} << 20;  // 0: none
  std::chrono::milliseconds kick_grace{2'000};
  std::size_t inbound_items_in_flight = 256;
  std::size_t inbound_bytes_in_flight = std::size_t{256} << 20;
  std::size_t subscriptions_max = 100;
  // Limits of one kind of peer; 0: none.
  std::size_t connections_per_address_max = 0;
  std::size_t connections_per_user_max = 1000;
  std::size_t handshakes_per_second = 0;
  std::size_t handshakes_per_address_per_second = 0;
  std::size_t frames_per_second = 0;  // of one session
  bool compression = false;
  std::size_t compression_min_bytes = 256;
  ProxyProtocol proxy_protocol = ProxyProtocol::accept;
  std::vector<std::string> allowed_origins;
  std::vector<std::string> trusted_proxies{"127.0.0.0/8", "::1/128"};
};

// Files of the TLS listeners (tls_addr, wss_addr), PEM.
struct TlsSettings {
  std::string cert_file;
  std::string key_file;
  std::chrono::milliseconds check_interval{60'000};  // 0: only a SIGHUP reads them again
};

struct DemoSettings {
  bool on = true;
  std::string addr = "localhost:5172";
};

struct DeliverySettings {
  std::size_t queue_bytes_max = std::size_t{256} << 20;
};

struct ManagerSettings {
  bool on = true;
  std::string addr = "localhost:5300";
};

struct AuthSettings {
  bool on = true;
  std::string super_token;
  std::vector<std::string> users;  // entries as configured; parse_auth_users() reads them
};

struct JwtSettings {
  std::string secret;  // empty: generated, kept in data_dir
  std::chrono::milliseconds expire{30LL * 24 * 3600 * 1000};
  std::string issuer = "wukongim";
  std::chrono::milliseconds read_expire{3600LL * 1000};  // of POST /user/read_token
  std::chrono::milliseconds read_expire_max{24LL * 3600 * 1000};
};

struct WebhookSettings {
  std::string http_addr;
  std::string grpc_addr;
  std::chrono::milliseconds msg_notify_event_push_interval{500};
  std::size_t msg_notify_event_count_per_push = 100;
  std::size_t msg_notify_event_retry_max_count = 5;
  std::vector<std::string> focus_events;  // empty: all
  std::string secret;                     // empty: requests are not signed
  std::string ca_file;                    // empty: the system's authorities alone
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds retry_backoff_min{1'000};
  std::chrono::milliseconds retry_backoff_max{60'000};
  std::chrono::milliseconds max_age{24LL * 3600 * 1000};
  std::size_t backlog_max = 1'000'000;  // messages
  bool offline_master_only = false;
  std::size_t workers = 4;
  std::size_t record_bytes = std::size_t{2} << 20;  // 0: none
  // Of one partition. 0: none are kept.
  std::size_t dead_letters_max = 5'000;
  std::size_t dead_letter_bytes_max = std::size_t{1} << 20;
};

struct AgentWebhookSettings {
  std::string http_addr;
};

struct AgentSettings {
  AgentWebhookSettings webhook;
};

struct DatasourceSettings {
  std::string addr;
  std::string ca_file;
  bool channel_info_on = false;
  std::chrono::milliseconds timeout{2'000};
  std::chrono::milliseconds cache_time{30'000};
  std::size_t cache_count = 10'000;
};

struct ModerationSettings {
  std::vector<std::string> lists;  // entries as configured; moderation::parse_lists() reads them
  std::vector<std::string> members{"content", "text", "title", "desc", "description", "name"};
  bool exempt_system_accounts = true;
  std::chrono::milliseconds check_interval{10'000};  // 0: only a SIGHUP reads the files again
  std::size_t words_max = 100'000;                   // of one list
  std::size_t list_bytes_max = std::size_t{8} << 20;
  std::string url;      // empty: nobody is asked
  std::string ca_file;  // empty: the system's authorities alone
  std::chrono::milliseconds timeout{1'000};
  bool refuse_when_down = false;
  std::size_t batch_items = 100;
  std::size_t calls = 4;
  std::size_t waiting_bytes_max = std::size_t{64} << 20;
  std::size_t breaker_failures = 5;
  std::chrono::milliseconds breaker_pause{5'000};
};

struct ConversationSettings {
  std::size_t user_max_count = 1000;
  std::chrono::milliseconds tombstone_retention{std::chrono::hours(30 * 24)};  // 0: for ever
};

struct ChannelSettings {
  std::size_t subscriber_compress_of_count = 0;  // 0: off
};

struct CustomerServiceSettings {
  bool visitors_on = false;
  std::string visitors_suffix{kVisitorSuffix};
  std::size_t visitor_frames_per_second = 10;
  std::size_t new_visitors_per_second = 20;
  std::chrono::milliseconds visitors_max_age{std::chrono::hours{30 * 24}};
};

struct StreamCacheSettings {
  std::chrono::milliseconds chunk_inactivity_timeout{30'000};
};

struct RetentionSettings {
  std::chrono::milliseconds interval{60'000};
  std::chrono::milliseconds max_age{0};  // 0: for ever
  std::size_t max_count = 0;             // 0: all
  std::vector<std::string> by_type;  // entries as configured; parse_retention_rules() reads them
  std::size_t compact_after_rows = 1'000'000;
  std::size_t changes_max = 10'000;  // of one channel
};

struct TemplateSettings {
  std::size_t per_partition_max = 1000;
  std::size_t versions_max = 100;  // of one template
};

struct JobSettings {
  std::size_t per_partition_max = 200;
  std::size_t input_bytes_max = std::size_t{4} << 30;  // of one partition
  std::chrono::milliseconds keep{std::chrono::hours(7 * 24)};
  std::chrono::milliseconds upload_idle{std::chrono::hours(1)};
  std::size_t items_in_flight = 2000;
  std::size_t turn_items = 500;
  std::chrono::milliseconds send_timeout{30'000};
  std::chrono::milliseconds retry_backoff_max{5'000};
  std::size_t event_listeners = 100;
  std::chrono::milliseconds event_interval{1'000};
  std::chrono::milliseconds event_heartbeat{15'000};
};

// Messages a second, and at once; 0 a second: no limit, 0 at once: as many as in a second.
struct LimitSettings {
  std::size_t per_second = 0;  // of all together
  std::size_t burst = 0;
  std::size_t key_per_second = 0;  // of each API key without a rate of its own
  std::size_t key_burst = 0;
  std::size_t sender_per_second = 0;
  std::size_t sender_burst = 0;
  std::size_t channel_per_second = 0;
  std::size_t channel_burst = 0;
  std::size_t reader_per_second = 50;  // requests of each user with a read token
  std::size_t reader_burst = 200;
  std::size_t bucket_bytes_max = std::size_t{16} << 20;
};

// What the keys mean is written once, in settings_table.cc (docs/configuration.md).
struct Settings {
  Mode mode = Mode::debug;
  std::string http_addr = "localhost:5001";
  // Not given: load_settings() makes them every interface's when token_auth_on is set.
  std::string addr = "tcp://localhost:5100";
  std::string ws_addr = "ws://localhost:5200";
  std::string tls_addr;
  std::string wss_addr;
  bool disable_json_rpc = false;
  bool disable_encryption = false;
  std::string root_dir = ".";
  std::string data_dir;  // load_settings fills it: <root_dir>/data unless given
  bool token_auth_on = false;
  std::string manager_token;
  std::string manager_uid = "____manager";
  std::vector<std::string> api_keys;  // entries as configured; parse_api_keys() reads them
  bool allow_open_api = false;
  bool whitelist_off_of_person = true;
  bool disable_cmd_message_sync = false;
  std::chrono::milliseconds conn_idle_time{180'000};
  ExternalSettings external;
  IntranetSettings intranet;
  LoggerSettings logger;
  AuditSettings audit;
  TracingSettings tracing;
  ClusterSettings cluster;
  MessageRetrySettings message_retry;
  ApiSettings api;
  CoreSettings core;
  StorageSettings storage;
  BackupSettings backup;
  DedupSettings dedup;
  RuntimeSettings runtime;
  GatewaySettings gateway;
  DeliverySettings delivery;
  ManagerSettings manager;
  AuthSettings auth;
  JwtSettings jwt;
  WebhookSettings webhook;
  AgentSettings agent;
  DatasourceSettings datasource;
  ModerationSettings moderation;
  ConversationSettings conversation;
  ChannelSettings channel;
  CustomerServiceSettings customer_service;
  StreamCacheSettings stream_cache;
  RetentionSettings retention;
  TemplateSettings templates;
  JobSettings jobs;
  LimitSettings limits;
  TlsSettings tls;
  DemoSettings demo;
};

enum class SettingType : std::uint8_t {
  flag,
  text,
  secret,
  list,         // of texts: a YAML list, or one text separated by spaces
  secret_list,  // the same, never shown
  count,
  bytes,
  duration,
  ratio,  // 0.25
  choice,
};

// A pointer to one member of a Settings object.
using SettingRef =
    std::variant<bool*, std::string*, std::uint16_t*, std::uint32_t*, std::size_t*, double*,
                 std::chrono::milliseconds*, SendCheck*, StatusStyle*, RefusalStyle*, Mode*,
                 ProxyProtocol*, observe::LogLevel*, std::vector<std::string>*>;

// One row of the table.
struct Setting {
  std::string_view key;  // as in the YAML file: "api.maxBatch"
  SettingType type;
  SettingRef (*member)(Settings&);
  // Inclusive bounds of count, bytes, duration (milliseconds) and ratio; unused otherwise.
  std::uint64_t min;
  std::uint64_t max;
  std::string_view choices;  // names separated by '|', in the order of the enumerators
  bool documented;           // true: a key of the documented WuKongIM configuration
  bool reloadable;           // true: SIGHUP applies a change; false: only a restart does
  std::string_view description;

  // "WK_API_MAXBATCH"
  std::string env_name() const;
  bool is_secret() const { return type == SettingType::secret || type == SettingType::secret_list; }
  bool is_list() const { return type == SettingType::list || type == SettingType::secret_list; }
};

std::span<const Setting> settings_table();

// Another documented name of a key, in the file and the environment alike.
struct KeyAlias {
  std::string_view alias;
  std::string_view key;
};
std::span<const KeyAlias> key_aliases();

// A documented key that has no effect here, or a whole group when `pattern` ends in ".*".
struct IgnoredKey {
  std::string_view pattern;
  std::string_view note;
};
std::span<const IgnoredKey> ignored_keys();

// The text of a configuration file. Errors: not_found (names the file and the reason).
Result<std::string> read_settings_file(const std::filesystem::path& path, FileKind kind);

// The value of one row as it would be written in the file ("10MiB", "5s", "true"). A duration or
// size comes in the largest unit that divides it.
std::string format_setting(const Setting& setting, const Settings& settings);

// Sets one row from text; leaves `settings` unchanged on error. A list is separated by spaces.
// Errors: invalid.
Result<void> parse_setting(const Setting& setting, std::string_view value, Settings& settings);
// The same for a list that is given as one. The row must be a list.
Result<void> parse_setting(const Setting& setting, std::vector<std::string> values,
                           Settings& settings);

// True when both hold the same value for that row.
bool same_value(const Setting& setting, const Settings& a, const Settings& b);
// Copies the value of one row.
void copy_value(const Setting& setting, const Settings& from, Settings& to);

// One entry of retention.byType. 0 means no limit.
struct RetentionRule {
  ChannelType type{};
  std::chrono::milliseconds max_age{0};
  std::uint64_t max_count = 0;
};
// A type by its name or number, 1 to 255.
std::optional<ChannelType> parse_channel_type(std::string_view text);
// Errors: invalid (names the entry). A type may have one rule only.
Result<std::vector<RetentionRule>> parse_retention_rules(const std::vector<std::string>& entries);

// What one user of the manager port may do: "slotMigrate" and "w", "*" for any resource.
struct Permission {
  std::string resource;
  std::string actions;  // of the letters r and w, or "*"

  bool covers(std::string_view wanted_resource, char wanted_action) const;
  std::string text() const { return resource + ':' + actions; }
};

// One entry of auth.users.
struct AuthUser {
  std::string name;
  std::string password;
  std::vector<Permission> permissions;
};
// Errors: invalid (names the position and the user, never the password).
Result<std::vector<AuthUser>> parse_auth_users(const std::vector<std::string>& entries);

// Where to listen. Port 0 lets the kernel choose.
// What a body of api.maxBodyBytes takes of api.bodyBytesInFlight beside itself: the buffer it is
// read through, and the read-ahead of its chunks.
inline constexpr std::size_t kBodyReadRoom = std::size_t{256} << 10;

// The longest answer to a batch of so many items: ids, seqs and a reason, and a client_msg_no of
// the longest kind.
std::size_t batch_answer_bytes(std::size_t items);
// A frame grows in a buffer that doubles; before the login a quarter is all there is.
std::size_t inbound_bytes_needed(const GatewaySettings& gateway);

struct ListenAddress {
  std::string host;  // without brackets; "" means every interface
  std::uint16_t port = 0;

  // True when only this machine can connect: 127.0.0.0/8, ::1 or localhost.
  bool is_loopback() const;
};

// "host:port", "[v6]:port" or ":port", with or without a scheme ("tcp://", "ws://", "http://").
// Errors: invalid.
Result<ListenAddress> parse_listen_address(std::string_view text);

// Go style: "500ms", "60s", "1h30m", "7d", "0". Errors: invalid.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
// "262144", "64KiB", "10MiB", "2GiB". Errors: invalid.
Result<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace jindou::config
