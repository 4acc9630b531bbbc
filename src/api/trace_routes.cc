#include "api/trace_routes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/loaded_answers.h"
#include "api/query_number.h"
#include "api/reading.h"
#include "codec/json_writer.h"
#include "codec/message_object.h"
#include "jobs/turn.h"
#include "model/job.h"
#include "partition/message_trace.h"
#include "partition/recipients.h"
#include "partition/refusals.h"
#include "presence/push_report.h"
#include "runtime/await_callback.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using partition::MessageTrace;

constexpr std::size_t kReceiversListed = 100;
constexpr std::size_t kReceiversListedMax = 1000;
// Of more receivers than these it is not counted how many are online.
constexpr std::size_t kReceiversAskedMax = 100'000;
constexpr std::string_view kHowToName =
    "name the message by message_id, or by channel_id, channel_type and client_msg_no";

// ---- what is asked for ------------------------------------------------------------------------

struct TraceWish {
  std::optional<MessageId> id;
  ChannelKey channel;  // without an id
  std::string client_msg_no;
  std::string viewer;
  bool strict = false;
  std::size_t listed_max = kReceiversListed;
  std::string receiver;  // only this one is listed; empty: the first ones
};

// Errors: invalid.
Result<TraceWish> read_wish(const Services& services, const Request& request) {
  TraceWish wish;
  wish.strict = services.options.strict_read.get();
  wish.viewer = request.query_value("login_uid");
  wish.receiver = request.query_value("uid");
  wish.client_msg_no = request.query_value("client_msg_no");
  const std::string channel_id = request.query_value("channel_id");
  const std::string channel_type = request.query_value("channel_type");
  const bool by_number = !(channel_id + channel_type + wish.client_msg_no).empty();
  const bool by_id = !request.query_value("message_id").empty();
  if (by_id && by_number) return Error(Errc::invalid, std::string(kHowToName) + ", not by both");
  if (!by_id && !by_number) return Error(Errc::invalid, std::string(kHowToName));
  const auto listed = query_number(request, "limit", kReceiversListedMax);
  if (!listed) {
    return Error(Errc::invalid, "limit must be a number of receivers, at most " +
                                    std::to_string(kReceiversListedMax));
  }
  if (!request.query_value("limit").empty()) wish.listed_max = static_cast<std::size_t>(*listed);
  if (by_id) {
    const auto id = query_number(request, "message_id", ~std::uint64_t{0});
    if (!id || *id == 0) return Error(Errc::invalid, "message_id must be the id of a message");
    wish.id = static_cast<MessageId>(*id);
    return wish;
  }
  JD_TRY(const ChannelType type, read_query_type(channel_type));
  JD_TRY(wish.channel, read_channel(wish.viewer, channel_id, type));
  if (wish.client_msg_no.empty()) return Error(Errc::invalid, "client_msg_no is required");
  return wish;
}

// ---- what the store knows -----------------------------------------------------------------------

// An item of a job.
struct JobPlace {
  std::string job;
  std::uint64_t index = 0;
};

// The item that a client_msg_no which the server has made would belong to (jobs::item_number).
std::optional<JobPlace> place_in_number(std::string_view number) {
  if (number.size() < kJobIdBytes + 2 || number[kJobIdBytes] != '-') return std::nullopt;
  JobPlace place;
  place.job = number.substr(0, kJobIdBytes);
  const std::string_view digits = number.substr(kJobIdBytes + 1);
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, place.index);
  if (!is_job_id(place.job) || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return place;
}

// One that was not stored.
struct RefusedMessage {
  ChannelKey channel;
  std::string from_uid;
  std::string client_msg_no;
  SendResult result;
  std::int64_t at_ms = 0;                // 0: that is not known, as of an item of a job
  std::optional<std::int64_t> since_ms;  // of the memory that has it; none: it is from a job
};

struct KnownMessage {
  MessageTrace trace;           // nothing, of one that was refused
  std::optional<JobPlace> job;  // whose results name the message
  std::optional<WebhookRecord> told;
  std::optional<RefusedMessage> refused;
};

// The channel that the log belongs to.
ChannelKey channel_of(const MessageTrace& trace) {
  if (trace.message) return trace.message->channel;
  ChannelKey channel = trace.log;
  if (channel.id.ends_with(kCommandSuffix)) {
    channel.id.resize(channel.id.size() - kCommandSuffix.size());
  }
  return channel;
}

