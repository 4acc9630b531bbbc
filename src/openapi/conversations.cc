// A user's list of chats.
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

Operation sync(std::string_view path, std::string description) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::conversations,
      .description = std::move(description),
      .example = R"({"uid":"u1","msg_count":1})",
      .answer = array(ref("Conversation"), "Newest first."),
  };
}

Operation sync_messages() {
  return {
      .method = Verb::post,
      .path = "/conversation/syncMessages",
      .tag = Tag::conversations,
      .description = "Messages of several channels at once.",
      .example = R"({"uid":"u1","channels":[{"channel_id":"group1","channel_type":2,)"
                 R"("last_msg_seq":0}],"msg_count":5,"order_by_last":1})",
      .answer = array(
          object({need("channel_id", text("As in the request.")),
                  need("channel_type", channel_type()), need("messages", array(ref("Message"))),
                  need("user_last_msg_seq", integer("Of the newest message the user "
                                                    "sent."))})),
  };
}

Operation channels() {
  return {
      .method = Verb::post,
      .path = "/conversation/channels",
      .tag = Tag::conversations,
      .description = "The channels of the user's conversations.",
      .example = R"({"uid":"u1"})",
      .answer = array(object({need("channel_id", text("The other user for type 1.")),
                              need("channel_type", channel_type()),
                              need("internal_id", text("As stored: a@b for type 1."))})),
  };
}

Operation sync_by_channels() {
  return {
      .method = Verb::post,
      .path = "/conversation/syncByChannels",
      .tag = Tag::conversations,
      .description =
          "One entry for each channel of the request, in that order; zeros where there "
          "is no conversation.",
      .example = R"({"uid":"u1","channels":[{"channel_id":"u2","channel_type":1}],"msg_count":1})",
      .answer = array(ref("Conversation")),
  };
}

Operation conversation_change(std::string_view path, std::string description, std::string example) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::conversations,
      .description = std::move(description),
      .example = std::move(example),
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
  };
}

}  // namespace

std::vector<Operation> conversation_operations() {
  const std::string place = R"({"uid":"u2","channel_id":"u1","channel_type":1})";
  const std::string unread = R"({"uid":"u2","channel_id":"u1","channel_type":1,"unread":1})";
  std::vector<Operation> out;
  out.push_back(sync("/conversation/sync",
                     "Unread counts, read positions and the newest messages, computed when asked "
                     "for."));
  out.push_back(sync("/conversations/sync", "The same as /conversation/sync."));
  out.push_back(sync_messages());
  out.push_back(channels());
  out.push_back(sync_by_channels());
  for (const std::string_view path : {"/conversations/setUnread", "/conversation/setUnread"}) {
    out.push_back(conversation_change(
        path, "Shows exactly that many messages as unread; 0 marks all read.", unread));
  }
  for (const std::string_view path : {"/conversations/clearUnread", "/conversation/clearUnread"}) {
    out.push_back(conversation_change(path, "Never moves the read position back.", place));
  }
  for (const std::string_view path : {"/conversations/delete", "/conversation/delete"}) {
    out.push_back(
        conversation_change(path,
                            "Hides the conversation until a newer message comes; its messages stay "
                            "readable.",
                            place));
  }
  out.push_back(conversation_change(
      "/conversations/activate",
      "For when the user opens it. Shown from then on also without messages, until "
      "it is deleted.",
      place));
  out.back().others = {{404, "The user has no conversation with the channel.", {}}};
  return out;
}

}  // namespace jindou::openapi
