// The table of every setting: the one place that names keys, bounds and meanings.
#include <array>

#include "config/settings.h"
#include "model/rate.h"

namespace jindou::config {
namespace {

using enum SettingType;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMebibyte = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMebibyte;
constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr bool kDocumented = true;
constexpr bool kOurs = false;
constexpr bool kLive = true;
constexpr bool kRestart = false;

#define JD_MEMBER(path) [](Settings& s) -> SettingRef { return &s.path; }

constexpr std::array kTable{
    Setting{"httpAddr", text, JD_MEMBER(http_addr), 0, 0, "", kDocumented, kRestart,
            "Address of the HTTP API; localhost means 127.0.0.1 and ::1. Empty: no HTTP API. Other "
            "than a loopback address needs managerToken, apiKeys or allowOpenApi."},
    Setting{"addr", text, JD_MEMBER(addr), 0, 0, "", kDocumented, kRestart,
            "Address for clients over TCP; localhost means 127.0.0.1 and ::1, here and below. Not "
            "given: with tokenAuthOn port 5100 of every interface, without it of localhost alone. "
            "Empty: none."},
    Setting{"wsAddr", text, JD_MEMBER(ws_addr), 0, 0, "", kDocumented, kRestart,
            "Address for clients over WebSocket. Not given: port 5200, as for addr. Empty: none."},
    Setting{"tlsAddr", text, JD_MEMBER(tls_addr), 0, 0, "", kOurs, kRestart,
            "Address for clients over TCP with TLS (tls://0.0.0.0:5110). Empty: none. Needs "
            "wssConfig.certFile and wssConfig.keyFile."},
    Setting{"wssAddr", text, JD_MEMBER(wss_addr), 0, 0, "", kDocumented, kRestart,
            "Address for clients over WebSocket with TLS (wss://0.0.0.0:5210). Empty: none. Needs "
            "the same files."},
    Setting{"wssConfig.certFile", text, JD_MEMBER(tls.cert_file), 0, 0, "", kDocumented, kLive,
            "PEM file of the certificate and its chain, for tlsAddr and wssAddr."},
    Setting{"wssConfig.keyFile", text, JD_MEMBER(tls.key_file), 0, 0, "", kDocumented, kLive,
            "PEM file of its private key."},
    Setting{"wssConfig.checkInterval", duration, JD_MEMBER(tls.check_interval), 0, kDay, "", kOurs,
            kLive,
            "How often both files are looked at; new ones serve the next connections. 0: only a "
            "SIGHUP reads them again."},
    Setting{"disableJSONRPC", flag, JD_MEMBER(disable_json_rpc), 0, 0, "", kDocumented, kRestart,
            "true: a client that speaks JSON-RPC is closed."},
    Setting{
        "disableEncryption", flag, JD_MEMBER(disable_encryption), 0, 0, "", kDocumented, kRestart,
        "true: a WKProto client whose CONNECT has no key is let in; its payloads travel as they "
        "are. Those of clients with a key are encrypted as ever."},
    Setting{"rootDir", text, JD_MEMBER(root_dir), 0, 0, "", kDocumented, kRestart,
            "Directory of everything the server writes."},
    Setting{"dataDir", text, JD_MEMBER(data_dir), 0, 0, "", kDocumented, kRestart,
            "Directory of the store. Not given: `data` in rootDir."},
    Setting{"tokenAuthOn", flag, JD_MEMBER(token_auth_on), 0, 0, "", kDocumented, kLive,
            "Check the token of a client's CONNECT against the one set with POST /user/token."},
    Setting{
        "managerToken", secret, JD_MEMBER(manager_token), 0, 0, "", kDocumented, kLive,
        "When set, every HTTP request but GET /health, /healthz and /readyz and OPTIONS needs the "
        "header `token: <managerToken>`, or one of apiKeys. At least 16 characters, unless only "
        "this machine reaches the ports."},
    Setting{"managerUID", text, JD_MEMBER(manager_uid), 0, 0, "", kDocumented, kRestart,
            "The user that managerToken speaks for."},
    Setting{"apiKeys", secret_list, JD_MEMBER(api_keys), 0, 0, "", kOurs, kLive,
            "Named keys for callers of the HTTP API who may do less than managerToken: each with "
            "the hash of its secret, its scopes, senders, channels and end (below)."},
    Setting{"allowOpenApi", flag, JD_MEMBER(allow_open_api), 0, 0, "", kOurs, kRestart,
            "Serve the HTTP API without a token on an address other machines can reach."},
    Setting{"whitelistOffOfPerson", flag, JD_MEMBER(whitelist_off_of_person), 0, 0, "", kDocumented,
            kRestart, "true: the allowlist of a person's inbox is not enforced."},
    Setting{"connIdleTime", duration, JD_MEMBER(conn_idle_time), kSecond, kDay, "", kDocumented,
            kRestart, "A client connection without any inbound byte for this long is closed."},

    Setting{
        "external.ip", text, JD_MEMBER(external.ip), 0, 0, "", kDocumented, kRestart,
        "Address clients reach this server under (GET /route). Empty: the host of the request."},
    Setting{"external.tcpAddr", text, JD_MEMBER(external.tcp_addr), 0, 0, "", kDocumented, kRestart,
            "host:port told to TCP clients. Empty: external.ip and the port of addr."},
    Setting{"external.wsAddr", text, JD_MEMBER(external.ws_addr), 0, 0, "", kDocumented, kRestart,
            "URL told to WebSocket clients. Empty: external.ip and the port of wsAddr."},
    Setting{"external.wssAddr", text, JD_MEMBER(external.wss_addr), 0, 0, "", kDocumented, kRestart,
            "URL told to clients that need TLS. Empty: external.ip and the port of wssAddr."},
    Setting{"intranet.tcpAddr", text, JD_MEMBER(intranet.tcp_addr), 0, 0, "", kDocumented, kRestart,
            "host:port told to callers of GET /route?intranet=1."},
    Setting{"intranet.wsAddr", text, JD_MEMBER(intranet.ws_addr), 0, 0, "", kOurs, kRestart,
            "The same for WebSocket."},
    Setting{"intranet.wssAddr", text, JD_MEMBER(intranet.wss_addr), 0, 0, "", kOurs, kRestart,
            "The same for WebSocket over TLS."},

    Setting{"logger.level", choice, JD_MEMBER(logger.level), 0, 0, "auto|debug|info|warn|error",
            kDocumented, kLive,
            "Least level that is logged, by name or number (0 to 4). auto is info."},
    Setting{
        "logger.queueBytes", bytes, JD_MEMBER(logger.queue_bytes), 256 * kKiB, kGiB, "", kOurs,
        kLive,
        "Log lines that wait for the reader of standard error; what does not fit is dropped and "
        "counted."},
    Setting{"logger.slowRequest", duration, JD_MEMBER(logger.slow_request), 0, kHour, "", kOurs,
            kLive,
            "An HTTP request that took longer has a line in the log, ten a second at most; "
            "streams have none. 0: none."},
    Setting{"audit.on", flag, JD_MEMBER(audit.on), 0, 0, "", kOurs, kLive,
            "Write the audit log: a line for each change, login and refusal over HTTP."},
    Setting{"audit.file", text, JD_MEMBER(audit.file), 0, 0, "", kOurs, kLive,
            "File of the audit log; a SIGHUP opens it anew. Empty: among the lines of the log."},
    Setting{"audit.queueBytes", bytes, JD_MEMBER(audit.queue_bytes), 64 * kKiB, kGiB, "", kOurs,
            kLive,
            "Lines that wait for the disk of audit.file; what does not fit is dropped and "
            "counted."},
    Setting{"audit.refusalsPerSecond", count, JD_MEMBER(audit.refusals_per_second), 0, 1'000'000,
            "", kOurs, kLive,
            "Lines a second about callers who were refused; more are counted. 0: any number."},
    Setting{"audit.recentBytes", bytes, JD_MEMBER(audit.recent_bytes), 0, 64 * 1024 * kKiB, "",
            kOurs, kLive,
            "Memory for the last lines, which GET /manager/audit and the manager page show; they "
            "end with the process. 0: none are kept."},
    Setting{
        "tracing.endpoint", text, JD_MEMBER(tracing.endpoint), 0, 0, "", kOurs, kRestart,
        "Base address of a collector of OpenTelemetry (http://localhost:4318), which gets traces "
        "of HTTP requests under /v1/traces, as OTLP in JSON. Empty: none are made."},
    Setting{"tracing.sampleRatio", ratio, JD_MEMBER(tracing.sample_ratio), 0, 1, "", kOurs, kLive,
            "The share of requests without a traceparent that begin a trace. With one it is the "
            "caller who decides."},
    Setting{"tracing.queueBytes", bytes, JD_MEMBER(tracing.queue_bytes), 64 * kKiB, kGiB, "", kOurs,
            kRestart,
            "Spans that wait for the collector; what does not fit is dropped and counted."},
    Setting{"tracing.timeout", duration, JD_MEMBER(tracing.timeout), 10, kHour, "", kOurs, kRestart,
            "Time for the collector to take what it is sent; what it does not take is dropped and "
            "counted."},
    Setting{"tracing.headers", secret_list, JD_MEMBER(tracing.headers), 0, 0, "", kOurs, kRestart,
            "Headers for the collector, `name=value` each, with %20 for a blank in the value: "
            "`Authorization=Bearer%20abc`. Never shown."},
    Setting{"cluster.nodeId", count, JD_MEMBER(cluster.node_id), 1, 1023, "", kDocumented, kRestart,
            "Number of this node, shown to clients in CONNACK and in the API."},
    Setting{
        "cluster.identityFile", text, JD_MEMBER(cluster.identity_file), 0, 0, "", kOurs, kRestart,
        "File with what the nodes of a cluster have in common: the number of partitions and the "
        "secret seed of the client_msg_no index. A new store is made with it, another one is "
        "not opened. When there is no such file it is written. Empty: each store has its own."},

    Setting{"messageRetry.interval", duration, JD_MEMBER(message_retry.interval), 100, kDay, "",
            kDocumented, kLive,
            "A delivered message without a receipt is sent again after this long."},
    Setting{"messageRetry.scanInterval", duration, JD_MEMBER(message_retry.scan_interval), 10,
            kHour, "", kDocumented, kRestart,
            "How often messages due for another try are looked for."},
    Setting{"messageRetry.maxCount", count, JD_MEMBER(message_retry.max_count), 0, 100, "",
            kDocumented, kLive, "Tries after the first; then the client has to fetch the message."},

    Setting{"api.sendCheck", choice, JD_MEMBER(api.send_check), 0, 0, "channel|trusted|strict",
            kOurs, kRestart,
            "Permission rules for messages sent over HTTP. channel: state of the channel only; "
            "trusted: denylists and bans too; strict: also membership and allowlists, as for "
            "clients."},
    Setting{"api.statusStyle", choice, JD_MEMBER(api.status_style), 0, 0, "int|text", kOurs, kLive,
            "The member `status` of HTTP answers: 200 or \"ok\"."},
    Setting{"api.refusalStyle", choice, JD_MEMBER(api.refusal_style), 0, 0, "status|reason", kOurs,
            kRestart,
            "How a single send that a rule refuses is answered. status: 403; reason: 200 with the "
            "reason code, and unknown groups are refused over HTTP (reason 5) unless api.sendCheck "
            "is channel."},
    Setting{"api.maxBatch", count, JD_MEMBER(api.max_batch), 1, 100'000, "", kOurs, kRestart,
            "Items in one POST /message/sendbatch; more is 400."},
    Setting{"api.maxBodyBytes", bytes, JD_MEMBER(api.max_body_bytes), kKiB, kGiB, "", kOurs,
            kRestart, "Size of an HTTP request body, after its content coding is taken off."},
    Setting{"api.maxExpansion", count, JD_MEMBER(api.max_expansion), 1, 1'000'000, "", kOurs,
            kRestart,
            "How many times its size a streamed body (application/x-ndjson, text/csv) may become, "
            "beyond api.maxBodyBytes, when its content coding is taken off; lines that are items "
            "do not count."},
    // 48000 keeps the base64 of the encrypted payload below 65535 bytes, where the JavaScript
    // client stops decoding (docs/wkproto.md, "size limits in practice").
    Setting{"api.maxPayloadBytes", bytes, JD_MEMBER(api.max_payload_bytes), 1, 48'000, "", kOurs,
            kRestart, "Size of one decoded payload, over HTTP and from clients alike."},
    Setting{"api.maxExpandedBytes", bytes, JD_MEMBER(api.max_expanded_bytes), kKiB, kGiB, "", kOurs,
            kRestart,
            "Payloads and `subscribers` of one batch that several items share, and payloads that "
            "variables are filled into, counted for each item; more is 400."},
    Setting{"api.maxHeadLineBytes", bytes, JD_MEMBER(api.max_head_line_bytes), kKiB, kGiB, "",
            kOurs, kRestart,
            "The first line of a streamed batch when it has the payloads and defaults of the "
            "others: it is kept as long as the stream lasts; more is 413."},
    Setting{"api.idempotencyWindow", duration, JD_MEMBER(api.idempotency_window), kMinute,
            3650 * kDay, "", kOurs, kRestart,
            "How long a client_msg_no is remembered: repeats within it store nothing."},
    Setting{"api.idempotencyKeyWindow", duration, JD_MEMBER(api.idempotency_key_window), kMinute,
            3650 * kDay, "", kOurs, kRestart,
            "How long the answer to a request with an Idempotency-Key is kept; at most "
            "api.idempotencyWindow."},
    Setting{"api.requestTimeout", duration, JD_MEMBER(api.request_timeout), 10, kHour, "", kOurs,
            kRestart, "Longest wait for the core before a request is answered with an error."},
    Setting{"api.headerTimeout", duration, JD_MEMBER(api.header_timeout), 10, kHour, "", kOurs,
            kRestart, "Time for a client to send its request header."},
    Setting{"api.bodyTimeout", duration, JD_MEMBER(api.body_timeout), 10, kHour, "", kOurs,
            kRestart, "Time for a client to send its request body."},
    Setting{"api.streamTimeout", duration, JD_MEMBER(api.stream_timeout), 10, kDay, "", kOurs,
            kRestart,
            "A streamed body (application/x-ndjson) of which nothing comes for this long is ended, "
            "or whose items find no room for so long, and so is a streamed answer that nobody "
            "takes."},
    Setting{"api.idleTimeout", duration, JD_MEMBER(api.idle_timeout), 10, kDay, "", kOurs, kRestart,
            "A kept-alive HTTP connection without a request for this long is closed."},
    Setting{"api.maxHeaderBytes", bytes, JD_MEMBER(api.max_header_bytes), kKiB, kMebibyte, "",
            kOurs, kRestart, "Size of an HTTP request header."},
    Setting{"api.maxConnections", count, JD_MEMBER(api.max_connections), 1, 1'000'000, "", kOurs,
            kRestart, "Open HTTP connections; more are refused."},
    Setting{"api.batchesInFlight", count, JD_MEMBER(api.batches_in_flight), 1, 1'000'000, "", kOurs,
            kRestart,
            "Batches being worked on, until the last of their items is done; more get 429."},

    Setting{
        "api.bodyBytesInFlight", bytes, JD_MEMBER(api.body_bytes_in_flight), kMebibyte,
        1024 * kGiB, "", kOurs, kRestart,
        "Request bodies in memory, of all connections together, with what decodes them, and the "
        "items of those that become jobs; more get 429."},
    Setting{
        "api.answerBytesInFlight", bytes, JD_MEMBER(api.answer_bytes_in_flight), kMebibyte,
        1024 * kGiB, "", kOurs, kRestart,
        "Answers that are not read yet, of all connections together; more get 503, or are closed "
        "where something was done or a part was sent. What is read from the store for answers "
        "takes as much again; such reads wait for room. One answer holds a sixteenth of it at most "
        "for a channel (and 8 MiB), an eighth for several (and 32 MiB)."},
    Setting{"api.wholeListMax", count, JD_MEMBER(api.whole_list_max), 1, 10'000'000, "", kOurs,
            kRestart,
            "Users in an answer that holds a whole list: GET /channel/whitelist, GET "
            "/user/systemuids, GET /manager/system-users and the lists of a channel under "
            "/cluster. Longer ones get 413; GET /channel/allowlist and its kind have pages."},
    Setting{
        "api.compression", flag, JD_MEMBER(api.compression), 0, 0, "", kOurs, kRestart,
        "Answers with Content-Encoding gzip or zstd for callers whose Accept-Encoding likes one "
        "of them."},
    Setting{"api.compressionMinBytes", bytes, JD_MEMBER(api.compression_min_bytes), 0, kGiB, "",
            kOurs, kRestart, "Only answers of more bytes."},

    Setting{"core.itemsInFlight", count, JD_MEMBER(core.items_in_flight), 1, 100'000'000, "", kOurs,
            kRestart,
            "Messages accepted for evaluation and not yet answered; more get 429 or the rate-limit "
            "reason."},
    Setting{"core.bytesInFlight", bytes, JD_MEMBER(core.bytes_in_flight), kMebibyte, 1024 * kGiB,
            "", kOurs, kRestart, "Their payload bytes."},
    Setting{"core.delayMax", duration, JD_MEMBER(core.delay_max), 10, kHour, "", kOurs, kRestart,
            "How long a message may be expected to wait until it is durable; at most half of "
            "api.requestTimeout. What would wait longer gets 429 or the rate-limit reason."},
    Setting{
        "core.bulkBatchItems", count, JD_MEMBER(core.bulk_batch_items), 0, 100'000'000, "", kOurs,
        kRestart,
        "A batch of more messages is bulk work: what chats send meanwhile goes before it, and it "
        "still moves on. Messages of clients and single sends never are."},
    Setting{"core.bulkTurnItems", count, JD_MEMBER(core.bulk_turn_items), 1, 1'000'000, "", kOurs,
            kRestart,
            "The weight of bulk work: so many of its messages are evaluated after each round of "
            "what chats have sent. More: batches are faster beside chat, and chat waits longer; "
            "256 take about a millisecond."},
    Setting{"bulk.perReceiverPerDay", count, JD_MEMBER(core.bulk_per_receiver_day), 0, 1000, "",
            kOurs, kRestart,
            "Bulk messages, of jobs and of batches over core.bulkBatchItems, that a person may be "
            "sent in a day of UTC; more are refused. 0: any number."},
    Setting{"core.transactionItems", count, JD_MEMBER(core.transaction_items), 1, 100'000, "",
            kOurs, kRestart, "Changes and messages of several channels that are made all or none."},
    Setting{"core.transactionHold", duration, JD_MEMBER(core.transaction_hold), 10, kHour, "",
            kOurs, kRestart,
            "How long those of one partition wait for those of the others, and with them what else "
            "is sent to it. Longer, and none is made."},
    Setting{"core.partitionWorkers", count, JD_MEMBER(core.partition_workers), 0, 256, "", kOurs,
            kRestart, "Threads that evaluate commands. 0: chosen from the number of usable CPUs."},
    Setting{"core.channelCacheCount", count, JD_MEMBER(core.channel_cache_count), 16, 100'000'000,
            "", kOurs, kRestart, "Channels whose state is kept in memory on this node."},
    Setting{"core.refusalRecordBytes", bytes, JD_MEMBER(core.refusal_record_bytes), 0, kGiB, "",
            kOurs, kRestart,
            "Memory for what was refused lately and why, for GET /message/trace: some 500 bytes "
            "for a message. 0: none is remembered."},
    Setting{"core.refusalRecordKeep", duration, JD_MEMBER(core.refusal_record_keep), kMinute,
            7 * kDay, "", kOurs, kRestart, "For how long, while there is room for it."},

    Setting{
        "storage.partitions", count, JD_MEMBER(storage.partitions), 1, 512, "", kOurs, kRestart,
        "Hash slots of channels and users. Fixed when the data directory is created: with another "
        "number the server does not start."},
    Setting{"storage.writeBufferBytes", bytes, JD_MEMBER(storage.write_buffer_bytes), kMebibyte,
            64 * kGiB, "", kOurs, kRestart,
            "Memory for written data before it goes to table files."},
    Setting{"storage.blockCacheBytes", bytes, JD_MEMBER(storage.block_cache_bytes), kMebibyte,
            1024 * kGiB, "", kOurs, kRestart,
            "Memory for blocks read from table files. It gives way to write buffers: both together "
            "take this, or what all write buffers and a quarter of this take, whichever is more. "
            "While few write buffers are filled, blocks may take more than this."},
    Setting{
        "storage.backgroundJobs", count, JD_MEMBER(storage.background_jobs), 0, 64, "", kOurs,
        kRestart,
        "Concurrent flushes and compactions. 0: chosen from the number of usable CPUs, 2 to 4."},
    Setting{
        "storage.backgroundBytesPerSecond", bytes, JD_MEMBER(storage.background_bytes_per_second),
        kMebibyte, 1024 * kGiB, "", kOurs, kRestart,
        "Bytes that flushes and compactions together may write in a second. Below some ten times "
        "the bytes of messages that come in, writers wait."},
    Setting{"storage.commitItemsMax", count, JD_MEMBER(storage.commit_items_max), 1, 1'000'000, "",
            kOurs, kRestart, "Messages gathered into one commit."},
    Setting{"storage.commitBytesMax", bytes, JD_MEMBER(storage.commit_bytes_max), 64 * kKiB, kGiB,
            "", kOurs, kRestart,
            "Bytes of one commit. A message or a change that would take it beyond goes into the "
            "next one; one that is larger by itself has a commit of its own."},
    Setting{"storage.preparedLogs", flag, JD_MEMBER(storage.prepared_logs), 0, 0, "", kOurs,
            kRestart,
            "true: the next write-ahead log is filled with zeros before it is needed, so that each "
            "sync of it waits for the data alone and not for the file system's journal. Costs one "
            "file of about storage.writeBufferBytes, and the log's bytes are written twice."},
    Setting{"storage.stopFlushTimeout", duration, JD_MEMBER(storage.stop_flush_timeout), 0,
            10 * kMinute, "", kOurs, kRestart,
            "Longest time a stop takes to write the write buffers to table files, so that the next "
            "start has nothing to replay. 0: it does not."},
    Setting{"storage.verifyBytesPerSecond", bytes, JD_MEMBER(storage.verify_bytes_per_second), 0,
            1024 * kGiB, "", kOurs, kRestart,
            "Rate at which table files are read to find damage before somebody asks for what they "
            "hold. 0: they are not."},
    Setting{"storage.verifyInterval", duration, JD_MEMBER(storage.verify_interval), 100, 365 * kDay,
            "", kOurs, kRestart,
            "From the beginning of one such walk over all table files to that of the next."},
    Setting{"storage.acceptDataLoss", flag, JD_MEMBER(storage.accept_data_loss), 0, 0, "", kOurs,
            kRestart,
            "true: start although the write-ahead log is damaged, with the messages before the "
            "damage. For one start; also --accept-data-loss."},
    Setting{"backup.dir", text, JD_MEMBER(backup.dir), 0, 0, "", kOurs, kRestart,
            "Directory of the backups that POST /backups makes; a relative name is one below "
            "dataDir. On the file system of dataDir they share the files that do not change with "
            "the store and with each other; elsewhere all is copied. Empty: none are made."},
    Setting{"backup.keep", count, JD_MEMBER(backup.keep), 1, 10'000, "", kOurs, kRestart,
            "So many backups stay, the newest; older ones are removed when another one is made."},
    Setting{"dedup.generationEntries", count, JD_MEMBER(dedup.generation_entries), 16, 100'000'000,
            "", kOurs, kRestart,
            "client_msg_no entries of one partition kept in memory before they are spilled to "
            "disk."},
    Setting{"dedup.filterBytesMax", bytes, JD_MEMBER(dedup.filter_bytes_max), 1 << 20,
            std::uint64_t{1} << 40, "", kOurs, kRestart,
            "Memory of the filter that tells new client_msg_nos from used ones, 1.5 bytes each. "
            "Beyond it new ones are looked up in the store, which is slower."},
    Setting{"runtime.ioThreads", count, JD_MEMBER(runtime.io_threads), 0, 256, "", kOurs, kRestart,
            "Threads that serve connections. 0: chosen from the number of usable CPUs."},
    Setting{"runtime.memoryLimit", bytes, JD_MEMBER(runtime.memory_limit), 0, 1024 * kGiB, "",
            kOurs, kRestart,
            "Memory that the server should stay below. Below 2 GiB the defaults of caches and "
            "buffers shrink in proportion. 0: the limit of the control group, else the memory of "
            "the machine."},

    Setting{"gateway.connectTimeout", duration, JD_MEMBER(gateway.connect_timeout), 10, kHour, "",
            kOurs, kRestart, "Time for a client from opening a connection to its CONNECT."},
    Setting{"gateway.maxConnections", count, JD_MEMBER(gateway.max_connections), 1, 10'000'000, "",
            kOurs, kRestart, "Open client connections; more are told so and closed."},
    Setting{"gateway.outboundBytesMax", bytes, JD_MEMBER(gateway.outbound_bytes_max), 64 * kKiB,
            kGiB, "", kOurs, kRestart,
            "Bytes waiting for one client; a client further behind is cut."},
    Setting{"gateway.outboundFramesMax", count, JD_MEMBER(gateway.outbound_frames_max), 16,
            10'000'000, "", kOurs, kRestart,
            "Frames waiting for one client; a client further behind is cut."},
    // Clients refuse frames above 1 MiB (docs/wkproto.md, "remaining length").
    Setting{"gateway.frameBytesMax", bytes, JD_MEMBER(gateway.frame_bytes_max), 4 * kKiB, kMebibyte,
            "", kOurs, kRestart,
            "Size of one frame from a client; a larger one closes the connection."},
    Setting{"gateway.preAuthFrameBytesMax", bytes, JD_MEMBER(gateway.pre_auth_frame_bytes_max),
            kKiB, kMebibyte, "", kOurs, kRestart, "The same before the client is authenticated."},
    Setting{"gateway.inboundBytesInFlight", bytes, JD_MEMBER(gateway.inbound_bytes_in_flight),
            kMebibyte, 1024 * kGiB, "", kOurs, kRestart,
            "Frames that have come in part or wait for their turn, of all connections together; "
            "a connection that needs more is closed. Before the login a quarter is all there is."},
    Setting{"gateway.unackedMax", count, JD_MEMBER(gateway.unacked_max), 1, 1'000'000, "", kOurs,
            kRestart,
            "Messages of one session that are sent again if no receipt comes; beyond that the "
            "client has to fetch them."},
    Setting{"gateway.pushRecordBytes", bytes, JD_MEMBER(gateway.push_record_bytes), 0, 64 * kGiB,
            "", kOurs, kRestart,
            "Memory for what was pushed to clients lately and which receipts came, of all "
            "connections, for GET /message/trace: 24 bytes for each push, repeat and receipt. 0: "
            "none is remembered."},
    Setting{"gateway.kickGrace", duration, JD_MEMBER(gateway.kick_grace), 0, kMinute, "", kOurs,
            kRestart, "Time between telling a client it is kicked and closing its connection."},
    Setting{"gateway.inboundItemsInFlight", count, JD_MEMBER(gateway.inbound_items_in_flight), 1,
            1'000'000, "", kOurs, kRestart,
            "Messages of one session being worked on; reading pauses at this number."},
    Setting{"gateway.connectionsPerAddressMax", count,
            JD_MEMBER(gateway.connections_per_address_max), 0, 10'000'000, "", kOurs, kLive,
            "Open connections from one address (IPv6: one /64); more are closed, over WebSocket "
            "with 429. 0: no limit. Behind a load balancer set gateway.trustedProxies first."},
    Setting{"gateway.connectionsPerUserMax", count, JD_MEMBER(gateway.connections_per_user_max), 0,
            10'000'000, "", kOurs, kLive,
            "Sessions of one user; a further CONNECT is answered with reason 22. 0: no limit."},
    Setting{"gateway.handshakesPerSecond", count, JD_MEMBER(gateway.handshakes_per_second), 0,
            10'000'000, "", kOurs, kLive,
            "Connections that may be opened each second, over all addresses; more are closed "
            "unanswered, over WebSocket with 429, and their clients come back. 0: no limit."},
    Setting{"gateway.handshakesPerAddressPerSecond", count,
            JD_MEMBER(gateway.handshakes_per_address_per_second), 0, 10'000'000, "", kOurs, kLive,
            "The same for one address (IPv6: one /64)."},
    Setting{"gateway.framesPerSecond", count, JD_MEMBER(gateway.frames_per_second), 0, 10'000'000,
            "", kOurs, kLive,
            "Frames of one session each second, with a burst of two seconds' worth: a SEND beyond "
            "is answered with reason 22, ten times as many end the session. 0: no limit."},
    Setting{"gateway.allowedOrigins", list, JD_MEMBER(gateway.allowed_origins), 0, 0, "", kOurs,
            kRestart,
            "Origins of web pages that may open a WebSocket (https://chat.example.org; * is any, "
            "null is files). Empty: any with tokenAuthOn; without it pages on loopback, and on the "
            "same address if that is written as an IP address. Others get 403. Clients that send "
            "no Origin are no pages and always let in."},
    Setting{"gateway.compression", flag, JD_MEMBER(gateway.compression), 0, 0, "", kOurs, kRestart,
            "Accept permessage-deflate from WebSocket clients that offer it. Encrypted payloads "
            "do not get smaller; JSON-RPC does."},
    Setting{"gateway.compressionMinBytes", bytes, JD_MEMBER(gateway.compression_min_bytes), 0,
            kMebibyte, "", kOurs, kRestart, "Shorter messages are sent as they are."},
    Setting{"gateway.proxyProtocol", choice, JD_MEMBER(gateway.proxy_protocol), 0, 0,
            "off|accept|require", kOurs, kRestart,
            "A PROXY protocol header (v1, v2) before the first byte, from one of "
            "gateway.trustedProxies. require: a trusted proxy that sends none is closed."},
    Setting{"gateway.trustedProxies", list, JD_MEMBER(gateway.trusted_proxies), 0, 0, "", kOurs,
            kRestart,
            "Networks (CIDR) whose PROXY header, X-Forwarded-For or X-Real-IP says where a client "
            "is; on the HTTP ports one of the latter two where a caller is."},
    Setting{"gateway.subscriptionsMax", count, JD_MEMBER(gateway.subscriptions_max), 0, 1'000'000,
            "", kOurs, kRestart,
            "Channels that one session may subscribe to by itself (SUB); one more is answered with "
            "reason 22."},
    Setting{"delivery.queueBytesMax", bytes, JD_MEMBER(delivery.queue_bytes_max), kMebibyte,
            1024 * kGiB, "", kOurs, kRestart, "Committed messages waiting for fan-out."},
    Setting{"mode", choice, JD_MEMBER(mode), 0, 0, "debug|release|bench|test", kDocumented,
            kRestart,
            "release: the documentation page /docs is not served, and there is no login guest. "
            "The others are alike."},
    Setting{"disableCMDMessageSync", flag, JD_MEMBER(disable_cmd_message_sync), 0, 0, "",
            kDocumented, kRestart,
            "POST /message/sync answers nothing and /message/syncack does nothing."},
    Setting{"external.managerAddr", text, JD_MEMBER(external.manager_addr), 0, 0, "", kDocumented,
            kRestart, "host:port of the manager port as operators reach it, shown by GET /varz."},
    Setting{"external.apiUrl", text, JD_MEMBER(external.api_url), 0, 0, "", kDocumented, kRestart,
            "URL of the HTTP API as callers reach it, shown by GET /varz."},
    Setting{"manager.on", flag, JD_MEMBER(manager.on), 0, 0, "", kDocumented, kRestart,
            "Serve the manager port: monitoring and administration, always authenticated."},
    Setting{"manager.addr", text, JD_MEMBER(manager.addr), 0, 0, "", kDocumented, kRestart,
            "Its address; localhost means 127.0.0.1 and ::1."},
    Setting{"auth.on", flag, JD_MEMBER(auth.on), 0, 0, "", kDocumented, kLive,
            "false: the manager port asks for no credential; possible on a loopback address only."},
    Setting{"auth.superToken", secret, JD_MEMBER(auth.super_token), 0, 0, "", kDocumented, kLive,
            "A second manager token, for the header `token` on both ports; as long as the first."},
    Setting{"auth.users", secret_list, JD_MEMBER(auth.users), 0, 0, "", kDocumented, kLive,
            "Who may log in on the manager port: `name:password:*` (everything) or "
            "`name:password:[resource:actions,...]`, actions of the letters r, w or *. None: "
            "guest:guest:[*:r], unless mode is release, as long as manager.addr is a loopback "
            "address, for requests straight from this machine, through no proxy."},
    Setting{
        "jwt.secret", secret, JD_MEMBER(jwt.secret), 0, 0, "", kDocumented, kLive,
        "Key that signs the tokens of POST /manager/login and /user/read_token. Empty: made at the "
        "first start and "
        "kept in dataDir, readable by the server alone. At least 16 characters, unless only this "
        "machine reaches the ports."},
    Setting{"jwt.expire", duration, JD_MEMBER(jwt.expire), kSecond, 3650 * kDay, "", kDocumented,
            kLive, "How long the token of a login is good for."},
    Setting{"jwt.readExpire", duration, JD_MEMBER(jwt.read_expire), kSecond, 3650 * kDay, "", kOurs,
            kLive,
            "How long a token of POST /user/read_token is good for unless its caller says "
            "otherwise."},
    Setting{"jwt.readExpireMax", duration, JD_MEMBER(jwt.read_expire_max), kSecond, 3650 * kDay, "",
            kOurs, kLive, "Longest time that a caller may ask for."},
    Setting{"jwt.issuer", text, JD_MEMBER(jwt.issuer), 0, 0, "", kDocumented, kLive,
            "Issuer named in these tokens."},
    Setting{"webhook.httpAddr", text, JD_MEMBER(webhook.http_addr), 0, 0, "", kDocumented, kLive,
            "URL that is told about messages and users. Empty: nobody is told."},
    Setting{"webhook.grpcAddr", text, JD_MEMBER(webhook.grpc_addr), 0, 0, "", kDocumented, kLive,
            "host:port of a gRPC receiver, used instead of webhook.httpAddr."},
    Setting{"webhook.msgNotifyEventPushInterval", duration,
            JD_MEMBER(webhook.msg_notify_event_push_interval), 1, kHour, "", kDocumented, kLive,
            "Longest wait for a batch of msg.notify to fill."},
    Setting{"webhook.msgNotifyEventCountPerPush", count,
            JD_MEMBER(webhook.msg_notify_event_count_per_push), 1, 10'000, "", kDocumented, kLive,
            "Messages in one batch of msg.notify."},
    Setting{"webhook.msgNotifyEventRetryMaxCount", count,
            JD_MEMBER(webhook.msg_notify_event_retry_max_count), 0, 1'000'000, "", kDocumented,
            kLive,
            "Tries of a request that is refused, the first one included, before its content is "
            "given up. 0 counts as 1."},
    Setting{"webhook.focusEvents", list, JD_MEMBER(webhook.focus_events), 0, 0, "", kDocumented,
            kLive, "Events that are sent: msg.notify, msg.offline, user.onlinestatus. None: all."},
    Setting{"webhook.secret", secret, JD_MEMBER(webhook.secret), 0, 0, "", kOurs, kLive,
            "Signs every webhook request (X-Jindou-Signature). Empty: unsigned."},
    Setting{"webhook.caFile", text, JD_MEMBER(webhook.ca_file), 0, 0, "", kOurs, kLive,
            "PEM file of authorities whose certificates https receivers may have, besides the "
            "system's; agent.webhook.httpAddr too. A replaced file counts within a minute."},
    Setting{"webhook.connectTimeout", duration, JD_MEMBER(webhook.connect_timeout), 10, kHour, "",
            kOurs, kLive, "Time for a connection to the receiver."},
    Setting{"webhook.timeout", duration, JD_MEMBER(webhook.timeout), 10, kHour, "", kDocumented,
            kLive, "Time for one request from its start to the complete answer."},
    Setting{"webhook.retryBackoffMin", duration, JD_MEMBER(webhook.retry_backoff_min), 10, kHour,
            "", kOurs, kLive, "Wait before the first further try; it doubles with each."},
    Setting{"webhook.retryBackoffMax", duration, JD_MEMBER(webhook.retry_backoff_max), 10, kDay, "",
            kOurs, kLive, "Longest wait between two tries."},
    Setting{"webhook.maxAge", duration, JD_MEMBER(webhook.max_age), kSecond, 3650 * kDay, "", kOurs,
            kLive, "What could not be told for this long is given up (webhook.deadLettersMax)."},
    Setting{"webhook.backlogMax", count, JD_MEMBER(webhook.backlog_max), 1, 1'000'000'000, "",
            kOurs, kLive,
            "Messages waiting to be told; beyond it the oldest are given up "
            "(webhook.deadLettersMax)."},
    Setting{"webhook.offlineMasterOnly", flag, JD_MEMBER(webhook.offline_master_only), 0, 0, "",
            kOurs, kLive,
            "true: msg.offline names receivers without a master device; false: those without any "
            "connection."},
    Setting{"webhook.workers", count, JD_MEMBER(webhook.workers), 1, 256, "", kOurs, kRestart,
            "Requests to the receiver at the same time."},
    Setting{"webhook.recordBytes", bytes, JD_MEMBER(webhook.record_bytes), 0, 64 * kMebibyte, "",
            kOurs, kRestart,
            "Memory for what was told of which message lately, for GET /message/trace: 24 bytes "
            "for each message told. 0: none is remembered."},
    Setting{
        "webhook.deadLettersMax", count, JD_MEMBER(webhook.dead_letters_max), 0, 1'000'000, "",
        kOurs, kRestart,
        "What was given up of msg.notify, msg.recall and msg.edit: dead letters that one of the "
        "storage.partitions keeps, for POST /webhook/redrive; the oldest go and are counted. "
        "0: none are kept. Of other events it is counted only."},
    Setting{"webhook.deadLetterBytesMax", bytes, JD_MEMBER(webhook.dead_letter_bytes_max),
            64 * kKiB, kGiB, "", kOurs, kRestart,
            "What they may have there, as they are stored: some 100 bytes each, without payloads."},
    Setting{"agent.webhook.httpAddr", text, JD_MEMBER(agent.webhook.http_addr), 0, 0, "",
            kDocumented, kLive, "URL told about messages of agent channels instead."},
    Setting{"datasource.addr", text, JD_MEMBER(datasource.addr), 0, 0, "", kDocumented, kLive,
            "URL asked for subscribers, denylists, allowlists and system accounts. Empty: the "
            "stored ones count."},
    Setting{"datasource.caFile", text, JD_MEMBER(datasource.ca_file), 0, 0, "", kOurs, kLive,
            "The same as webhook.caFile, for the data source."},
    Setting{"datasource.channelInfoOn", flag, JD_MEMBER(datasource.channel_info_on), 0, 0, "",
            kDocumented, kLive, "Ask it for the flags of channels too."},
    Setting{"datasource.timeout", duration, JD_MEMBER(datasource.timeout), 10, kHour, "", kOurs,
            kLive, "Longest wait for its answer."},
    Setting{"datasource.cacheTime", duration, JD_MEMBER(datasource.cache_time), 0, kDay, "", kOurs,
            kLive, "How long an answer is used again."},
    Setting{"datasource.cacheCount", count, JD_MEMBER(datasource.cache_count), 1, 100'000'000, "",
            kOurs, kLive, "Answers kept."},
    Setting{"moderation.lists", list, JD_MEMBER(moderation.lists), 0, 0, "", kOurs, kLive,
            "Files of words that are looked for in what is sent, each with what is done: "
            "`refuse:/etc/jindou/banned.txt`, `mask:…` or `flag:…`. None: nothing is looked for."},
    Setting{"moderation.members", list, JD_MEMBER(moderation.members), 0, 0, "", kOurs, kLive,
            "Members of JSON payloads whose strings are looked at, at any depth and with all below "
            "them. `*`: all strings. A payload that is no JSON is looked at as a whole."},
    Setting{"moderation.exemptSystemAccounts", flag, JD_MEMBER(moderation.exempt_system_accounts),
            0, 0, "", kOurs, kLive, "What system accounts send is not looked at."},
    Setting{"moderation.checkInterval", duration, JD_MEMBER(moderation.check_interval), 0, kDay, "",
            kOurs, kLive,
            "How often the files are looked at; changed ones are read. 0: only a SIGHUP reads "
            "them again."},
    Setting{"moderation.wordsMax", count, JD_MEMBER(moderation.words_max), 1, 1'000'000, "", kOurs,
            kLive, "Words of one list; a file with more cannot be used."},
    Setting{"moderation.listBytesMax", bytes, JD_MEMBER(moderation.list_bytes_max), kKiB, kGiB, "",
            kOurs, kLive, "Size of one such file."},
    Setting{"moderation.url", text, JD_MEMBER(moderation.url), 0, 0, "", kOurs, kLive,
            "URL of a service that is asked about what is sent, after the word lists. Empty: "
            "nobody is asked."},
    Setting{"moderation.caFile", text, JD_MEMBER(moderation.ca_file), 0, 0, "", kOurs, kLive,
            "The same as webhook.caFile, for that service."},
    Setting{"moderation.timeout", duration, JD_MEMBER(moderation.timeout), 10, kMinute, "", kOurs,
            kLive, "Longest wait for its answer, with the wait for a call."},
    Setting{"moderation.refuseWhenDown", flag, JD_MEMBER(moderation.refuse_when_down), 0, 0, "",
            kOurs, kLive,
            "What it has not answered in time is refused. false: it goes through, with a mark that "
            "the webhook tells."},
    Setting{"moderation.batchItems", count, JD_MEMBER(moderation.batch_items), 1, 10'000, "", kOurs,
            kLive, "Messages in one call."},
    Setting{"moderation.calls", count, JD_MEMBER(moderation.calls), 1, 256, "", kOurs, kRestart,
            "Calls at the same time."},
    Setting{"moderation.waitingBytesMax", bytes, JD_MEMBER(moderation.waiting_bytes_max), kMebibyte,
            64 * kGiB, "", kOurs, kLive,
            "Payloads that wait for an answer; what is sent beyond is refused as overloaded."},
    Setting{"moderation.breakerFailures", count, JD_MEMBER(moderation.breaker_failures), 1, 10'000,
            "", kOurs, kLive,
            "After so many calls in a row without a usable answer the service counts as down."},
    Setting{"moderation.breakerPause", duration, JD_MEMBER(moderation.breaker_pause), 10, kHour, "",
            kOurs, kLive, "A service that is down is asked again after so long, with one call."},
    Setting{"conversation.userMaxCount", count, JD_MEMBER(conversation.user_max_count), 1,
            1'000'000, "", kDocumented, kRestart, "Conversations in one answer, the latest first."},
    Setting{"conversation.tombstoneRetention", duration,
            JD_MEMBER(conversation.tombstone_retention), 0, 36'500 * kDay, "", kOurs, kLive,
            "How long it is remembered that a user lost a conversation, for devices that come back "
            "and ask what was deleted. 0: for ever."},
    Setting{"channel.subscriberCompressOfCount", count,
            JD_MEMBER(channel.subscriber_compress_of_count), 0, 1'000'000'000, "", kDocumented,
            kLive, "msg.offline with more receivers than this carries them compressed. 0: never."},
    Setting{"customerService.visitorsSuffix", text, JD_MEMBER(customer_service.visitors_suffix), 0,
            0, "", kDocumented, kRestart, "The ending of a visitor's id. Empty: there are none."},
    Setting{"customerService.visitorsOn", flag, JD_MEMBER(customer_service.visitors_on), 0, 0, "",
            kDocumented, kRestart,
            "true: users whose id ends in visitorsSuffix are visitors. With tokenAuthOn the token "
            "of the first login of a name becomes the name's. They send to their own channel of "
            "type 10 only."},
    Setting{"customerService.visitorFramesPerSecond", count,
            JD_MEMBER(customer_service.visitor_frames_per_second), 0, 10'000'000, "", kOurs,
            kRestart,
            "gateway.framesPerSecond of a visitor, if that is lower or off. 0: no limit of its "
            "own."},
    Setting{"customerService.newVisitorsPerSecond", count,
            JD_MEMBER(customer_service.new_visitors_per_second), 0, 10'000'000, "", kOurs, kLive,
            "Names that visitors may make up each second; more are answered with reason 22. 0: no "
            "limit."},
    Setting{"customerService.visitorsMaxAge", duration,
            JD_MEMBER(customer_service.visitors_max_age), 0, 36'500 * kDay, "", kOurs, kLive,
            "With visitorsOn: messages of channels of type 10 older than this are deleted, unless "
            "retention.byType has a rule for the type. 0: retention.maxAge."},
    Setting{"streamCache.chunkInactivityTimeout", duration,
            JD_MEMBER(stream_cache.chunk_inactivity_timeout), kSecond, kDay, "", kDocumented, kLive,
            "A stream without a new part for this long is closed."},
    Setting{"api.onlineStatusIncludeOffline", flag, JD_MEMBER(api.online_status_include_offline), 0,
            0, "", kOurs, kLive,
            "POST /user/onlinestatus also lists users that are offline, with online 0."},
    Setting{"api.strictRead", flag, JD_MEMBER(api.strict_read), 0, 0, "", kOurs, kLive,
            "Messages of a group are read only on behalf of its subscribers."},
    Setting{"api.allowedOrigins", list, JD_MEMBER(api.allowed_origins), 0, 0, "", kOurs, kLive,
            "Origins of web pages that may call the HTTP API and the manager port, such as "
            "`https://app.example.com`; `*`: all. None: pages of the same host; with managerToken "
            "all, because they have to know it."},
    Setting{
        "api.docs", flag, JD_MEMBER(api.docs), 0, 0, "", kOurs, kRestart,
        "Serve the documentation: the page /docs, unless mode is release, and /docs/openapi.json."},
    Setting{"retention.interval", duration, JD_MEMBER(retention.interval), 100, 30 * kDay, "",
            kOurs, kLive, "How often messages that are too old or too many are looked for."},
    Setting{"retention.maxAge", duration, JD_MEMBER(retention.max_age), 0, 36'500 * kDay, "", kOurs,
            kLive, "Messages older than this are deleted. 0: never."},
    Setting{"retention.maxCount", count, JD_MEMBER(retention.max_count), 0, 1'000'000'000'000, "",
            kOurs, kLive, "Messages kept in one channel, the latest. 0: all."},
    Setting{
        "retention.byType", list, JD_MEMBER(retention.by_type), 0, 0, "", kOurs, kLive,
        "Other limits for channel types, as `type:maxAge:maxCount`: `group:90d:1000000`. The type "
        "is its name or number."},
    Setting{"retention.compactAfterRows", count, JD_MEMBER(retention.compact_after_rows), 1,
            1'000'000'000'000, "", kOurs, kLive,
            "Rows deleted from a range of the store before its space is reclaimed at once."},
    Setting{"retention.changesMax", count, JD_MEMBER(retention.changes_max), 1, 1'000'000'000, "",
            kOurs, kRestart,
            "How many changes of a channel's messages, such as deletions, are kept for those who "
            "ask what they missed; the oldest go."},
    Setting{
        "templates.perPartitionMax", count, JD_MEMBER(templates.per_partition_max), 1, 100'000, "",
        kOurs, kRestart,
        "Stored templates of one of the storage.partitions, over which their names are spread."},
    Setting{"templates.versionsMax", count, JD_MEMBER(templates.versions_max), 1, 10'000, "", kOurs,
            kRestart, "Versions of one stored template; more are refused until some are deleted."},
    Setting{"jobs.perPartitionMax", count, JD_MEMBER(jobs.per_partition_max), 1, 10'000, "", kOurs,
            kRestart,
            "Jobs of one of the storage.partitions, over which they are spread, ended ones too; "
            "more are refused until some are deleted or forgotten."},
    Setting{"jobs.inputBytesMax", bytes, JD_MEMBER(jobs.input_bytes_max), kMebibyte, 1024 * kGiB,
            "", kOurs, kRestart,
            "What the jobs of one of the storage.partitions, ended ones too, may have to send, as "
            "it is stored."},
    Setting{"jobs.keep", duration, JD_MEMBER(jobs.keep), kMinute, 36'500 * kDay, "", kOurs, kLive,
            "How long a job that has ended is kept, with its input and its results."},
    Setting{"jobs.uploadIdle", duration, JD_MEMBER(jobs.upload_idle), kMinute, 365 * kDay, "",
            kOurs, kLive, "A job whose upload has stood still for so long fails."},
    Setting{"jobs.itemsInFlight", count, JD_MEMBER(jobs.items_in_flight), 1, 1'000'000, "", kOurs,
            kLive,
            "Messages of jobs that the core has at a time, of all jobs. More: jobs are faster, and "
            "chat waits longer beside them."},
    Setting{"jobs.turnItems", count, JD_MEMBER(jobs.turn_items), 1, 1000, "", kOurs, kLive,
            "Messages of one job that are sent together; then another job has its turn. A pause "
            "or the end of a job takes effect behind them."},
    Setting{"jobs.sendTimeout", duration, JD_MEMBER(jobs.send_timeout), 100, kHour, "", kOurs,
            kLive,
            "A message of a job of which nothing is heard for so long is sent again, under the "
            "same client_msg_no."},
    Setting{"jobs.retryBackoffMax", duration, JD_MEMBER(jobs.retry_backoff_max), 20, kHour, "",
            kOurs, kLive,
            "Longest wait before messages of a job are tried again that failed for a reason that "
            "passes, such as too much load."},
    Setting{"jobs.eventListeners", count, JD_MEMBER(jobs.event_listeners), 0, 100'000, "", kOurs,
            kRestart,
            "Callers that may listen to GET /jobs/{id}/events at a time; others get 429."},
    Setting{"jobs.eventInterval", duration, JD_MEMBER(jobs.event_interval), 10, kMinute, "", kOurs,
            kRestart, "Shortest time between two events of a job."},
    Setting{"jobs.eventHeartbeat", duration, JD_MEMBER(jobs.event_heartbeat), 100, kHour, "", kOurs,
            kRestart,
            "When nothing has happened to a job for so long, its listeners are sent an empty line, "
            "which keeps the connection open on its way and shows which of them have gone."},
    Setting{"limits.perSecond", count, JD_MEMBER(limits.per_second), 0, kRatePerSecondMax, "",
            kOurs, kLive,
            "Messages a second that are taken for sending, of all callers together; more are "
            "refused (429). 0: no limit."},
    Setting{"limits.burst", count, JD_MEMBER(limits.burst), 0, kRateBurstMax, "", kOurs, kLive,
            "How many of them may come at once after a pause. 0: as many as in a second."},
    Setting{"limits.keyPerSecond", count, JD_MEMBER(limits.key_per_second), 0, kRatePerSecondMax,
            "", kOurs, kLive, "The same of each API key that has no rate of its own."},
    Setting{"limits.keyBurst", count, JD_MEMBER(limits.key_burst), 0, kRateBurstMax, "", kOurs,
            kLive, "The same of each API key."},
    Setting{"limits.senderPerSecond", count, JD_MEMBER(limits.sender_per_second), 0,
            kRatePerSecondMax, "", kOurs, kLive,
            "The same of each sender, whichever way the messages come."},
    Setting{"limits.senderBurst", count, JD_MEMBER(limits.sender_burst), 0, kRateBurstMax, "",
            kOurs, kLive, "The same of each sender."},
    Setting{"limits.channelPerSecond", count, JD_MEMBER(limits.channel_per_second), 0,
            kRatePerSecondMax, "", kOurs, kLive, "The same of each channel."},
    Setting{"limits.channelBurst", count, JD_MEMBER(limits.channel_burst), 0, kRateBurstMax, "",
            kOurs, kLive, "The same of each channel."},
    Setting{"limits.readerPerSecond", count, JD_MEMBER(limits.reader_per_second), 0,
            kRatePerSecondMax, "", kOurs, kLive,
            "Requests a second of each user with a read token; more are refused (429). 0: no "
            "limit."},
    Setting{"limits.readerBurst", count, JD_MEMBER(limits.reader_burst), 0, kRateBurstMax, "",
            kOurs, kLive,
            "How many of them may come at once after a pause. 0: as many as in a second."},
    Setting{
        "limits.bucketBytesMax", bytes, JD_MEMBER(limits.bucket_bytes_max), 64 * kKiB,
        64 * kGiB, "", kOurs, kRestart,
        "What is remembered of senders, channels and readers for these limits, 24 bytes for each "
        "that was counted lately. Without room the limit of the one that was let off soonest "
        "anyway is forgotten."},
    Setting{"demo.on", flag, JD_MEMBER(demo.on), 0, 0, "", kDocumented, kRestart,
            "Serve the chat demo."},
    Setting{"demo.addr", text, JD_MEMBER(demo.addr), 0, 0, "", kDocumented, kRestart,
            "Address of the chat demo, a page that talks to wsAddr and httpAddr."},
};

#undef JD_MEMBER

constexpr std::string_view kNoService = "belongs to a service this server does not have";
constexpr std::string_view kTuning = "tunes parts this server does not have";

constexpr std::array kIgnored{
    IgnoredKey{"ginMode", kTuning},
    IgnoredKey{"external.autoGetExternalIP", "set external.ip"},
    IgnoredKey{"conversation.on",
               "conversations are computed when asked for, and cost little else"},
    IgnoredKey{"tag.expire", "sets of receivers are computed when asked for"},
    IgnoredKey{"logger.dir", "logs go to standard error"},
    IgnoredKey{"logger.lineNum", kTuning},
    IgnoredKey{"logger.traceOn", kTuning},
    IgnoredKey{"logger.traceMaxMsgCount", kTuning},
    IgnoredKey{"logger.loki.*", "logs go to standard error"},
    IgnoredKey{"tmpChannel.*", kTuning},
    IgnoredKey{"channel.cacheCount", "see core.channelCacheCount"},
    IgnoredKey{"channel.createIfNoExist", "channels come to be when they are used"},
    IgnoredKey{"channel.onlineCmdChannelId", kTuning},
    IgnoredKey{"agent.webhook.maxPushCount", "see webhook.msgNotifyEventCountPerPush"},
    IgnoredKey{"conversation.syncInterval", kTuning},
    IgnoredKey{"conversation.syncOnce", kTuning},
    IgnoredKey{"conversation.cacheExpire", kTuning},
    IgnoredKey{"conversation.bytesPerSave", kTuning},
    IgnoredKey{"conversation.savePoolSize", kTuning},
    IgnoredKey{"conversation.workerNum", kTuning},
    IgnoredKey{"conversation.workerCount", kTuning},
    IgnoredKey{"conversation.workerScanInterval", kTuning},
    IgnoredKey{"auth.kind", "tokens of the manager port are always JWTs"},
    IgnoredKey{"eventPoolSize", "see webhook.workers"},
    IgnoredKey{"messageRetry.workerCount", kTuning},
    IgnoredKey{"userMsgQueueMaxSize", kTuning},
    IgnoredKey{"deliveryMsgPoolSize", kTuning},
    IgnoredKey{"handlePoolSize", kTuning},
    IgnoredKey{"violent", kTuning},
    IgnoredKey{"coreReactor.*", kTuning},
    IgnoredKey{"streamCache.*", kTuning},
    IgnoredKey{"goPool.*", kTuning},
    IgnoredKey{"reactor.*", kTuning},
    IgnoredKey{"deliver.*", kTuning},
    IgnoredKey{"db.*", kTuning},
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

std::span<const KeyAlias> key_aliases() {
  static constexpr std::array kAliases{
      KeyAlias{"monitor.on", "manager.on"},
      KeyAlias{"monitor.addr", "manager.addr"},
      KeyAlias{"external.monitorAddr", "external.managerAddr"},
      KeyAlias{"webhook.url", "webhook.httpAddr"},
  };
  return kAliases;
}

}  // namespace jindou::config
