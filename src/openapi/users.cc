// Users, routing and connections.
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

Operation user_change(std::string_view path, std::string description, std::string example) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::users,
      .description = std::move(description),
      .example = std::move(example),
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
  };
}

Operation token() {
  Operation out =
      user_change("/user/token",
                  "Replaces the token of that device. Level 1 ends the device's sessions at once.",
                  R"({"uid":"u1","token":"secret","device_flag":0,"device_level":1})");
  out.others = {{403, "The user is banned; `reason` is 19.", {}}};
  return out;
}

Operation device_quit() {
  return user_change(
      "/user/device_quit",
      "The tokens of the devices are worth nothing any more; their sessions are told (reason 12) "
      "and ended at once. An unknown user is no error.",
      R"({"uid":"u1","device_flag":1})");
}

Operation read_token() {
  return {
      .method = Verb::post,
      .path = "/user/read_token",
      .tag = Tag::users,
      .description =
          "The client shows it as `Authorization: Bearer` to the paths that name the scheme "
          "`reader`, and reads there what is its user's own. It ends with its time, when the user "
          "is banned, with the API key that it was asked for with, and with `device_flag` when "
          "that "
          "device quits or gets another token.",
      .example = R"({"uid":"u1","ttl":3600})",
      .answer = object({need("uid", text("The user.")), need("token", text("A JWT.")),
                        need("token_type", text("`Bearer`.")),
                        need("exp", integer("When it ends, in Unix seconds.")),
                        need("expires_in", integer("Seconds until then."))}),
      .answer_example = R"({"uid":"u1","token":"<JWT>","token_type":"Bearer","exp":1700003600,)"
                        R"("expires_in":3600})",
      .others = {{403, "The user is banned; `reason` is 19.", {}}},
  };
}

Operation online_status() {
  return {
      .method = Verb::post,
      .path = "/user/onlinestatus",
      .tag = Tag::users,
      .description =
          "One entry for each device flag a user is online with, in the order of the request. A "
          "user "
          "who is offline is not listed, or, with api.onlineStatusIncludeOffline, has one entry "
          "with "
          "`online` 0. An empty request is answered {\"status\":200}.",
      .example = R"(["u1","u2"])",
      .answer =
          one_of({array(object({need("uid", text("The user.")),
                                need("device_flag", integer("0 app, 1 web, 2 desktop, …", 0, 255)),
                                need("online", bit("1: online."))})),
                  ref("Ack")}),
      .answer_example = R"([{"uid":"u1","device_flag":0,"online":1}])",
  };
}

void add_system_accounts(std::vector<Operation>& out) {
  const std::string example = R"({"uids":["helper"]})";
  for (const std::string_view path : {"/user/systemuids_add", "/user/systemuid_add"}) {
    out.push_back(user_change(path,
                              "System accounts pass the permission rules. In force when the answer "
                              "comes.",
                              example));
  }
  out.push_back({
      .method = Verb::get,
      .path = "/user/systemuids",
      .tag = Tag::users,
      .description = "Without the built-in one.",
      .answer = array(text("A user.")),
      .answer_example = R"(["helper"])",
      .others = {{413, "There are more than api.wholeListMax.", {}}},
  });
  for (const std::string_view path : {"/user/systemuids_remove", "/user/systemuid_remove"}) {
    out.push_back(user_change(path, "Users who are no system account are no error.", example));
  }
  for (const std::string_view path :
       {"/user/systemuids_add_to_cache", "/user/systemuids_remove_from_cache"}) {
    out.push_back(
        user_change(path,
                    "Other servers tell their nodes so. Here there is no copy to change: a "
                    "well-formed call does nothing.",
                    example));
  }
}

Operation plugin() {
  return {
      .method = Verb::post,
      .path = "/user/update_plugin_no",
      .tag = Tag::users,
      .description = "This server runs no plugins: a well-formed call is answered 404.",
      .example = R"({"uid":"u1","plugin_no":"wk.plugin.ai"})",
      .others = {{404, "There is no such plugin.", {}}},
      .succeeds = false,
  };
}

std::vector<Parameter> route_query() {
  return {{"intranet", integer("", 0), "1: the addresses inside the data centre.", {}},
          this_node()};
}

void add_routing(std::vector<Operation>& out) {
  out.push_back({
      .method = Verb::get,
      .path = "/route",
      .tag = Tag::routing,
      .query = route_query(),
      .answer = ref("Addresses"),
      .answer_example = R"({"tcp_addr":"im.example.com:5100","ws_addr":"ws://im.example.com:5200",)"
                        R"("wss_addr":""})",
  });
  out.back().query.push_back({"uid", text(""), "Not looked at: one node serves everybody.", {}});
  out.push_back({
      .method = Verb::post,
      .path = "/route/batch",
      .tag = Tag::routing,
      .description = "One group for each node; there is one node.",
      .query = route_query(),
      .example = R"(["u1","u2"])",
      .answer = array(object(
          {need("uids", array(text("A user."))), need("tcp_addr", text("host:port.")),
           need("ws_addr", text("ws://host:port.")), need("wss_addr", text("wss://host:port."))})),
  });
}

Operation connz() {
  return {
      .method = Verb::get,
      .path = "/connz",
      .tag = Tag::connections,
      .query = {{"offset", integer("", 0), "Leave out so many.", {}},
                {"limit", integer("", 0), "20 unless given; at most 10,000.", "10"},
                {"sort",
                 word({"id",
                       "inMsg",
                       "outMsg",
                       "inMsgBytes",
                       "outMsgBytes",
                       "inPacket",
                       "outPacket",
                       "inPacketBytes",
                       "outPacketBytes",
                       "pendingBytes",
                       "uptime",
                       "idle",
                       "protoVersion",
                       "idDesc",
                       "inMsgDesc",
                       "outMsgDesc",
                       "inMsgBytesDesc",
                       "outMsgBytesDesc",
                       "inPacketDesc",
                       "outPacketDesc",
                       "inPacketBytesDesc",
                       "outPacketBytesDesc",
                       "pendingBytesDesc",
                       "uptimeDesc",
                       "idleDesc",
                       "protoVersionDesc",
                       "in_msgs",
                       "out_msgs",
                       "in_bytes",
                       "out_bytes"},
                      ""),
                 "The order; id unless given. The last four are descending too.", R"("inMsgDesc")"},
                {"uid", text(""), "Only users whose uid contains it.", {}},
                this_node()},
      .answer =
          object({need("connections", array(ref("Connection"))),
                  need("now", date_time("When it was looked.")),
                  need("num_connections", integer("In this answer.")),
                  need("total", integer("All that match.")),
                  need("offset", integer("Of the request.")), need("limit", integer("In force."))}),
  };
}

void add_connections(std::vector<Operation>& out) {
  out.push_back(connz());
  for (const std::string_view path : {"/conn/remove", "/conn/kick"}) {
    const bool kick = path == "/conn/kick";
    Operation operation =
        user_change(path,
                    kick ? "DISCONNECT with reason 12 and the text \"server kick\", closed after 2 "
                           "seconds. An unknown connection is no error."
                         : "An unknown connection is no error.",
                    R"({"uid":"u1","conn_id":4611686018427387904})");
    operation.tag = Tag::connections;
    out.push_back(std::move(operation));
  }
}

}  // namespace

std::vector<Operation> user_operations() {
  std::vector<Operation> out;
  out.push_back(token());
  out.push_back(device_quit());
  out.push_back(read_token());
  out.push_back(online_status());
  add_system_accounts(out);
  out.push_back(plugin());
  add_routing(out);
  add_connections(out);
  return out;
}

}  // namespace jindou::openapi
