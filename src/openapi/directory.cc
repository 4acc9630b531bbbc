// A user's conversations page by page.
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

std::string keys(std::string_view description) {
  return array(object({need("channel_id", text("The other user for type 1.")),
                       need("channel_type", channel_type())}),
               description);
}

std::string last_message() {
  return object({need("message_id", integer("Of the message.")),
                 need("message_idstr", text("The same as text.")),
                 need("message_seq", integer("In its channel.")),
                 need("from_uid", text("Who sent it; empty: the system.")),
                 need("client_msg_no", text("As the sender numbered it.")),
                 need("server_timestamp_ms", integer("When it was sent, milliseconds.")),
                 need("payload", base64("What was sent."))},
                "The newest message the user can read.");
}

std::string page() {
  const std::string entry = object(
      {need("channel_id", text("The other user for type 1.")), need("channel_type", channel_type()),
       need("active_at", integer("When the user last opened it, nanoseconds; 0: never.")),
       need("read_seq", integer("Read up to here.")),
       need("deleted_to_seq", integer("Deleted up to here.")),
       need("unread", integer("Unread messages.")),
       need("last_message", nullable(last_message()))});
  return object(
      {need("conversations", array(entry)),
       need("deletes", keys("Gone; nothing happens to those "
                            "the client does not have.")),
       need("unresolved", keys("For POST /conversation/retry.")),
       may("next_cursor", text("For the next page.")),
       need("done", boolean("The pass is complete.")),
       need("coverage", integer("For completed_coverage, once done; nanoseconds.")),
       need("tombstones_retained_since",
            integer("Deletions up to here may have been forgotten; nanoseconds.")),
       need("reset_required", boolean("completed_coverage is older than that: keep only what this "
                                      "pass brings."))});
}

Operation channel_list() {
  return {
      .method = Verb::post,
      .path = "/conversation/list",
      .tag = Tag::conversations,
      .description =
          "What the user opened last comes first, then by id and type. Ask with "
          "next_cursor until done; then keep coverage, for the next pass.",
      .example = R"({"uid":"u2","limit":10})",
      .answer = page(),
  };
}

Operation retry() {
  return {
      .method = Verb::post,
      .path = "/conversation/retry",
      .tag = Tag::conversations,
      .description =
          "An answer like that of /conversation/list for these channels alone; coverage "
          "is 0. What the user has no conversation with is among the deletes.",
      .example = R"({"uid":"u2","channels":[{"channel_id":"u1","channel_type":1}]})",
      .answer = page(),
  };
}

}  // namespace

std::vector<Operation> directory_operations() { return {channel_list(), retry()}; }

}  // namespace jindou::openapi
