// Channels and their lists.
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

constexpr std::string_view kAck = R"({"status":200})";

Operation channel_change(std::string_view path, std::string description, std::string example) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::channels,
      .description = std::move(description),
      .example = std::move(example),
      .answer = ref("Ack"),
      .answer_example = std::string(kAck),
  };
}

constexpr const char* kGroup = R"({"channel_id":"group1","channel_type":2})";
constexpr const char* kGroupUids = R"({"channel_id":"group1","channel_type":2,"uids":["u9"]})";

void add_lists(std::vector<Operation>& out) {
  out.push_back(
      channel_change("/channel/blacklist_add",
                     "Users on the denylist cannot send to the channel and get none of its "
                     "messages. For type 1 it is the list of one user and names senders.",
                     kGroupUids));
  out.push_back(
      channel_change("/channel/blacklist_set", "Replaces the list in one step.", kGroupUids));
  out.push_back(channel_change("/channel/blacklist_remove", "", kGroupUids));
  out.push_back(channel_change("/channel/blacklist_remove_all", "", kGroup));
  out.push_back(
      channel_change("/channel/whitelist_add",
                     "While the allowlist is not empty, only users on it may send. For type 1 it "
                     "counts with whitelistOffOfPerson: false.",
                     kGroupUids));
  out.push_back(
      channel_change("/channel/whitelist_set", "Replaces the list in one step.", kGroupUids));
  out.push_back(channel_change("/channel/whitelist_remove", "", kGroupUids));
  out.push_back(channel_change("/channel/whitelist_remove_all", "", kGroup));
  out.push_back({
      .method = Verb::get,
      .path = "/channel/whitelist",
      .tag = Tag::channels,
      .query = {{"channel_id", text(""), "The channel.", R"("group1")", true},
                {"channel_type", channel_type(), "Its type.", "2", true},
                {"detail", integer("", 0, 1), "0: strings instead of objects.", {}}},
      .answer = array(
          one_of({text("A user."), object({need("id", integer("Position in the list, from 1.")),
                                           need("uid", text("The user."))})})),
      .answer_example = R"([{"id":1,"uid":"u1"},{"id":2,"uid":"u2"}])",
      .others = {{413, "There are more than api.wholeListMax: GET /channel/allowlist.", {}}},
  });
}

}  // namespace

std::vector<Operation> channel_operations() {
  const std::string subscribers_example =
      R"({"channel_id":"group1","channel_type":2,"subscribers":["u1","u2"]})";
  std::vector<Operation> out;
  out.push_back(
      channel_change("/channel",
                     "Overwrites all flags: those that are absent become 0. Brings back a channel "
                     "that was deleted or disbanded: its message_seqs go on, deleted messages "
                     "stay deleted.",
                     subscribers_example));
  out.push_back(channel_change(
      "/channel/info", "As POST /channel, without subscribers, and a set `disband` stays (400).",
      R"({"channel_id":"group1","channel_type":2,"large":1})"));
  out.push_back(
      channel_change("/channel/delete",
                     "Disbands the channel, empties its lists and hides its messages. Adding to it "
                     "is refused until POST /channel brings it back; its message_seqs are never "
                     "used again.",
                     R"({"channel_id":"group9","channel_type":2})"));
  out.push_back(channel_change("/channel/subscriber_add", "", subscribers_example));
  out.push_back(channel_change("/channel/subscriber_remove", "",
                               R"({"channel_id":"group1","channel_type":2,"subscribers":["u9"]})"));
  out.push_back(channel_change("/channel/subscriber_remove_all", "",
                               R"({"channel_id":"group8","channel_type":2})"));
  out.push_back(
      channel_change("/tmpchannel/subscriber_set",
                     "Sets who receives messages of a temporary channel (type 8). Kept in "
                     "memory while it is used.",
                     R"({"channel_id":"tmp1","uids":["u1","u2"]})"));
  add_lists(out);
  return out;
}

}  // namespace jindou::openapi
