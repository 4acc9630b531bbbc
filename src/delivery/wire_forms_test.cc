// The forms of a message and an event on the wire: what each client is shown, and that a form is
// made once.
#include "delivery/wire_forms.h"

#include <gtest/gtest.h>

#include "codec/json_reader.h"

namespace jindou::delivery {
namespace {

using codec::Receiver;

std::string member(std::string_view json, const char* pointer) {
  const auto document = codec::parse_json(json);
  if (!document) return "no JSON";
  simdjson::dom::element found;
  if (document->at_pointer(pointer).get(found) != simdjson::SUCCESS) return "nothing";
  return simdjson::minify(found);
}

Message person_message() {
  Message message;
  message.id = static_cast<MessageId>(1025);
  message.seq = static_cast<MessageSeq>(7);
  message.channel = ChannelKey(person_channel_id("alice", "bob"), ChannelType::person);
  message.from_uid = "alice";
  message.payload = "hi";
  message.flags.red_dot = true;
  return message;
}

TEST(MessageForms, EachSideOfAPersonChannelIsShownTheOther) {
  const Message message = person_message();
  MessageForms forms(message);
  const std::string_view to_bob = forms.json(Receiver::other);
  EXPECT_EQ(member(to_bob, "/method"), R"("recv")");
  EXPECT_EQ(member(to_bob, "/params/channelId"), R"("alice")");
  EXPECT_EQ(member(to_bob, "/params/fromUid"), R"("alice")");
  EXPECT_EQ(member(to_bob, "/params/header"), R"({"redDot":true})");
  EXPECT_EQ(member(to_bob, "/params/messageId"), R"("1025")");
  EXPECT_EQ(member(to_bob, "/params/payload"), R"("aGk=")");
  const std::string_view to_alice = forms.json(Receiver::author);
  EXPECT_EQ(member(to_alice, "/params/channelId"), R"("bob")");
  EXPECT_EQ(member(to_alice, "/params/header"), "{}");
  EXPECT_NE(forms.wkproto(Receiver::author), forms.wkproto(Receiver::other));
}

TEST(MessageForms, OwnGroupMessagesAreNotUnreadAndShareTheBinaryForm) {
  Message message = person_message();
  message.channel = ChannelKey("g", ChannelType::group);
  MessageForms forms(message);
  EXPECT_EQ(member(forms.json(Receiver::author), "/params/header"), "{}");
  EXPECT_EQ(member(forms.json(Receiver::other), "/params/header"), R"({"redDot":true})");
  EXPECT_EQ(forms.wkproto(Receiver::author), forms.wkproto(Receiver::other));
}

TEST(MessageForms, AFormIsMadeOnce) {
  const Message message = person_message();
  MessageForms forms(message);
  EXPECT_EQ(forms.json(Receiver::other).data(), forms.json(Receiver::other).data());
  EXPECT_EQ(forms.wkproto(Receiver::other), forms.wkproto(Receiver::other));
}

TEST(MessageForms, AMessageThatFitsNoFrameHasNoBinaryForm) {
  Message message = person_message();
  message.topic = std::string(codec::kStringBytesMax + 1, 't');
  message.setting = kSettingTopic;
  MessageForms forms(message);
  EXPECT_EQ(forms.wkproto(Receiver::other), nullptr);
  EXPECT_EQ(forms.wkproto(Receiver::author), nullptr);
}

TEST(EventForms, HaveTheSameDataAndAreMadeOnce) {
  MessageEvent event;
  event.channel = ChannelKey("g", ChannelType::group);
  event.event_id = "e1";
  event.event_type = "stream.delta";
  event.occurred_at_ms = 5;
  EventForms forms(event, "g");
  const auto frame = codec::parse_frame(forms.wkproto());
  const auto binary = codec::decode_event(frame.frame);
  ASSERT_TRUE(binary);
  const std::string_view json = forms.json();
  EXPECT_EQ(member(json, "/method"), R"("event")");
  EXPECT_EQ(member(json, "/params/id"), R"("e1")");
  EXPECT_EQ(member(json, "/params/type"), R"("stream.delta")");
  EXPECT_EQ(member(json, "/params/timestamp"), "5");
  const auto document = codec::parse_json(json);
  EXPECT_EQ((*document)["params"]["data"].get_string().value(), binary->data);
  EXPECT_EQ(forms.json().data(), json.data());
}

TEST(EventForms, JsonClientsAreNeverShownAnEmptyIdOrType) {
  MessageEvent event;
  event.channel = ChannelKey("g", ChannelType::group);
  event.message_id = static_cast<MessageId>(9);
  event.event_key = "main";
  event.msg_event_seq = 3;
  EventForms forms(event, "g");
  EXPECT_EQ(member(forms.json(), "/params/id"), R"("9-main-3")");
  EXPECT_EQ(member(forms.json(), "/params/type"), R"("event")");
}

TEST(EventForms, AnEventThatFitsNoFrameHasNoBinaryForm) {
  MessageEvent event;
  event.event_id = std::string(codec::kStringBytesMax + 1, 'e');
  EventForms forms(event, "g");
  EXPECT_TRUE(forms.wkproto().empty());
  EXPECT_TRUE(forms.wkproto().empty());
}

}  // namespace
}  // namespace jindou::delivery