// As which a message to the channel may have been refused, the settled one first: before the
// channel of an agent and a user was there, or before a partition had looked, it was as whoever
// wrote named it.
std::vector<ChannelKey> channels_of_refused(const ChannelKey& channel) {
  std::vector<ChannelKey> channels{channel};
  if (channel.type != ChannelType::agent) return channels;
  const auto [first, second] = split_pair_id(channel.id);
  channels.emplace_back(std::string(second) + '@' + std::string(first), channel.type);
  return channels;
}

// What the results of the job say that the number would be of, if the message was refused. Blocks.
// Errors: storage.
Result<std::optional<RefusedMessage>> load_refused_item(const ApiDeps& deps, const TraceWish& wish,
                                                        const JobPlace& place) {
  using Found = std::optional<RefusedMessage>;
  JD_TRY(const auto chunk, deps.jobs.load_chunk(place.job, place.index));
  if (!chunk || place.index < chunk->first) return Found();
  const std::uint64_t at = place.index - chunk->first;
  if (at >= chunk->items.size()) return Found();
  const JobItem& item = chunk->items[at];
  const JobResult& result = chunk->results[at];
  const auto channels = channels_of_refused(wish.channel);
  const bool is_it = !item.refusal && !item.message.idempotent &&
                     std::ranges::find(channels, item.message.channel) != channels.end() &&
                     result.state == JobResult::State::refused;
  if (!is_it) return Found();
  RefusedMessage refused;
  refused.channel = item.message.channel;
  refused.from_uid = item.message.from_uid;
  refused.client_msg_no = wish.client_msg_no;
  refused.result = jobs::send_result_of(result);
  return Found(std::move(refused));
}

// A message that is named by its number and was not stored. Empty: nothing is known of it. Blocks.
// Errors: storage.
Result<std::optional<KnownMessage>> load_refused(const ApiDeps& deps, const TraceWish& wish) {
  KnownMessage known;
  if (const auto place = place_in_number(wish.client_msg_no)) {
    JD_TRY(known.refused, load_refused_item(deps, wish, *place));
    if (known.refused) known.job = place;
  }
  if (deps.refusals != nullptr && !known.refused) {
    std::optional<partition::Refusal> remembered;
    for (const ChannelKey& channel : channels_of_refused(wish.channel)) {
      auto found = deps.refusals->find(channel, wish.client_msg_no);
      if (found && (!remembered || found->at_ms > remembered->at_ms)) remembered = std::move(found);
    }
    if (remembered) {
      RefusedMessage& refused = known.refused.emplace();
      refused.channel = remembered->channel;
      refused.from_uid = remembered->from_uid;
      refused.client_msg_no = remembered->client_msg_no;
      refused.result = jobs::send_result_of(remembered->result);
      refused.at_ms = remembered->at_ms;
      refused.since_ms = deps.refusals->since_ms();
    }
  }
  if (!known.refused) return std::optional<KnownMessage>();
  // It is nobody's business but its sender's.
  if (!wish.viewer.empty() && wish.viewer != known.refused->from_uid) {
    return std::optional<KnownMessage>();
  }
  return std::optional<KnownMessage>(std::move(known));
}

// Blocks. Errors: not_found, denied, storage.
Result<KnownMessage> load_known(const ApiDeps& deps, TraceWish wish) {
  const Error unknown(Errc::not_found,
                      "nothing is known of such a message: it never was, or it was removed longer "
                      "ago than repeats are recognised (api.idempotencyWindow), or it had "
                      "no_persist and no client_msg_no of its own, or it was refused longer ago "
                      "than that is remembered (core.refusalRecordBytes, core.refusalRecordKeep)");
  std::optional<MessageTrace> found;
  if (wish.id) {
    JD_TRY(found, deps.history.load_trace(*wish.id));
  } else {
    JD_TRY(wish.channel, load_settled_channel(deps.history, std::move(wish.channel)));
    JD_RETURN_IF_ERROR(check_reader(deps.records, wish.channel, wish.viewer, wish.strict));
    JD_TRY(found,
           deps.history.load_trace_by_client_msg_no(wish.channel, wish.client_msg_no, wish.viewer));
  }
  if (!found && !wish.id) {
    JD_TRY(auto refused, load_refused(deps, wish));
    if (refused) return std::move(*refused);
  }
  if (!found) return unknown;
  JD_RETURN_IF_ERROR(check_reader(deps.records, channel_of(*found), wish.viewer, wish.strict));
  // What was sent to some of a channel's users only is nobody else's business.
  if (found->message && !found->message->visible_to(wish.viewer)) return unknown;
  KnownMessage known;
  known.trace = std::move(*found);
  if (deps.webhook_told) known.told = deps.webhook_told(known.trace.id);
  const auto place = place_in_number(known.trace.message ? known.trace.message->client_msg_no
                                                         : wish.client_msg_no);
  if (!place) return known;
  JD_TRY(const auto chunk, deps.jobs.load_results(place->job, place->index));
  if (!chunk || place->index < chunk->first) return known;
  const std::uint64_t at = place->index - chunk->first;
  if (at < chunk->results.size() && chunk->results[at].message_id == known.trace.id) {
    known.job = place;
  }
  return known;
}

