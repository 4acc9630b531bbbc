#include "api/history_routes.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/loaded_answers.h"
#include "api/reader_gate.h"
#include "api/reading.h"
#include "bodies/history.h"
#include "bodies/read.h"
#include "http/query.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;
using codec::EventDetail;
using codec::JsonWriter;
using partition::RangePage;
using partition::RangeQuery;

// The members of a page without its braces.
void write_page(JsonWriter& json, std::uint64_t start_seq, std::uint64_t end_seq, bool more,
                const EventfulMessages& list, std::string_view viewer,
                EventDetail detail = EventDetail::full) {
  json.number("start_message_seq", start_seq);
  json.number("end_message_seq", end_seq);
  json.flag("more", more);
  json.begin_array("messages");
  write_all(json, list, viewer, detail);
  json.end_array();
}

// One range as the caller asked for it.
struct RangeRequest {
  RangeQuery query;
  std::string channel_id;
  ChannelType type = ChannelType::none;
  EventDetail detail = EventDetail::full;
};

// Everything but login_uid, which is in query.viewer already. Errors: invalid.
Result<void> take_range(bodies::Range given, RangeRequest& range) {
  RangeQuery& query = range.query;
  range.channel_id = std::move(given.channel_id);
  range.type = given.channel_type;
  query.start_seq = given.start_message_seq;
  query.end_seq = given.end_message_seq;
  query.limit = static_cast<std::int64_t>(given.limit);
  query.towards_newer = given.pull_mode == 1;
  if (given.event_summary_mode == "basic") range.detail = EventDetail::basic;
  if (!given.problem.empty()) return Error(Errc::invalid, std::move(given.problem));
  JD_TRY(query.channel, read_channel(query.viewer, range.channel_id, range.type));
  return {};
}

struct EventfulPage {
  EventfulMessages list;
  bool more = false;
  std::size_t bytes = 0;
};

// Blocks.
Result<EventfulPage> load_page(const ApiDeps& deps, RangeQuery query, bool strict,
                               std::size_t bytes_max) {
  JD_TRY(query.channel, load_settled_channel(deps.history, std::move(query.channel)));
  JD_RETURN_IF_ERROR(check_reader(deps.records, query.channel, query.viewer, strict));
  query.bytes_max = bytes_max;
  JD_TRY(RangePage range, deps.history.load_range(query));
  EventfulPage page;
  AnswerRoom room(bytes_max, bytes_max);
  const Keep keep = range.forward ? Keep::first : Keep::last;
  JD_TRY(page.list, add_events(deps.history, std::move(range.messages), room, keep));
  page.more = range.more || page.list.cut;
  page.bytes = room.used();
  return page;
}

Task<void> post_messagesync(Services& services, Request& request, Response& response) {
  RangeRequest range;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::MessageSync>(body);
    range.query.viewer = std::move(given.login_uid);
    given.range.problem = body.problem();
    if (const auto taken = take_range(std::move(given.range), range); !taken) {
      answer_error(response, taken.error());
      co_return;
    }
  }
  const RangeQuery& query = range.query;
  const auto allowed = co_await check_own_channel(services, request, query.channel);
  if (!allowed) {
    answer_read_error(response, allowed.error());
    co_return;
  }
  // Copied: the work may outlive this call when the process stops.
  auto work = [&deps = services.deps, query, strict = services.options.strict_read.get(),
               bytes_max = services.options.page_bytes_max] {
    return load_page(deps, query, strict, bytes_max);
  };
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.page_read_bytes());
  if (!room_to_read) co_return;
  const auto page = co_await services.deps.blocking.run(std::move(work));
  if (!page) {
    answer_read_error(response, page.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  write_page(json, query.start_seq, query.end_seq, page->more, page->list, query.viewer,
             range.detail);
  json.end_object();
}

// One entry of POST /channel/messagesyncbatch: a request, and a page or what went wrong.
struct RangeItem {
  RangeRequest range;
  EventfulPage page;
  std::string problem;
};

// False: answered.
bool read_ranges(const Request& request, std::vector<RangeItem>& items, Response& response) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::MessageSyncBatch>(body);
  if (!body.ok()) {
    answer_invalid(response, body.problem());
    return false;
  }
  for (bodies::Range& range : given.items) {
    RangeItem& item = items.emplace_back();
    item.range.query.viewer = given.login_uid;
    if (const auto taken = take_range(std::move(range), item.range); !taken) {
      item.problem = taken.error().detail();
    }
  }
  return true;
}

