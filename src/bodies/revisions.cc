#include "bodies/revisions.h"

#include <array>

#include "bodies/rows.h"

namespace jindou::bodies {
namespace {

using enum FieldType;

template <auto To>
constexpr std::array<Field, 6> message_place_rows() {
  return {{
      {.name = "message_id",
       .type = message_id,
       .to = at<To, &MessagePlace::message_id>,
       .meaning = "the message; or a channel with one of the two below"},
      channel_id_row<To, &MessagePlace::channel_id>(
          "its channel; for type 1 the other user, or the internal id", false),
      channel_type_row<To, &MessagePlace::channel_type>("needed with `channel_id`", false),
      {.name = "login_uid",
       .to = at<To, &MessagePlace::login_uid>,
       .meaning = "one of the two users, for types 1 and 11; `operator_uid` unless given"},
      number_row<To, &MessagePlace::message_seq>("message_seq", "its position in the channel"),
      {.name = "client_msg_no",
       .to = at<To, &MessagePlace::client_msg_no>,
       .meaning = "its sender's key; the first one in the channel that has it"},
  }};
}

template <auto To>
constexpr Field operator_row() {
  return {.name = "operator_uid",
          .to = at<To>,
          .meaning = "who does it: kept with the message and told to clients; not checked",
          .bytes_max = kIdBytesMax};
}

constexpr auto kRecallMessage = joined(message_place_rows<&RecallMessage::place>(),
                                       std::array{operator_row<&RecallMessage::operator_uid>()});

constexpr auto kEditMessage =
    joined(message_place_rows<&EditMessage::place>(),
           std::array{
               Field{.name = "payload",
                     .type = payload,
                     .to = at<&EditMessage::payload>,
                     .meaning = "the new content",
                     .required = true},
               Field{.name = "if_version",
                     .type = number,
                     .to = at<&EditMessage::if_version>,
                     .meaning = "edit only what has this `edit_version`; 0: was never edited"},
               operator_row<&EditMessage::operator_uid>(),
           });

constexpr std::array kRecallBatch{operator_row<&RecallBatch::operator_uid>()};

constexpr std::array kEditBatch{
    Field{.name = "payload",
          .type = payload,
          .to = at<&EditBatch::payload>,
          .meaning = "the new content of all of them",
          .required = true},
    operator_row<&EditBatch::operator_uid>(),
};

constexpr std::array kBatchPaths = {
    PathBody{"/batches/{id}/recall", kRecallBatch},
    PathBody{"/batches/{id}/edit", kEditBatch},
};

constexpr std::array kRevisionPaths = {
    PathBody{"/message/recall", kRecallMessage},
    PathBody{"/message/edit", kEditMessage},
};

}  // namespace

Fields<RecallMessage> RecallMessage::fields() { return kTable<RecallMessage, kRecallMessage>; }
Fields<EditMessage> EditMessage::fields() { return kTable<EditMessage, kEditMessage>; }

Fields<RecallBatch> RecallBatch::fields() { return kTable<RecallBatch, kRecallBatch>; }
Fields<EditBatch> EditBatch::fields() { return kTable<EditBatch, kEditBatch>; }

std::span<const PathBody> revision_bodies() { return kRevisionPaths; }
std::span<const PathBody> batch_revision_bodies() { return kBatchPaths; }

}  // namespace jindou::bodies
