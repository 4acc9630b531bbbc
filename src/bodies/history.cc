#include "bodies/history.h"

#include <array>

#include "bodies/rows.h"

namespace jindou::bodies {
namespace {

using enum FieldType;

constexpr std::array<std::string_view, 2> kSummaryModes = {"full", "basic"};

template <auto... To>
constexpr std::array<Field, 7> range_rows() {
  return {{
      channel_id_row<To..., &Range::channel_id>(
          "the channel; for types 1 and 11 the other user, or the internal id `a@b`"),
      channel_type_row<To..., &Range::channel_type>(),
      number_row<To..., &Range::start_message_seq>("start_message_seq",
                                                   "inclusive; 0: from the end"),
      number_row<To..., &Range::end_message_seq>(
          "end_message_seq", "exclusive, on whichever side the range ends; 0: no bound"),
      {.name = "limit",
       .type = number,
       .to = at<To..., &Range::limit>,
       .meaning = "messages, at most",
       .standard = 100,
       .cap = 10'000,
       .forgiving = true},
      number_row<To..., &Range::pull_mode>(
          "pull_mode", "1: towards newer messages; 0, or above 1: towards older ones"),
      {.name = "event_summary_mode",
       .type = word,
       .to = at<To..., &Range::event_summary_mode>,
       .meaning = "`basic`: without the snapshots in `event_meta`",
       .forgiving = true,
       .words = kSummaryModes},
  }};
}

template <auto To>
constexpr Field reader_row() {
  return {.name = "login_uid", .type = id, .to = at<To>, .meaning = "the reader", .required = true};
}

constexpr auto kRange = range_rows<>();

constexpr auto kMessageSync =
    joined(std::array{reader_row<&MessageSync::login_uid>()}, range_rows<&MessageSync::range>());

constexpr std::array kMessageSyncBatch = {
    reader_row<&MessageSyncBatch::login_uid>(),
    Field{.name = "items",
          .type = objects,
          .to = at<&MessageSyncBatch::items>,
          .meaning = "the ranges",
          .required = true,
          .entries_max = 200,
          .problem_in = at<&Range::problem>},
};

template <auto Id, auto Type, auto Reader>
constexpr std::array<Field, 3> perhaps_channel_rows() {
  return {{
      channel_id_row<Id>("look in this channel only", false),
      channel_type_row<Type>("needed with `channel_id`", false),
      {.name = "login_uid", .to = at<Reader>, .meaning = "the reader; needed for type 1"},
  }};
}

constexpr auto kLookUpMessages =
    joined(std::array{Field{.name = "message_ids",
                            .type = message_ids,
                            .to = at<&LookUpMessages::message_ids>,
                            .meaning = "required without a channel"}},
           perhaps_channel_rows<&LookUpMessages::channel_id, &LookUpMessages::channel_type,
                                &LookUpMessages::login_uid>(),
           std::array{
               Field{.name = "message_seqs",
                     .type = seqs,
                     .to = at<&LookUpMessages::message_seqs>,
                     .meaning = "in the channel; without one they have no effect"},
               Field{.name = "client_msg_nos",
                     .type = texts,
                     .to = at<&LookUpMessages::client_msg_nos>,
                     .meaning = "in the channel; without one they have no effect"},
           });

constexpr auto kLookUpMessage = joined(
    std::array{
        Field{.name = "message_id",
              .type = message_id,
              .to = at<&LookUpMessage::message_id>,
              .meaning = "looked for in all channels unless one is given"},
        Field{.name = "client_msg_no",
              .to = at<&LookUpMessage::client_msg_no>,
              .meaning = "instead of `message_id`; needs a channel"},
    },
    perhaps_channel_rows<&LookUpMessage::channel_id, &LookUpMessage::channel_type,
                         &LookUpMessage::login_uid>());

constexpr std::array kCommandSync = {
    uid_row<&CommandSync::uid>(),
    Field{.name = "message_seq", .type = number, .meaning = "accepted, without effect"},
    Field{.name = "limit",
          .type = number,
          .to = at<&CommandSync::limit>,
          .meaning = "commands, at most",
          .standard = 200,
          .cap = 10'000},
};

constexpr std::array kCommandSyncAck = {
    uid_row<&CommandSyncAck::uid>(),
    Field{.name = "last_message_seq",
          .type = number,
          .meaning = "what the client has processed; only has to be there",
          .required = true},
};

constexpr std::array kCommandBinding = {
    uid_row<&CommandBinding::uid>(),
    channel_id_row<&CommandBinding::channel_id>(),
    channel_type_row<&CommandBinding::channel_type>(),
};

constexpr std::array kRangePaths = {PathBody{"/channel/messagesync", kMessageSync}};
constexpr std::array kRangeBatchPaths = {PathBody{"/channel/messagesyncbatch", kMessageSyncBatch}};

constexpr std::array kLookUpPaths = {
    PathBody{"/messages", kLookUpMessages},
    PathBody{"/message", kLookUpMessage},
};

constexpr std::array kCommandPaths = {
    PathBody{"/message/sync", kCommandSync},
    PathBody{"/message/syncack", kCommandSyncAck},
    PathBody{"/message/cmd/bind", kCommandBinding},
    PathBody{"/message/cmd/unbind", kCommandBinding},
};

}  // namespace

Fields<Range> Range::fields() { return kTable<Range, kRange>; }
Fields<MessageSync> MessageSync::fields() { return kTable<MessageSync, kMessageSync>; }
Fields<MessageSyncBatch> MessageSyncBatch::fields() {
  return kTable<MessageSyncBatch, kMessageSyncBatch>;
}
Fields<LookUpMessages> LookUpMessages::fields() { return kTable<LookUpMessages, kLookUpMessages>; }
Fields<LookUpMessage> LookUpMessage::fields() { return kTable<LookUpMessage, kLookUpMessage>; }
Fields<CommandSync> CommandSync::fields() { return kTable<CommandSync, kCommandSync>; }
Fields<CommandSyncAck> CommandSyncAck::fields() { return kTable<CommandSyncAck, kCommandSyncAck>; }
Fields<CommandBinding> CommandBinding::fields() { return kTable<CommandBinding, kCommandBinding>; }

std::span<const PathBody> range_bodies() { return kRangePaths; }
std::span<const PathBody> range_batch_bodies() { return kRangeBatchPaths; }
std::span<const PathBody> look_up_bodies() { return kLookUpPaths; }
std::span<const PathBody> command_bodies() { return kCommandPaths; }

}  // namespace jindou::bodies