// Fills the pages in order; those for which the answer has no room left say so. Blocks.
Result<std::vector<RangeItem>> load_pages(const ApiDeps& deps, std::vector<RangeItem> items,
                                          bool strict, std::size_t page_bytes_max,
                                          std::size_t bytes_max) {
  std::size_t bytes = 0;
  for (RangeItem& item : items) {
    if (!item.problem.empty()) continue;
    if (bytes > bytes_max) {
      item.problem = "the answer is too large already; ask for this channel again";
      continue;
    }
    auto page = load_page(deps, item.range.query, strict, page_bytes_max);
    if (!page) {
      item.problem = page.error().detail().empty() ? page.error().text() : page.error().detail();
      continue;
    }
    bytes += page->bytes;
    item.page = std::move(*page);
  }
  return items;
}

// Those about channels that a reader with a token is not in say so.
Task<Result<void>> refuse_ranges_of_others(Services& services, Request& request,
                                           std::vector<RangeItem>& items) {
  if (request.reader == nullptr) co_return Result<void>();
  std::vector<std::size_t> places;
  std::vector<ChannelKey> channels;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].problem.empty()) continue;
    places.push_back(i);
    channels.push_back(items[i].range.query.channel);
  }
  const auto own = co_await find_own_channels(services, request, std::move(channels));
  if (!own) co_return Result<void>(own.error());
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!(*own)[i]) items[places[i]].problem = kNotOwnText;
  }
  co_return Result<void>();
}

