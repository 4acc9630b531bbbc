// What the released v2 manager of this interface shows.
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

std::vector<Parameter> cluster_page() {
  std::vector<Parameter> query = page_query(20, 1000, "20");
  query.push_back(this_node());
  query.push_back({"offset_created_at",
                   integer("", 0),
                   "The created_at of an entry of a page: the page behind it. 0: the first.",
                   {}});
  query.push_back({"pre", integer("", 0, 1), "1: the page before that one instead.", {}});
  return query;
}

std::string cluster_page_of(std::string data, std::vector<Property> members = {}) {
  members.push_back(need("data", array(std::move(data))));
  members.push_back(need("total", integer("On the page.")));
  members.push_back(need("more", bit("1: there is another page.")));
  members.push_back(need("has_more", boolean("The same.")));
  members.push_back(may("next_cursor", text("Where it begins.")));
  return object(members);
}

Operation cluster_nodes(std::string_view path) {
  return {
      .method = Verb::get,
      .path = path,
      .tag = Tag::monitoring,
      .description = "There is one node.",
      .answer = object(
          {need("total", integer("How many.")),
           need("data",
                array(object(
                    {need("id", integer("As cluster.nodeId.")), need("is_leader", bit("1.")),
                     need("role", integer("0.")), need("cluster_addr", text("Empty.")),
                     need("api_server_addr", text("external.apiUrl.")), need("online", bit("1.")),
                     need("allow_vote", bit("1.")), need("slot_count", integer("Partitions.")),
                     need("slot_leader_count", integer("Partitions.")),
                     need("uptime", text("Like 4d1h2m3s.")),
                     need("app_version", text("Of the server."))})))}),
  };
}

Operation cluster_users() {
  Operation out{
      .method = Verb::get,
      .path = "/cluster/users",
      .tag = Tag::monitoring,
      .description = "As GET /users, with the members of the v2 manager.",
      .query = cluster_page(),
      .answer = cluster_page_of(
          object({need("uid", text("The user.")), need("device_count", integer("Stored.")),
                  need("online_device_count", integer("Device flags that are online.")),
                  need("conn_count", integer("Sessions on this node.")),
                  need("slot", integer("The partition.")),
                  need("created_at", integer("The number of the page, for offset_created_at."))})),
  };
  out.query.push_back({"uid", text(""), "Only this user.", {}});
  return out;
}

Operation cluster_devices() {
  Operation out{
      .method = Verb::get,
      .path = "/cluster/devices",
      .tag = Tag::monitoring,
      .description =
          "A page has the devices of `limit` users. Users without one in front of it are passed "
          "over, up to 1,000 of them: then `data` is empty, `more` is 1, and only `next_cursor` "
          "goes on. Tokens are never told: `token` is empty.",
      .query = cluster_page(),
      .answer = cluster_page_of(
          object({need("uid", text("The user.")), need("token", text("Empty.")),
                  need("token_set", bit("1: there is one.")),
                  need("device_flag", integer("0 app, 1 web, 2 desktop, …", 0, 255)),
                  need("device_flag_format", text("The same in a word.")),
                  need("device_level", integer("1: master, 0: slave.", 0, 1)),
                  need("device_level_format", text("The same in a word.")),
                  need("created_at", integer("The number of the page, for offset_created_at."))})),
  };
  out.query.push_back({"uid", text(""), "Only this user.", {}});
  out.query.push_back({"device_flag", integer("", 0, 255), "Only this flag.", {}});
  return out;
}

Operation cluster_channels() {
  Operation out{
      .method = Verb::get,
      .path = "/cluster/channels",
      .tag = Tag::monitoring,
      .description =
          "As GET /channels, with the members of the v2 manager but for numbers of "
          "members, which nobody counts.",
      .query = cluster_page(),
      .answer = cluster_page_of(
          object({need("slot", integer("The partition.")),
                  need("channel_id", text("As it is stored.")),
                  need("channel_type", channel_type()), need("ban", bit("1: nobody can send.")),
                  need("disband", bit("1: dissolved.")),
                  need("last_msg_seq", integer("0: it has no message.")),
                  need("status_format", word({"normal", "banned", "disbanded"}, "")),
                  need("created_at",
                       integer("Nanoseconds: the second, 0 if it has only messages, and below it "
                               "the number of the page, for offset_created_at.")),
                  need("created_at_format", text("The same in words, or empty."))}),
          {need("running", integer("0."))}),
  };
  out.query.push_back({"channel_id", text(""), "Only this one; with channel_type.", {}});
  out.query.push_back({"channel_type", integer("", 0, 255), "Only this type; 0: all.", "2"});
  return out;
}

