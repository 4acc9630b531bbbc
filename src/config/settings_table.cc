// The table of every setting: the one place that names keys, bounds and meanings.
#include <array>

#include "config/settings.h"

namespace jindou::config {
namespace {

using enum SettingType;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;
constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr bool kDocumented = true;
constexpr bool kOurs = false;

#define JD_MEMBER(path) [](Settings& s) -> SettingRef { return &s.path; }

constexpr std::array kTable{
    Setting{"httpAddr", text, JD_MEMBER(http_addr), 0, 0, "", kDocumented,
            "Address of the HTTP API; localhost means 127.0.0.1 and ::1. Empty: no HTTP API. Other "
            "than a loopback address needs managerToken or allowOpenApi."},
    Setting{"addr", text, JD_MEMBER(addr), 0, 0, "", kDocumented,
            "Address for clients over TCP. Empty: none."},
    Setting{"wsAddr", text, JD_MEMBER(ws_addr), 0, 0, "", kDocumented,
            "Address for clients over WebSocket. Empty: none."},
    Setting{"rootDir", text, JD_MEMBER(root_dir), 0, 0, "", kDocumented,
            "Directory of everything the server writes."},
    Setting{"dataDir", text, JD_MEMBER(data_dir), 0, 0, "", kDocumented,
            "Directory of the store. Not given: `data` in rootDir."},
    Setting{"tokenAuthOn", flag, JD_MEMBER(token_auth_on), 0, 0, "", kDocumented,
            "Check the token of a client's CONNECT against the one set with POST /user/token."},
    Setting{"managerToken", secret, JD_MEMBER(manager_token), 0, 0, "", kDocumented,
            "When set, every HTTP request but GET /health and OPTIONS needs the header "
            "`token: <managerToken>`."},
    Setting{"managerUID", text, JD_MEMBER(manager_uid), 0, 0, "", kDocumented,
            "The user that managerToken speaks for."},
    Setting{"allowOpenApi", flag, JD_MEMBER(allow_open_api), 0, 0, "", kOurs,
            "Serve the HTTP API without a token on an address other machines can reach."},
    Setting{"whitelistOffOfPerson", flag, JD_MEMBER(whitelist_off_of_person), 0, 0, "", kDocumented,
            "true: the allowlist of a person's inbox is not enforced."},
    Setting{"connIdleTime", duration, JD_MEMBER(conn_idle_time), kSecond, kDay, "", kDocumented,
            "A client connection without any inbound byte for this long is closed."},

    Setting{
        "external.ip", text, JD_MEMBER(external.ip), 0, 0, "", kDocumented,
        "Address clients reach this server under (GET /route). Empty: the host of the request."},
    Setting{"external.tcpAddr", text, JD_MEMBER(external.tcp_addr), 0, 0, "", kDocumented,
            "host:port told to TCP clients. Empty: external.ip and the port of addr."},
    Setting{"external.wsAddr", text, JD_MEMBER(external.ws_addr), 0, 0, "", kDocumented,
            "URL told to WebSocket clients. Empty: external.ip and the port of wsAddr."},
    Setting{"external.wssAddr", text, JD_MEMBER(external.wss_addr), 0, 0, "", kDocumented,
            "URL told to clients that need TLS (a proxy in front of wsAddr)."},
    Setting{"intranet.tcpAddr", text, JD_MEMBER(intranet.tcp_addr), 0, 0, "", kDocumented,
            "host:port told to callers of GET /route?intranet=1."},
    Setting{"intranet.wsAddr", text, JD_MEMBER(intranet.ws_addr), 0, 0, "", kOurs,
            "The same for WebSocket."},
    Setting{"intranet.wssAddr", text, JD_MEMBER(intranet.wss_addr), 0, 0, "", kOurs,
            "The same for WebSocket over TLS."},

    Setting{"logger.level", choice, JD_MEMBER(logger.level), 0, 0, "auto|debug|info|warn|error",
            kDocumented, "Least level that is logged, by name or number (0 to 4). auto is info."},
    Setting{"cluster.nodeId", count, JD_MEMBER(cluster.node_id), 1, 1023, "", kDocumented,
            "Number of this node, shown to clients in CONNACK and in the API."},

    Setting{"messageRetry.interval", duration, JD_MEMBER(message_retry.interval), 100, kDay, "",
            kDocumented, "A delivered message without a receipt is sent again after this long."},
    Setting{"messageRetry.scanInterval", duration, JD_MEMBER(message_retry.scan_interval), 10,
            kHour, "", kDocumented, "How often messages due for another try are looked for."},
    Setting{"messageRetry.maxCount", count, JD_MEMBER(message_retry.max_count), 0, 100, "",
            kDocumented, "Tries after the first; then the client has to fetch the message."},

    Setting{"api.sendCheck", choice, JD_MEMBER(api.send_check), 0, 0, "channel|trusted|strict",
            kOurs,
            "Permission rules for messages sent over HTTP. channel: state of the channel only; "
            "trusted: denylists and bans too; strict: also membership and allowlists, as for "
            "clients."},
    Setting{"api.statusStyle", choice, JD_MEMBER(api.status_style), 0, 0, "int|text", kOurs,
            "The member `status` of HTTP answers: 200 or \"ok\"."},
    Setting{"api.maxBatch", count, JD_MEMBER(api.max_batch), 1, 100'000, "", kOurs,
            "Items in one POST /message/sendbatch; more is 400."},
    Setting{"api.maxBodyBytes", bytes, JD_MEMBER(api.max_body_bytes), kKiB, kGiB, "", kOurs,
            "Size of an HTTP request body."},
    // 48000 keeps the base64 of the encrypted payload below 65535 bytes, where the JavaScript
    // client stops decoding (docs/wkproto.md, "size limits in practice").
    Setting{"api.maxPayloadBytes", bytes, JD_MEMBER(api.max_payload_bytes), 1, 48'000, "", kOurs,
            "Size of one decoded payload, over HTTP and from clients alike."},
    Setting{"api.idempotencyWindow", duration, JD_MEMBER(api.idempotency_window), kMinute,
            365 * kDay, "", kOurs,
            "How long a client_msg_no is remembered: repeats within it store nothing."},
    Setting{"api.requestTimeout", duration, JD_MEMBER(api.request_timeout), 10, kHour, "", kOurs,
            "Longest wait for the core before a request is answered with an error."},
    Setting{"api.headerTimeout", duration, JD_MEMBER(api.header_timeout), 10, kHour, "", kOurs,
            "Time for a client to send its request header."},
    Setting{"api.bodyTimeout", duration, JD_MEMBER(api.body_timeout), 10, kHour, "", kOurs,
            "Time for a client to send its request body."},
    Setting{"api.idleTimeout", duration, JD_MEMBER(api.idle_timeout), 10, kDay, "", kOurs,
            "A kept-alive HTTP connection without a request for this long is closed."},
    Setting{"api.maxHeaderBytes", bytes, JD_MEMBER(api.max_header_bytes), kKiB, kMiB, "", kOurs,
            "Size of an HTTP request header."},
    Setting{"api.maxConnections", count, JD_MEMBER(api.max_connections), 1, 1'000'000, "", kOurs,
            "Open HTTP connections; more are refused."},
    Setting{"api.batchesInFlight", count, JD_MEMBER(api.batches_in_flight), 1, 1'000'000, "", kOurs,
            "Send requests being worked on; more get 429."},

    Setting{"core.itemsInFlight", count, JD_MEMBER(core.items_in_flight), 1, 100'000'000, "", kOurs,
            "Messages accepted for evaluation and not yet answered; more get 429 or the rate-limit "
            "reason."},
    Setting{"core.bytesInFlight", bytes, JD_MEMBER(core.bytes_in_flight), kMiB, 1024 * kGiB, "",
            kOurs, "Their payload bytes."},
    Setting{"core.partitionWorkers", count, JD_MEMBER(core.partition_workers), 0, 256, "", kOurs,
            "Threads that evaluate commands. 0: chosen from the number of CPUs."},
    Setting{"core.channelCacheCount", count, JD_MEMBER(core.channel_cache_count), 16, 100'000'000,
            "", kOurs, "Channels whose state is kept in memory on this node."},

    Setting{"storage.partitions", count, JD_MEMBER(storage.partitions), 1, 512, "", kOurs,
            "Hash slots of channels and users. Fixed when the data directory is created."},
    Setting{"storage.writeBufferBytes", bytes, JD_MEMBER(storage.write_buffer_bytes), kMiB,
            64 * kGiB, "", kOurs, "Memory for written data before it goes to table files."},
    Setting{"storage.blockCacheBytes", bytes, JD_MEMBER(storage.block_cache_bytes), kMiB,
            1024 * kGiB, "", kOurs, "Memory for blocks read from table files."},
    Setting{"storage.backgroundJobs", count, JD_MEMBER(storage.background_jobs), 1, 64, "", kOurs,
            "Concurrent flushes and compactions."},
    Setting{"storage.commitItemsMax", count, JD_MEMBER(storage.commit_items_max), 1, 1'000'000, "",
            kOurs, "Messages gathered into one commit."},
    Setting{"dedup.generationEntries", count, JD_MEMBER(dedup.generation_entries), 16, 100'000'000,
            "", kOurs,
            "client_msg_no entries of one partition kept in memory before they are spilled to "
            "disk."},
    Setting{"dedup.filterBytesMax", bytes, JD_MEMBER(dedup.filter_bytes_max), 1 << 20,
            std::uint64_t{1} << 40, "", kOurs,
            "Memory of the filter that tells new client_msg_nos from used ones, 1.5 bytes each. "
            "Beyond it new ones are looked up in the store, which is slower."},
    Setting{"runtime.ioThreads", count, JD_MEMBER(runtime.io_threads), 0, 256, "", kOurs,
            "Threads that serve connections. 0: chosen from the number of CPUs."},

    Setting{"gateway.connectTimeout", duration, JD_MEMBER(gateway.connect_timeout), 10, kHour, "",
            kOurs, "Time for a client from opening a connection to its CONNECT."},
    Setting{"gateway.maxConnections", count, JD_MEMBER(gateway.max_connections), 1, 10'000'000, "",
            kOurs, "Open client connections; more are closed at once."},
    Setting{"gateway.outboundBytesMax", bytes, JD_MEMBER(gateway.outbound_bytes_max), 64 * kKiB,
            kGiB, "", kOurs, "Bytes waiting for one client; a client further behind is cut."},
    Setting{"gateway.outboundFramesMax", count, JD_MEMBER(gateway.outbound_frames_max), 16,
            10'000'000, "", kOurs,
            "Frames waiting for one client; a client further behind is cut."},
    // Clients refuse frames above 1 MiB (docs/wkproto.md, "remaining length").
    Setting{"gateway.frameBytesMax", bytes, JD_MEMBER(gateway.frame_bytes_max), 4 * kKiB, kMiB, "",
            kOurs, "Size of one frame from a client; a larger one closes the connection."},
    Setting{"gateway.preAuthFrameBytesMax", bytes, JD_MEMBER(gateway.pre_auth_frame_bytes_max),
            kKiB, kMiB, "", kOurs, "The same before the client is authenticated."},
    Setting{"gateway.unackedMax", count, JD_MEMBER(gateway.unacked_max), 1, 1'000'000, "", kOurs,
            "Messages of one session that are sent again if no receipt comes; beyond that the "
            "client has to fetch them."},
    Setting{"gateway.kickGrace", duration, JD_MEMBER(gateway.kick_grace), 0, kMinute, "", kOurs,
            "Time between telling a client it is kicked and closing its connection."},
    Setting{"gateway.inboundItemsInFlight", count, JD_MEMBER(gateway.inbound_items_in_flight), 1,
            1'000'000, "", kOurs,
            "Messages of one session being worked on; reading pauses at this number."},
    Setting{"delivery.queueBytesMax", bytes, JD_MEMBER(delivery.queue_bytes_max), kMiB, 1024 * kGiB,
            "", kOurs, "Committed messages waiting for fan-out."},
};

#undef JD_MEMBER

constexpr std::string_view kNoService = "belongs to a service this server does not have";
constexpr std::string_view kTuning = "tunes parts this server does not have";

constexpr std::array kIgnored{
    IgnoredKey{"mode", "there is one mode"},
    IgnoredKey{"ginMode", kTuning},
    IgnoredKey{"wssAddr", "TLS is left to a proxy in front of wsAddr"},
    IgnoredKey{"wssConfig.*", "TLS is left to a proxy in front of wsAddr"},
    IgnoredKey{"disableEncryption", "payloads to clients are always encrypted"},
    IgnoredKey{"disableJSONRPC", "JSON-RPC is always served"},
    IgnoredKey{"disableCMDMessageSync", "command messages are always kept"},
    IgnoredKey{"external.managerAddr", kNoService},
    IgnoredKey{"external.monitorAddr", kNoService},
    IgnoredKey{"external.apiUrl", kNoService},
    IgnoredKey{"external.autoGetExternalIP", "set external.ip"},
    IgnoredKey{"manager.*", kNoService},
    IgnoredKey{"monitor.*", kNoService},
    IgnoredKey{"demo.*", kNoService},
    IgnoredKey{"logger.dir", "logs go to standard error"},
    IgnoredKey{"logger.lineNum", kTuning},
    IgnoredKey{"logger.traceOn", kTuning},
    IgnoredKey{"logger.traceMaxMsgCount", kTuning},
    IgnoredKey{"logger.loki.*", "logs go to standard error"},
    IgnoredKey{"channel.*", kTuning},
    IgnoredKey{"tmpChannel.*", kTuning},
    IgnoredKey{"customerService.*", kTuning},
    IgnoredKey{"webhook.*", kNoService},
    IgnoredKey{"agent.*", kNoService},
    IgnoredKey{"datasource.*", kNoService},
    IgnoredKey{"conversation.*", kTuning},
    IgnoredKey{"messageRetry.workerCount", kTuning},
    IgnoredKey{"userMsgQueueMaxSize", kTuning},
    IgnoredKey{"deliveryMsgPoolSize", kTuning},
    IgnoredKey{"handlePoolSize", kTuning},
    IgnoredKey{"eventPoolSize", kTuning},
    IgnoredKey{"violent", kTuning},
    IgnoredKey{"coreReactor.*", kTuning},
    IgnoredKey{"streamCache.*", kTuning},
    IgnoredKey{"goPool.*", kTuning},
    IgnoredKey{"reactor.*", kTuning},
    IgnoredKey{"deliver.*", kTuning},
    IgnoredKey{"db.*", kTuning},
    IgnoredKey{"tag.*", kTuning},
    IgnoredKey{"auth.*", kNoService},
    IgnoredKey{"jwt.*", kNoService},
    IgnoredKey{"plugin.*", kNoService},
    IgnoredKey{"trace.*", kNoService},
    IgnoredKey{"stress", kTuning},
    IgnoredKey{"pprofOn", kTuning},
    IgnoredKey{"deadlockCheck", kTuning},
    IgnoredKey{"oldV1Api", kNoService},
    IgnoredKey{"migrateStartStep", kNoService},
    IgnoredKey{"timingWheelTick", kTuning},
    IgnoredKey{"timingWheelSize", kTuning},
    IgnoredKey{"cluster.addr", "one node"},
    IgnoredKey{"cluster.serverAddr", "one node"},
    IgnoredKey{"cluster.apiUrl", "one node"},
    IgnoredKey{"cluster.role", "one node"},
    IgnoredKey{"cluster.seed", "one node"},
    IgnoredKey{"cluster.initNodes", "one node"},
    IgnoredKey{"cluster.slotCount", "see storage.partitions"},
    IgnoredKey{"cluster.slotReplicaCount", "one node"},
    IgnoredKey{"cluster.channelReplicaCount", "one node"},
    IgnoredKey{"cluster.tickInterval", "one node"},
    IgnoredKey{"cluster.heartbeatIntervalTick", "one node"},
    IgnoredKey{"cluster.electionIntervalTick", "one node"},
    IgnoredKey{"cluster.pongMaxTick", "one node"},
    IgnoredKey{"cluster.reqTimeout", "one node"},
};

}  // namespace

std::span<const Setting> settings_table() { return kTable; }

std::span<const IgnoredKey> ignored_keys() { return kIgnored; }

}  // namespace jindou::config