Task<void> post_messagesyncbatch(Services& services, Request& request, Response& response) {
  std::vector<RangeItem> items;
  if (!read_ranges(request, items, response)) co_return;
  const auto looked_at = co_await refuse_ranges_of_others(services, request, items);
  if (!looked_at) {
    answer_error(response, looked_at.error());
    co_return;
  }
  auto work = [&deps = services.deps, items, strict = services.options.strict_read.get(),
               page_bytes_max = services.options.page_bytes_max,
               bytes_max = services.options.answer_bytes_max] {
    return load_pages(deps, items, strict, page_bytes_max, bytes_max);
  };
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.wide_read_bytes());
  if (!room_to_read) co_return;
  const auto done = co_await load_or_answer(services, response, std::move(work));
  if (!done) co_return;
  JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("items");
  for (const RangeItem& item : *done) {
    const RangeQuery& query = item.range.query;
    json.begin_object();
    json.string("channel_id", item.range.channel_id);
    json.number("channel_type", raw(item.range.type));
    write_page(json, query.start_seq, query.end_seq, item.page.more, item.page.list, query.viewer,
               item.range.detail);
    if (!item.problem.empty()) json.string("error", item.problem);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

// The channel and the reader that a GET request names.
struct QueryPlace {
  ChannelKey channel;
  std::string viewer;
};

// Errors: invalid.
Result<QueryPlace> read_query_place(const Request& request) {
  JD_TRY(const ChannelType type, read_query_type(request.query_value("channel_type")));
  QueryPlace place;
  place.viewer = query_reader(request);
  JD_TRY(place.channel, read_channel(place.viewer, request.query_value("channel_id"), type));
  return place;
}

Task<void> get_max_message_seq(Services& services, Request& request, Response& response) {
  auto place = read_query_place(request);
  if (!place) {
    answer_error(response, place.error());
    co_return;
  }
  const auto allowed = co_await check_own_channel(services, request, place->channel);
  if (!allowed) {
    answer_read_error(response, allowed.error());
    co_return;
  }
  const auto load = [](const ApiDeps& deps, const QueryPlace& where) -> Result<MessageSeq> {
    JD_TRY(const ChannelKey settled, load_settled_channel(deps.history, where.channel));
    return deps.history.load_last_seq(settled);
  };
  const auto write = [](JsonWriter& json, const QueryPlace&, MessageSeq seq) {
    json.number("message_seq", raw(seq));
  };
  co_await answer_loaded(services, response, std::move(place), load, write);
}

Task<void> get_last_message(Services& services, Request& request, Response& response) {
  const auto place = read_query_place(request);
  if (!place) {
    answer_error(response, place.error());
    co_return;
  }
  const auto allowed = co_await check_own_channel(services, request, place->channel);
  if (!allowed) {
    answer_read_error(response, allowed.error());
    co_return;
  }
  auto work = [&deps = services.deps, where = *place,
               strict = services.options.strict_read.get()]() -> Result<std::optional<Message>> {
    JD_TRY(const ChannelKey settled, load_settled_channel(deps.history, where.channel));
    JD_RETURN_IF_ERROR(check_reader(deps.records, settled, where.viewer, strict));
    return deps.history.load_last(settled, where.viewer);
  };
  const auto last = co_await services.deps.blocking.run(std::move(work));
  if (!last) {
    answer_read_error(response, last.error());
    co_return;
  }
  if (!*last) {
    answer_error(response, 404, errc_name(Errc::not_found), "the channel has no message");
    co_return;
  }
  JsonWriter json(response.body);
  write_message(json, **last, place->viewer);
}

// What POST /messages, POST /message and GET /message/byclientmsgno ask for.
struct Lookup {
  std::optional<ChannelKey> channel;  // empty: by id alone, in all channels
  std::string viewer;
  std::vector<std::uint64_t> seqs;
  std::vector<std::uint64_t> ids;
  std::vector<std::string> client_msg_nos;
  bool strict = false;
};

// Found messages in the order seqs, ids, client numbers, each once. Blocks. Errors: storage;
// denied; too_large, when the answer would hold more than `room` has.
Result<EventfulMessages> load_all(const ApiDeps& deps, Lookup lookup, AnswerRoom room) {
  const Error too_large(Errc::too_large, "the answer is too large: ask for fewer messages");
  if (lookup.channel) {
    JD_TRY(lookup.channel, load_settled_channel(deps.history, std::move(*lookup.channel)));
    JD_RETURN_IF_ERROR(check_reader(deps.records, *lookup.channel, lookup.viewer, lookup.strict));
  }
  std::vector<Message> found;
  std::unordered_set<std::uint64_t> taken;
  AnswerRoom payloads = room;
  const auto take = [&](Result<std::optional<Message>>& loaded) {
    if (!*loaded) return;
    Message& message = **loaded;
    if (lookup.channel && message.channel != *lookup.channel) return;
    // A message that was sent to some of a channel's users only is nobody else's business.
    if (!message.visible_to(lookup.viewer) || !taken.insert(raw(message.id)).second) return;
    payloads.take(message.payload.size());
    found.push_back(std::move(message));
  };
  for (const std::uint64_t seq : lookup.seqs) {
    if (seq == 0) continue;
    if (payloads.full()) return too_large;
    auto loaded = deps.history.load_by_seq(*lookup.channel, static_cast<MessageSeq>(seq));
    if (!loaded) return std::move(loaded).error();
    take(loaded);
  }
  for (const std::uint64_t id : lookup.ids) {
    if (id == 0) continue;
    if (payloads.full()) return too_large;
    auto loaded = deps.history.load_by_id(static_cast<MessageId>(id));
    if (!loaded) return std::move(loaded).error();
    take(loaded);
  }
  for (const std::string& number : lookup.client_msg_nos) {
    if (number.empty()) continue;
    if (payloads.full()) return too_large;
    auto loaded = deps.history.load_by_client_msg_no(*lookup.channel, number, lookup.viewer);
    if (!loaded) return std::move(loaded).error();
    take(loaded);
  }
  JD_TRY(EventfulMessages list, add_events(deps.history, std::move(found), room));
  if (list.cut) return too_large;
  return list;
}

Task<Result<EventfulMessages>> look_up(Services& services, Lookup lookup) {
  lookup.strict = services.options.strict_read.get();
  const AnswerRoom room(services.options.answer_bytes_max, services.options.page_bytes_max);
  auto work = [&deps = services.deps, lookup, room] { return load_all(deps, lookup, room); };
  co_return co_await services.deps.blocking.run(std::move(work));
}

// Whether a reader with a token may look there. Errors: denied, invalid, as find_own_channels().
Task<Result<void>> check_lookup(Services& services, Request& request, const Lookup& lookup) {
  if (request.reader == nullptr) co_return Result<void>();
  if (!lookup.channel) {
    co_return Result<void>(
        Error(Errc::invalid, "channel_id and channel_type are required with a read token"));
  }
  co_return co_await check_own_channel(services, request, *lookup.channel);
}

// Answers with the one message that was looked up.
Task<void> answer_one(Services& services, Request& request, Response& response, Lookup lookup) {
  const std::string viewer = lookup.viewer;
  const auto allowed = co_await check_lookup(services, request, lookup);
  if (!allowed) {
    answer_read_error(response, allowed.error());
    co_return;
  }
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.wide_read_bytes());
  if (!room_to_read) co_return;
  const auto found = co_await look_up(services, std::move(lookup));
  if (!found) {
    answer_read_error(response, found.error());
    co_return;
  }
  if (found->messages.empty()) {
    answer_error(response, 404, errc_name(Errc::not_found), "message not found");
    co_return;
  }
  const MessageEvents events = found->events.empty() ? MessageEvents() : found->events.front();
  JsonWriter json(response.body);
  write_eventful(json, found->messages.front(), events, viewer, EventDetail::full);
}

// Where to look, as `Body` says it. Errors: invalid.
template <class Body>
Result<void> take_place(const Body& given, Lookup& lookup) {
  lookup.viewer = given.login_uid;
  if (is_blank(given.channel_id)) return {};
  JD_TRY(lookup.channel, read_channel(given.login_uid, given.channel_id, given.channel_type));
  return {};
}

