// Channels and their lists.
#include "codec/channel_flags.h"
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

constexpr std::string_view kAck = R"({"status":200})";

Operation change(std::string_view path, std::string description, std::string body,
                 std::string example) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::channels,
      .description = std::move(description),
      .body = std::move(body),
      .example = std::move(example),
      .answer = ref("Ack"),
      .answer_example = std::string(kAck),
  };
}

std::string optional_type() { return integer("2 (group) unless given.", 0, 255); }

std::string channel_only() {
  return object({need("channel_id", channel_id()), need("channel_type", channel_type())});
}

std::string channel_with_uids(bool required) {
  const auto list = required ? need("uids", uids("At least one.")) : may("uids", uids("The list."));
  return object({need("channel_id", channel_id("The channel; for type 1 the user whose own list "
                                               "it is.")),
                 need("channel_type", channel_type()), list});
}

constexpr const char* kGroup = R"({"channel_id":"group1","channel_type":2})";
constexpr const char* kGroupUids = R"({"channel_id":"group1","channel_type":2,"uids":["u9"]})";

void add_lists(std::vector<Operation>& out) {
  out.push_back(change("/channel/blacklist_add",
                       "Users on the denylist cannot send to the channel and get none of its "
                       "messages. For type 1 it is the list of one user and names senders.",
                       channel_with_uids(true), kGroupUids));
  out.push_back(change("/channel/blacklist_set",
                       "Replaces the list in one step; no `uids` empties "
                       "it.",
                       channel_with_uids(false), kGroupUids));
  out.push_back(change("/channel/blacklist_remove", "", channel_with_uids(true), kGroupUids));
  out.push_back(change("/channel/blacklist_remove_all", "", channel_only(), kGroup));
  out.push_back(change("/channel/whitelist_add",
                       "While the allowlist is not empty, only users on it may send. For type 1 it "
                       "counts with whitelistOffOfPerson: false.",
                       channel_with_uids(true), kGroupUids));
  out.push_back(change("/channel/whitelist_set",
                       "Replaces the list in one step; no `uids` empties "
                       "it.",
                       channel_with_uids(false), kGroupUids));
  out.push_back(change("/channel/whitelist_remove", "", channel_with_uids(true), kGroupUids));
  out.push_back(change("/channel/whitelist_remove_all", "", channel_only(), kGroup));
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
  });
}

}  // namespace

std::vector<Operation> channel_operations() {
  const auto flags_and = [](std::string_view id_text, bool members) {
    const auto reset = may("reset", flag("1: remove all subscribers first."));
    const auto subscribers = may("subscribers", uids("Added; not for type 1."));
    const auto id = need("channel_id", text(id_text));
    const auto type = need("channel_type", channel_type());
    std::vector<Property> all{id, type};
    for (const codec::ChannelFlagField& field : codec::kChannelFlagFields) {
      all.push_back(may(field.name, flag(sentence(field.meaning))));
    }
    if (members) {
      all.push_back(reset);
      all.push_back(subscribers);
    }
    return object(all);
  };
  const std::string subscribers_example =
      R"({"channel_id":"group1","channel_type":2,"subscribers":["u1","u2"]})";
  std::vector<Operation> out;
  out.push_back(
      change("/channel",
             "Overwrites all flags: those that are absent become 0. Brings back a channel "
             "that was deleted or disbanded: its message_seqs go on, deleted messages "
             "stay deleted.",
             flags_and("The channel; for type 1 a user.", true), subscribers_example));
  out.push_back(change("/channel/info",
                       "As POST /channel, without subscribers, and a set `disband` stays (400). "
                       "For types 1 and 11 also the "
                       "internal id a@b of one conversation.",
                       flags_and("The channel.", false),
                       R"({"channel_id":"group1","channel_type":2,"large":1})"));
  out.push_back(
      change("/channel/delete",
             "Disbands the channel, empties its lists and hides its messages. Adding to it "
             "is refused until POST /channel brings it back; its message_seqs are never "
             "used again.",
             channel_only(), R"({"channel_id":"group9","channel_type":2})"));
  out.push_back(
      change("/channel/subscriber_add", "",
             object({need("channel_id", channel_id()), may("channel_type", optional_type()),
                     need("subscribers", uids("At least one.")),
                     may("reset", flag("1: replace the list.")),
                     may("temp_subscriber", flag("1 is refused."))}),
             subscribers_example));
  out.push_back(
      change("/channel/subscriber_remove", "",
             object({need("channel_id", channel_id()), may("channel_type", optional_type()),
                     need("subscribers", uids("At least one."))}),
             R"({"channel_id":"group1","channel_type":2,"subscribers":["u9"]})"));
  out.push_back(change("/channel/subscriber_remove_all", "", channel_only(),
                       R"({"channel_id":"group8","channel_type":2})"));
  out.push_back(change("/tmpchannel/subscriber_set",
                       "Sets who receives messages of a temporary channel (type 8). Kept in "
                       "memory while it is used.",
                       object({need("channel_id", channel_id()), need("uids", uids("At least "
                                                                                   "one."))}),
                       R"({"channel_id":"tmp1","uids":["u1","u2"]})"));
  add_lists(out);
  return out;
}

}  // namespace jindou::openapi