// ---- who receives it ----------------------------------------------------------------------------

struct TracedReceiver {
  std::string uid;
  std::vector<DeviceFlag> devices;  // that are online here
  bool read = false;
};

struct TracedReceivers {
  std::size_t count = 0;
  std::optional<std::size_t> online;   // none: too many to be asked for
  std::vector<TracedReceiver> listed;  // ascending by uid
  std::string problem;                 // why nothing is known of them
};

// Their uids, each once; views into both.
std::vector<std::string_view> uids_of(const partition::Recipients& recipients,
                                      const Message& message) {
  std::vector<std::string_view> uids;
  const auto consider = [&](const std::string& uid) {
    if (uid == message.from_uid) return;
    if (recipients.excluded && recipients.excluded->contains(uid)) return;
    uids.push_back(uid);
  };
  if (message.subscribers.empty()) {
    if (recipients.subscribers) {
      for (const std::string& uid : *recipients.subscribers) consider(uid);
    }
    for (const std::string& uid : recipients.listed) {
      if (recipients.subscribers == nullptr || !recipients.subscribers->contains(uid))
        consider(uid);
    }
  } else {
    for (const std::string& uid : message.subscribers) consider(uid);
  }
  return uids;
}

// Blocks. Errors: storage.
Result<TracedReceivers> load_traced_receivers(const ApiDeps& deps,
                                              const partition::Recipients& recipients,
                                              const Message& message, const TraceWish& wish) {
  std::vector<std::string_view> uids = uids_of(recipients, message);
  TracedReceivers found;
  found.count = uids.size();
  if (deps.online_flags && uids.size() <= kReceiversAskedMax) {
    found.online = std::ranges::count_if(
        uids, [&](std::string_view uid) { return !deps.online_flags(uid).empty(); });
  }
  if (!wish.receiver.empty()) {
    std::erase_if(uids, [&](std::string_view uid) { return uid != wish.receiver; });
  }
  const std::size_t listed = std::min(uids.size(), wish.listed_max);
  std::ranges::partial_sort(uids, uids.begin() + static_cast<std::ptrdiff_t>(listed));
  const std::vector<std::string> first(uids.begin(),
                                       uids.begin() + static_cast<std::ptrdiff_t>(listed));
  JD_TRY(const std::vector<std::uint64_t> read_to, deps.history.load_read_to(message, first));
  for (std::size_t i = 0; i < first.size(); ++i) {
    TracedReceiver& receiver = found.listed.emplace_back();
    receiver.uid = first[i];
    if (deps.online_flags) receiver.devices = deps.online_flags(first[i]);
    receiver.read = read_to[i] >= raw(message.seq);
  }
  return found;
}

// Of a message that can be read. Errors: storage, overloaded.
Task<Result<TracedReceivers>> survey_receivers(Services& services, Request& request,
                                               const Message& message, const TraceWish& wish) {
  partition::Recipients recipients;
  // A command to a list of users has no channel that could exclude any of them.
  if (!message.flags.sync_once || message.subscribers.empty()) {
    auto asked = co_await ask_recipients(services, request, message.channel);
    if (!asked) {
      TracedReceivers none;
      none.problem = asked.error().text();
      co_return Result<TracedReceivers>(std::move(none));
    }
    recipients = std::move(*asked);
  }
  auto work = [&deps = services.deps, recipients, message, wish] {
    return load_traced_receivers(deps, recipients, message, wish);
  };
  co_return co_await services.deps.blocking.run(std::move(work));
}

// ---- whom it was pushed to ----------------------------------------------------------------------

// None: nothing is remembered.
Task<std::optional<presence::PushReport>> survey_pushes(Services& services,
                                                        const MessageTrace& trace,
                                                        const TraceWish& wish) {
  if (!services.deps.collect_pushes) co_return std::nullopt;
  presence::PushQuery query;
  query.message = trace.id;
  query.committed_at = trace.committed_at;
  query.uid = wish.receiver;
  query.listed_max = wish.listed_max;
  auto begin = [&](std::function<void(presence::PushReport)> complete) {
    services.deps.collect_pushes(std::move(query), std::move(complete));
  };
  co_return co_await runtime::await_callback<presence::PushReport>(begin);
}