Result<Lookup> read_messages_body(const Services& services, const Request& request) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::LookUpMessages>(body);
  if (!body.ok()) return Error(Errc::invalid, body.problem());
  Lookup lookup;
  JD_RETURN_IF_ERROR(take_place(given, lookup));
  lookup.ids = std::move(given.message_ids);
  if (lookup.channel) {
    lookup.seqs = std::move(given.message_seqs);
    lookup.client_msg_nos = std::move(given.client_msg_nos);
  } else if (lookup.ids.empty()) {
    return Error(Errc::invalid, "message_ids is required");
  }
  const std::size_t selectors =
      lookup.ids.size() + lookup.seqs.size() + lookup.client_msg_nos.size();
  if (selectors > services.options.lookups_max) {
    return Error(Errc::invalid, "at most " + std::to_string(services.options.lookups_max) +
                                    " messages can be looked up at once");
  }
  return lookup;
}

Task<void> post_messages(Services& services, Request& request, Response& response) {
  auto lookup = read_messages_body(services, request);
  if (!lookup) {
    answer_error(response, lookup.error());
    co_return;
  }
  const auto allowed = co_await check_lookup(services, request, *lookup);
  if (!allowed) {
    answer_read_error(response, allowed.error());
    co_return;
  }
  const bool in_channel = lookup->channel.has_value();
  const std::string viewer = lookup->viewer;
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.wide_read_bytes());
  if (!room_to_read) co_return;
  const auto found = co_await look_up(services, std::move(*lookup));
  if (!found) {
    answer_read_error(response, found.error());
    co_return;
  }
  if (!in_channel && found->messages.empty()) {
    answer_error(response, 404, errc_name(Errc::not_found), "none of the messages was found");
    co_return;
  }
  JsonWriter json(response.body);
  if (in_channel) {
    json.begin_object();
    write_page(json, 0, 0, false, *found, viewer);
    json.end_object();
  } else {
    json.begin_array();
    write_all(json, *found, viewer);
    json.end_array();
  }
}

Result<Lookup> read_message_body(const Request& request) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::LookUpMessage>(body);
  if (!body.ok()) return Error(Errc::invalid, body.problem());
  Lookup lookup;
  JD_RETURN_IF_ERROR(take_place(given, lookup));
  if (given.message_id != 0) {
    lookup.ids.push_back(given.message_id);
  } else if (given.client_msg_no.empty()) {
    return Error(Errc::invalid, "message_id or client_msg_no is required");
  } else if (!lookup.channel) {
    return Error(Errc::invalid, "client_msg_no needs channel_id and channel_type");
  } else {
    lookup.client_msg_nos.push_back(std::move(given.client_msg_no));
  }
  return lookup;
}

Task<void> post_message(Services& services, Request& request, Response& response) {
  auto lookup = read_message_body(request);
  if (!lookup) {
    answer_error(response, lookup.error());
    co_return;
  }
  co_await answer_one(services, request, response, std::move(*lookup));
}

Task<void> get_message_by_client_msg_no(Services& services, Request& request, Response& response) {
  auto place = read_query_place(request);
  if (!place) {
    answer_error(response, place.error());
    co_return;
  }
  std::string number = request.query_value("client_msg_no");
  if (number.empty()) {
    answer_invalid(response, "client_msg_no is required");
    co_return;
  }
  Lookup lookup;
  lookup.channel = std::move(place->channel);
  lookup.viewer = std::move(place->viewer);
  lookup.client_msg_nos.push_back(std::move(number));
  co_await answer_one(services, request, response, std::move(lookup));
}

}  // namespace

std::span<const Route> history_routes() {
  static constexpr std::array<Route, 7> routes = {{
      {Verb::post, "/channel/messagesync", post_messagesync, Auth::read_own,
       "Reads a range of a channel's messages"},
      {Verb::post, "/channel/messagesyncbatch", post_messagesyncbatch, Auth::read_own,
       "Reads ranges of several channels"},
      {Verb::get, "/channel/max_message_seq", get_max_message_seq, Auth::read_own,
       "The last message_seq of a channel"},
      {Verb::get, "/channel/last_message", get_last_message, Auth::read_own,
       "The newest message of a channel"},
      {Verb::post, "/messages", post_messages, Auth::read_own, "Looks up several messages"},
      {Verb::post, "/message", post_message, Auth::read_own, "Looks up one message"},
      {Verb::get, "/message/byclientmsgno", get_message_by_client_msg_no, Auth::read_own,
       "Looks up one message by its client_msg_no"},
  }};
  return routes;
}

}  // namespace jindou::api
