#include "bodies/events.h"

#include <array>
#include <limits>

#include "bodies/rows.h"
#include "model/message_event.h"

namespace jindou::bodies {
namespace {

using enum FieldType;

// Times are signed where they are kept.
constexpr std::uint64_t kLatestStamp = std::numeric_limits<std::int64_t>::max();

constexpr std::array kVisibilities = {
    visibility_name(Visibility::everybody),
    visibility_name(Visibility::author_only),
    visibility_name(Visibility::restricted),
};

constexpr std::array kNewEvent = {
    channel_id_row<&NewEvent::channel_id>("as in the anchor: the other user for type 1"),
    channel_type_row<&NewEvent::channel_type>(),
    label_row<&NewEvent::client_msg_no>("client_msg_no", "of the anchor", true),
    label_row<&NewEvent::event_id>(
        "event_id", "the last one of a lane again: nothing happens, the state is answered", true),
    label_row<&NewEvent::event_type>("event_type", "lower-cased; such as `stream.delta`", true),
    label_row<&NewEvent::event_key>("event_key", "the lane; `main` unless given", false),
    Field{.name = "from_uid",
          .to = at<&NewEvent::from_uid>,
          .meaning = "the author, for the id of the channel (types 1 and 11: required); elsewhere "
                     "the sender of the anchor unless given"},
    Field{.name = "message_id", .type = message_id, .meaning = "accepted, without effect"},
    Field{.name = "visibility",
          .type = word,
          .to = at<&NewEvent::visibility>,
          .meaning = "other than `public`: shown to the anchor's author only",
          .words = kVisibilities},
    Field{.name = "occurred_at",
          .type = number,
          .to = at<&NewEvent::occurred_at>,
          .meaning = "milliseconds since 1970; now unless given",
          .most = kLatestStamp},
    Field{.name = "payload",
          .type = json,
          .to = at<&NewEvent::payload>,
          .meaning = "up to 512 KiB; what the type of the event makes of it"},
    Field{.name = "headers", .type = map, .meaning = "accepted, without effect"},
};

constexpr std::array kEventSync = {
    channel_id_row<&EventSync::channel_id>("as in the anchor"),
    channel_type_row<&EventSync::channel_type>(),
    label_row<&EventSync::client_msg_no>("client_msg_no", "of the anchor", true),
    Field{.name = "from_uid",
          .to = at<&EventSync::from_uid>,
          .meaning = "the other half of the channel; needed for types 1 and 11"},
    Field{.name = "event_key", .to = at<&EventSync::event_key>, .meaning = "this lane only"},
    number_row<&EventSync::from_msg_event_seq>("from_msg_event_seq", "later ones only"),
    Field{.name = "limit",
          .type = number,
          .to = at<&EventSync::limit>,
          .meaning = "lanes, at most",
          .standard = 200,
          .cap = 2000},
    flag_row<&EventSync::include_private>("include_private", "1: private and restricted ones too"),
};

constexpr std::string_view kAnyWriter = "the sender; blank: the system account";
constexpr std::string_view kWriterOfPersons = "the sender; required for type 1";

template <auto... To>
constexpr std::array<Field, 3> stream_channel_rows(std::string_view writer) {
  return {{
      channel_id_row<To..., &StreamChannel::channel_id>(),
      channel_type_row<To..., &StreamChannel::channel_type>(),
      {.name = "from_uid", .to = at<To..., &StreamChannel::from_uid>, .meaning = writer},
  }};
}

constexpr std::array kTextEventEvent = {
    label_row<&TextEvent::Event::type>("type", "such as `___TextMessageStart`", true),
    label_row<&TextEvent::Event::id>("id", "passed on", false),
    Field{.name = "timestamp",
          .type = number,
          .to = at<&TextEvent::Event::timestamp>,
          .meaning = "milliseconds since 1970",
          .most = kLatestStamp},
    Field{.name = "data", .to = at<&TextEvent::Event::data>, .meaning = "the text"},
};

constexpr auto kTextEvent = joined(
    std::array{label_row<&TextEvent::client_msg_no>("client_msg_no", "names the stream", true)},
    stream_channel_rows<&TextEvent::channel>(kAnyWriter),
    std::array{Field{.name = "event",
                     .type = object,
                     .to = at<&TextEvent::event>,
                     .meaning = "what is new",
                     .required = true}});

constexpr std::array kStreamHeader = {
    flag_row<&StreamHeader::red_dot>("red_dot", "1: counts as unread"),
    Field{.name = "no_persist",
          .type = flag,
          .meaning = "1 is refused",
          .refused = "a stream message is always stored"},
    Field{.name = "sync_once",
          .type = flag,
          .meaning = "1 is refused",
          .refused = "a stream message cannot be a command"},
};

template <auto... To>
constexpr std::array<Field, 6> stream_open_rows(std::string_view writer) {
  return joined(
      std::array{
          Field{.name = "header",
                .type = object,
                .to = at<To..., &StreamOpen::header>,
                .meaning = "flags of the message"},
          label_row<To..., &StreamOpen::client_msg_no>("client_msg_no", "idempotency key", false),
      },
      stream_channel_rows<To..., &StreamOpen::channel>(writer),
      std::array{Field{.name = "payload",
                       .type = payload,
                       .to = at<To..., &StreamOpen::payload>,
                       .meaning = "the content; an object or array is stored as its compact text",
                       .required = true}});
}

constexpr auto kStreamOpen = stream_open_rows<>(kAnyWriter);

constexpr auto kStreamOpenV2 = joined(
    stream_open_rows<&StreamOpenV2::stream>(kWriterOfPersons),
    std::array{flag_row<&StreamOpenV2::force>("force", "1: end a stream that is running first")});

constexpr std::array kStreamClose = {
    Field{.name = "stream_no",
          .to = at<&StreamClose::stream_no>,
          .meaning = "as answered by open",
          .required = true},
    channel_id_row<&StreamClose::channel, &StreamChannel::channel_id>(
        "where the stream is; without it the call does nothing", false),
    channel_type_row<&StreamClose::channel, &StreamChannel::channel_type>(
        "needed with `channel_id`", false),
    Field{.name = "from_uid",
          .to = at<&StreamClose::channel, &StreamChannel::from_uid>,
          .meaning = "the other half for type 1"},
};

template <auto... To>
constexpr std::array<Field, 4> stream_by_id_rows() {
  return joined(stream_channel_rows<To..., &StreamCloseV2::channel>(kWriterOfPersons),
                std::array{Field{.name = "message_id",
                                 .type = message_id,
                                 .to = at<To..., &StreamCloseV2::message_id>,
                                 .meaning = "as answered by open",
                                 .required = true}});
}

constexpr auto kStreamCloseV2 = stream_by_id_rows<>();

constexpr auto kStreamWriteV2 = joined(stream_by_id_rows<&StreamWriteV2::stream>(),
                                       std::array{
                                           Field{.name = "payload",
                                                 .type = base64,
                                                 .to = at<&StreamWriteV2::payload>,
                                                 .meaning = "text to add",
                                                 .required = true},
                                           flag_row<&StreamWriteV2::end>("end", "1: the last one"),
                                           Field{.name = "end_reason",
                                                 .type = number,
                                                 .to = at<&StreamWriteV2::end_reason>,
                                                 .meaning = "with `end`",
                                                 .most = 255},
                                       });

constexpr std::array kEventPaths = {PathBody{"/message/event", kNewEvent}};
constexpr std::array kEventSyncPaths = {PathBody{"/message/eventsync", kEventSync}};

constexpr std::array kStreamPaths = {
    PathBody{"/event", kTextEvent},
    PathBody{"/stream/open", kStreamOpen},
    PathBody{"/streammessage/start", kStreamOpen},
    PathBody{"/stream/close", kStreamClose},
    PathBody{"/streammessage/end", kStreamClose},
    PathBody{"/streamv2/open", kStreamOpenV2},
    PathBody{"/streamv2/write", kStreamWriteV2},
    PathBody{"/streamv2/close", kStreamCloseV2},
};

}  // namespace

Fields<NewEvent> NewEvent::fields() { return kTable<NewEvent, kNewEvent>; }
Fields<EventSync> EventSync::fields() { return kTable<EventSync, kEventSync>; }
Fields<TextEvent::Event> TextEvent::Event::fields() {
  return kTable<TextEvent::Event, kTextEventEvent>;
}
Fields<TextEvent> TextEvent::fields() { return kTable<TextEvent, kTextEvent>; }
Fields<StreamHeader> StreamHeader::fields() { return kTable<StreamHeader, kStreamHeader>; }
Fields<StreamOpen> StreamOpen::fields() { return kTable<StreamOpen, kStreamOpen>; }
Fields<StreamOpenV2> StreamOpenV2::fields() { return kTable<StreamOpenV2, kStreamOpenV2>; }
Fields<StreamClose> StreamClose::fields() { return kTable<StreamClose, kStreamClose>; }
Fields<StreamCloseV2> StreamCloseV2::fields() { return kTable<StreamCloseV2, kStreamCloseV2>; }
Fields<StreamWriteV2> StreamWriteV2::fields() { return kTable<StreamWriteV2, kStreamWriteV2>; }

std::span<const PathBody> event_bodies() { return kEventPaths; }
std::span<const PathBody> event_sync_bodies() { return kEventSyncPaths; }
std::span<const PathBody> stream_bodies() { return kStreamPaths; }

}  // namespace jindou::bodies