// ---- the answer ---------------------------------------------------------------------------------

std::string_view change_name(store::EntryKind kind) {
  switch (kind) {
    case store::EntryKind::message: return "message";
    case store::EntryKind::removal: return "delete";
    case store::EntryKind::clearing: return "clear";
    case store::EntryKind::recall: return "recall";
    case store::EntryKind::edit: return "edit";
  }
  return "unknown";
}

void write_revision(JsonWriter& json, const Revision& revision) {
  if (revision.version != 0) json.number("edit_version", revision.version);
  json.string(revision.recalled ? "recalled_by" : "edited_by", revision.operator_uid);
  json.number(revision.recalled ? "recalled_at" : "edited_at", revision.at);
}

// What its row tells, without its content.
void write_row(JsonWriter& json, const Message& message) {
  json.string("from_uid", message.from_uid);
  json.string("client_msg_no", message.client_msg_no);
  json.number("timestamp", message.timestamp);
  if (message.expire != 0) json.number("expires_at", message.expires_at());
  codec::write_moderation(json, message.moderation.get());
  if (message.revision) write_revision(json, *message.revision);
}

void write_changes(JsonWriter& json, const MessageTrace& trace) {
  json.begin_array("changes");
  for (const partition::LogChange& change : trace.changes) {
    json.begin_object();
    json.string("kind", change_name(change.kind));
    json.number("at", change.timestamp);
    json.number("change", change.number);
    json.end_object();
  }
  json.end_array();
  json.flag("changes_complete", trace.changes_complete);
}

