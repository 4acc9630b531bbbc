#include "bodies/imports.h"

#include <array>
#include <limits>

#include "bodies/rows.h"
#include "model/id_rules.h"

namespace jindou::bodies {
namespace {

using enum FieldType;

// Seqs have 32 bits on the wire, and so has `expire`.
constexpr std::uint64_t kMost32 = std::numeric_limits<std::uint32_t>::max();
// Ten digits of seconds.
constexpr std::uint64_t kTimestampMax = 9'999'999'999;
// Of one request, which is one commit.
constexpr std::size_t kImportedMax = 1000;

constexpr std::array kImportedHeader = {
    flag_row<&ImportedMessage::Header::red_dot>("red_dot", "1: clients count it as unread"),
};

constexpr std::array kImportedMessage = {
    Field{.name = "message_id",
          .type = message_id,
          .to = at<&ImportedMessage::message_id>,
          .meaning = "its id, from 2^53 to 2^63 - 1: smaller ones are this server's own",
          .required = true},
    Field{.name = "message_seq",
          .type = number,
          .to = at<&ImportedMessage::message_seq>,
          .meaning = "behind that of the message before it; what is left out counts as deleted",
          .required = true,
          .most = kMost32},
    Field{.name = "from_uid",
          .to = at<&ImportedMessage::from_uid>,
          .meaning = "the sender; none: the system account",
          .bytes_max = kIdBytesMax},
    label_row<&ImportedMessage::client_msg_no>("client_msg_no", "the sender's key", false),
    Field{.name = "timestamp",
          .type = number,
          .to = at<&ImportedMessage::timestamp>,
          .meaning = "when it was sent, in seconds; one to come counts as now",
          .most = kTimestampMax},
    Field{.name = "header",
          .type = object,
          .to = at<&ImportedMessage::header>,
          .meaning = "its flags; none of the others counts"},
    Field{.name = "setting",
          .type = number,
          .to = at<&ImportedMessage::setting>,
          .meaning = "as that of the message object; the bit of streams does not count",
          .most = 255},
    label_row<&ImportedMessage::topic>("topic", "its topic", false),
    Field{.name = "expire",
          .type = number,
          .to = at<&ImportedMessage::expire>,
          .meaning = "seconds after `timestamp`; 0: never",
          .most = kMost32},
    Field{.name = "payload",
          .type = base64,
          .to = at<&ImportedMessage::payload>,
          .meaning = "its content",
          .required = true},
};

constexpr std::array kImportMessages = {
    channel_id_row<&ImportMessages::channel_id>("the channel; for types 1 and 11 the internal id"),
    channel_type_row<&ImportMessages::channel_type>(),
    Field{.name = "after_seq",
          .type = number,
          .to = at<&ImportMessages::after_seq>,
          .meaning = "the last `message_seq` that the channel has; 0: it has none",
          .most = kMost32},
    Field{.name = "after_id",
          .type = message_id,
          .to = at<&ImportMessages::after_id>,
          .meaning = "the `message_id` of that message; never one without the other"},
    Field{.name = "messages",
          .type = objects,
          .to = at<&ImportMessages::messages>,
          .meaning = "message objects of WuKongIM; all of them or none",
          .required = true,
          .entries_max = kImportedMax},
};

constexpr std::array kImportPaths = {PathBody{"/import/messages", kImportMessages}};

}  // namespace

Fields<ImportedMessage::Header> ImportedMessage::Header::fields() {
  return kTable<ImportedMessage::Header, kImportedHeader>;
}
Fields<ImportedMessage> ImportedMessage::fields() {
  return kTable<ImportedMessage, kImportedMessage>;
}
Fields<ImportMessages> ImportMessages::fields() { return kTable<ImportMessages, kImportMessages>; }

std::span<const PathBody> import_bodies() { return kImportPaths; }

}  // namespace jindou::bodies