Operation cluster_members(std::string_view path) {
  Parameter type{"channel_type", channel_type(), "Its type.", "2"};
  type.in_path = true;
  return {
      .method = Verb::get,
      .path = path,
      .tag = Tag::monitoring,
      .query = {path_part("channel_id", text(""), R"("group1")"), std::move(type)},
      .answer = array(text("A user.")),
      .others = {{413, "There are more than api.wholeListMax; they are read page by page.", {}}},
  };
}

Operation cluster_messages() {
  return {
      .method = Verb::get,
      .path = "/cluster/messages",
      .tag = Tag::monitoring,
      .description =
          "Of one channel, the newest first. With `message_id` or `client_msg_no` that "
          "message alone. from_uid, payload and offset_message_id are refused.",
      .query = {{"channel_id", text(""), "As GET /channel/info.", R"("group1")", true},
                {"channel_type", channel_type(), "Its type.", "2", true},
                {"limit", integer("", 1, 1000), "20 unless given.", "20"},
                {"offset_message_seq", integer("", 0), "Only older ones; 0: from the newest.", {}},
                {"pre", integer("", 0, 1), "1: only newer ones than that instead.", {}},
                {"message_id", message_id(""), "Only this one.", {}},
                {"client_msg_no", text(""), "Only this one.", {}},
                this_node(),
                {"from_uid", text(""), "Refused.", {}},
                {"payload", text(""), "Refused.", {}},
                {"offset_message_id", integer("", 0), "Refused unless 0.", {}}},
      .answer = object(
          {need("total", integer("On the page.")), need("more", bit("1: there are more.")),
           need("data", array(object({need("message_id", text("Decimal digits.")),
                                      need("message_seq", integer("In its channel.")),
                                      need("client_msg_no", text("As the sender numbered it.")),
                                      need("timestamp", integer("Seconds since 1970.")),
                                      need("timestamp_format", date_time("The same.")),
                                      need("channel_id", text("As it is stored.")),
                                      need("channel_type", channel_type()), need("topic", text("")),
                                      need("from_uid", text("The sender.")),
                                      need("payload", base64("The content.")),
                                      need("expire", integer("Seconds; 0: never."))})))}),
  };
}

Operation cluster_conversations() {
  return {
      .method = Verb::get,
      .path = "/cluster/conversations",
      .tag = Tag::monitoring,
      .description = "Of one user, the most recent first.",
      .query = {{"uid", text(""), "The user.", R"("u1")", true},
                {"limit", integer("", 1, 500), "20 unless given.", "20"},
                {"current_page", integer("", 0, 100'000), "From 1.", {}},
                this_node()},
      .answer = object(
          {need("total", integer("On the page.")),
           need("data", array(object({need("uid", text("The user.")), need("type", integer("0.")),
                                      need("type_format", text("chat.")),
                                      need("channel_id", text("As it is stored.")),
                                      need("channel_type", channel_type()),
                                      need("unread_count", integer("Unread messages.")),
                                      need("last_msg_seq", integer("The newest.")),
                                      need("readed_to_msg_seq", integer("Read to."))})))}),
  };
}

}  // namespace

std::vector<Operation> cluster_operations() {
  return {cluster_nodes("/cluster/nodes"),
          cluster_nodes("/cluster/simpleNodes"),
          cluster_users(),
          cluster_devices(),
          cluster_messages(),
          cluster_channels(),
          cluster_members("/cluster/channels/{channel_id}/{channel_type}/subscribers"),
          cluster_members("/cluster/channels/{channel_id}/{channel_type}/denylist"),
          cluster_members("/cluster/channels/{channel_id}/{channel_type}/allowlist"),
          cluster_conversations()};
}

}  // namespace jindou::openapi