void write_receivers(JsonWriter& json, const TracedReceivers& receivers) {
  json.begin_object("receivers");
  if (!receivers.problem.empty()) {
    json.string("error", receivers.problem);
    json.end_object();
    return;
  }
  json.number("count", receivers.count);
  if (receivers.online) json.number("online", *receivers.online);
  json.begin_array("listed");
  for (const TracedReceiver& receiver : receivers.listed) {
    json.begin_object();
    json.string("uid", receiver.uid);
    json.begin_array("device_flags");
    for (const DeviceFlag flag : receiver.devices) json.number(raw(flag));
    json.end_array();
    json.flag("read", receiver.read);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_pushed_device(JsonWriter& json, const presence::PushedDevice& device) {
  json.begin_object();
  if (!device.uid.empty()) {
    json.string("uid", device.uid);
    json.number("device_flag", raw(device.device_flag));
    json.string("device_id", device.device_id);
  }
  json.number("connection", raw(device.session));
  json.flag("connected", device.connected);
  if (device.pushed_at_ms != 0) json.number("pushed_at_ms", device.pushed_at_ms);
  json.number("repeats", device.repeats);
  if (device.acknowledged_at_ms != 0) json.number("acknowledged_at_ms", device.acknowledged_at_ms);
  json.end_object();
}

void write_pushes(JsonWriter& json, std::uint64_t node_id, const MessageTrace& trace,
                  const std::optional<presence::PushReport>& pushes, bool of_one_user) {
  json.begin_object("pushes");
  json.number("node_id", node_id);
  json.flag("remembered", pushes.has_value());
  if (pushes) {
    json.number("since_ms", pushes->since_ms);
    // All that came after the commit is there, and nobody is left out because his session is not
    // known any more.
    const bool all = trace.committed_at * 1000 >= pushes->since_ms;
    json.flag("complete", all && !(of_one_user && pushes->nameless > 0));
    json.number("devices", pushes->devices);
    json.number("acknowledged", pushes->acknowledged);
    json.begin_array("listed");
    for (const presence::PushedDevice& device : pushes->listed) write_pushed_device(json, device);
    json.end_array();
  }
  json.end_object();
}

void write_told(JsonWriter& json, const WebhookRecord& record) {
  json.number("since_ms", record.since_ms);
  json.begin_array("told");
  for (const WebhookRecord::Told& told : record.told) {
    json.begin_object();
    json.string("event", told.event);
    json.string("outcome", told.outcome);
    json.number("at_ms", told.at_ms);
    if (told.receivers != 0) json.number("receivers", told.receivers);
    json.end_object();
  }
  json.end_array();
}

void write_webhook(JsonWriter& json, const ApiDeps& deps, const KnownMessage& known) {
  const MessageTrace& trace = known.trace;
  const WebhookInterest wanted =
      deps.webhook_interest ? deps.webhook_interest(trace.log.type) : WebhookInterest();
  const store::WebhookCursorRecord reached = trace.webhook.value_or(store::WebhookCursorRecord());
  const auto state = [&trace](bool on, std::uint64_t reached_to) -> std::string_view {
    if (!on) return "off";
    return counter_of(trace.id) <= reached_to ? "passed" : "queued";
  };
  json.begin_object("webhook");
  json.string("msg_notify", state(wanted.notify, reached.notified_to));
  json.string("msg_offline", state(wanted.offline, reached.offline_to));
  const bool is_told_of = wanted.notify || wanted.offline;
  if (known.told && (is_told_of || !known.told->told.empty())) write_told(json, *known.told);
  json.end_object();
}

void write_trace(JsonWriter& json, const Services& services, const KnownMessage& known,
                 const std::optional<TracedReceivers>& receivers,
                 const std::optional<presence::PushReport>& pushes, const TraceWish& wish) {
  const MessageTrace& trace = known.trace;
  const std::string& viewer = wish.viewer;
  json.begin_object();
  json.string("state", state_name(trace.state));
  json.number("message_id", raw(trace.id));
  json.number_string("message_idstr", raw(trace.id));
  json.number("message_seq", raw(trace.seq));
  const ChannelKey channel = channel_of(trace);
  json.string("channel_id", trace.message ? shown_channel_id(*trace.message, viewer)
                                          : channel_id_for(channel, viewer));
  json.number("channel_type", raw(channel.type));
  if (trace.log.id.ends_with(kCommandSuffix)) json.number("command", 1);
  json.number("partition", raw(partition_of(trace.id)));
  json.number("committed_at", trace.committed_at);
  if (trace.message) write_row(json, *trace.message);
  if (known.job) {
    json.string("batch_id", known.job->job);
    json.number("index", known.job->index);
  }
  if (trace.seq != MessageSeq{}) {
    write_changes(json, trace);
    if (receivers) write_receivers(json, *receivers);
  }
  write_pushes(json, services.options.node_id, trace, pushes, !wish.receiver.empty());
  if (trace.seq != MessageSeq{}) write_webhook(json, services.deps, known);
  json.end_object();
}

void write_refused(JsonWriter& json, const Services& services, const KnownMessage& known,
                   const std::string& viewer) {
  const RefusedMessage& refused = *known.refused;
  json.begin_object();
  json.string("state", "refused");
  write_batch_members(json, refused.result, refused.client_msg_no);
  json.string("channel_id", channel_id_for(refused.channel, viewer));
  json.number("channel_type", raw(refused.channel.type));
  json.string("from_uid", refused.from_uid);
  if (refused.at_ms != 0) json.number("refused_at_ms", refused.at_ms);
  if (known.job) {
    json.string("batch_id", known.job->job);
    json.number("index", known.job->index);
  }
  if (refused.since_ms) {
    json.number("node_id", services.options.node_id);
    json.number("since_ms", *refused.since_ms);
  }
  json.end_object();
}

Task<void> get_trace(Services& services, Request& request, Response& response) {
  const auto wish = read_wish(services, request);
  if (!wish) {
    answer_error(response, wish.error());
    co_return;
  }
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.page_read_bytes());
  if (!room_to_read) co_return;
  // Copied: the work may outlive this call when the process stops.
  auto work = [&deps = services.deps, wanted = *wish] { return load_known(deps, wanted); };
  const auto known = co_await services.deps.blocking.run(std::move(work));
  if (!known) {
    answer_read_error(response, known.error());
    co_return;
  }
  if (known->refused) {
    JsonWriter json(response.body);
    write_refused(json, services, *known, wish->viewer);
    co_return;
  }
  const MessageTrace& trace = known->trace;
  std::optional<TracedReceivers> receivers;
  if (trace.message && trace.state != MessageTrace::State::expired) {
    auto found = co_await survey_receivers(services, request, *trace.message, *wish);
    if (!found) {
      answer_error(response, found.error());
      co_return;
    }
    receivers = std::move(*found);
  }
  const auto pushes = co_await survey_pushes(services, trace, *wish);
  JsonWriter json(response.body);
  write_trace(json, services, *known, receivers, pushes, *wish);
}

}  // namespace

std::span<const Route> trace_routes() {
  static constexpr std::array<Route, 1> routes = {{
      {Verb::get, "/message/trace", get_trace, Auth::read, "What has become of a message",
       Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
