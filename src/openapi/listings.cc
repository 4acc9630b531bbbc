// What was written, read back page by page.
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

constexpr const char* kPageText =
    "With `next_cursor` as `cursor`, and the same query otherwise, comes the next page; without it "
    "this was the last one. What is there all the time is on one page of a walk. A page may have "
    "fewer entries than `limit` and still not be the last.";

std::vector<Parameter> list_query(std::int64_t most, std::string_view what) {
  std::vector<Parameter> query = page_query(100, most);
  query.insert(query.begin(), {"prefix", text(""), std::string(what), {}});
  return query;
}

std::vector<Parameter> stored_channel_query() {
  return {{"channel_id", text(""),
           "The channel; for types 1 and 11 the internal id of a conversation; for type 1 also a "
           "user, whose own flags and lists are meant.",
           R"("group1")", true},
          {"channel_type", channel_type(), "Its type.", "2", true}};
}

std::vector<Property> channel_members() {
  return {need("channel_id", text("As it is stored: for types 1 and 11 the internal id of a "
                                  "conversation, or, of type 1, a user.")),
          need("channel_type", channel_type()),
          need("large", bit("As POST /channel said.")),
          need("ban", bit("As POST /channel said.")),
          need("disband", bit("As POST /channel said.")),
          need("send_ban", bit("As POST /channel said.")),
          need("allow_stranger", bit("As POST /channel said.")),
          need("created_at", integer("Seconds since 1970; 0: it has only messages."))};
}

Operation listed_channels() {
  Operation out{
      .method = Verb::get,
      .path = "/channels",
      .tag = Tag::channels,
      .description = std::string("Those that were created or have messages, by type, then length "
                                 "of the id, then id. ") +
                     kPageText,
      .query = list_query(1000, "Only ids that begin so."),
      .answer = page_of(object(channel_members())),
  };
  out.query.insert(out.query.begin() + 1, {"channel_type", channel_type(), "Only this type.", "2"});
  return out;
}

Operation channel_info() {
  std::vector<Property> members = channel_members();
  members.push_back(need("last_message_seq", integer("0: it has no message.")));
  members.push_back(need("has_subscribers", boolean("Somebody is a subscriber.")));
  members.push_back(need("has_denylist", boolean("Somebody is on the denylist.")));
  members.push_back(need("has_allowlist", boolean("Somebody is on the allowlist.")));
  return {
      .method = Verb::get,
      .path = "/channel/info",
      .tag = Tag::channels,
      .query = stored_channel_query(),
      .answer = object(members),
      .others = {{404, "It was never created and has no messages.", {}}},
  };
}

Operation members(std::string_view path, std::string_view what) {
  Operation out{
      .method = Verb::get,
      .path = path,
      .tag = Tag::channels,
      .description = std::string(what) + ", by uid; of an unknown channel none. " + kPageText,
      .query = stored_channel_query(),
      .answer = page_of(object({need("uid", text("The user."))})),
  };
  for (Parameter& parameter : list_query(10'000, "Only uids that begin so.")) {
    out.query.push_back(std::move(parameter));
  }
  return out;
}

Operation users() {
  return {
      .method = Verb::get,
      .path = "/users",
      .tag = Tag::users,
      .description = std::string("Those with a device, flags or lists of their own, or a "
                                 "conversation, by length of the uid, then uid. ") +
                     kPageText,
      .query = list_query(1000, "Only uids that begin so."),
      .answer = page_of(
          object({need("uid", text("The user.")), need("banned", bit("1: banned or disbanded.")),
                  need("system_account", bit("1: passes the permission rules.")),
                  need("online", bit("1: online on this node.")),
                  need("online_device_flags", array(integer("A device flag.", 0, 255))),
                  need("device_count", integer("Stored devices.")),
                  need("token_set_count", integer("Those whose token is worth something."))})),
  };
}

Operation user_info() {
  return {
      .method = Verb::get,
      .path = "/user/info",
      .tag = Tag::users,
      .description = "Tokens are never told. At most 1,000 connections are.",
      .query = {{"uid", text(""), "The user.", R"("u1")", true}},
      .answer = object(
          {need("uid", text("The user.")), need("banned", bit("1: banned or disbanded.")),
           need("system_account", bit("1: passes the permission rules.")),
           need("online", bit("1: online on this node.")),
           need("devices",
                array(object({need("device_flag", integer("0 app, 1 web, 2 desktop, …", 0, 255)),
                              need("device_level", integer("1: master, 0: slave.", 0, 1)),
                              need("token_set", bit("0: there is none, or it was made worthless.")),
                              need("online", bit("1: online on this node.")),
                              need("session_count", integer("Sessions on this node."))}))),
           need("connections", array(ref("Connection")))}),
      .others = {{404, "Nothing is stored of the user, who is not online either.", {}}},
  };
}

}  // namespace

std::vector<Parameter> page_query(std::int64_t usual, std::int64_t most, std::string example) {
  return {{"limit", integer("", 1, most),
           "Entries on a page; " + std::to_string(usual) + " unless given.", std::move(example)},
          {"cursor", text(""), "The next_cursor of the page before.", {}}};
}

Parameter this_node() {
  return {"node_id", integer("", 0), "Of this node, or 0; any other is refused.", {}};
}

Parameter path_part(std::string_view name, std::string schema, std::string example) {
  Parameter part{name, std::move(schema), "Escaped as in any URL.", std::move(example)};
  part.in_path = true;
  return part;
}

std::vector<Operation> listing_operations() {
  return {listed_channels(),
          channel_info(),
          members("/channel/subscribers",
                  "Subscribers; of type 8 the receivers of the temporary "
                  "channel"),
          members("/channel/denylist", "Users who may not send"),
          members("/channel/allowlist", "The only users who may send, while there are any"),
          users(),
          user_info()};
}

}  // namespace jindou::openapi
