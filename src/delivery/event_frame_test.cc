// What a client is shown of an event: the members of its data, the channel by the receiver's own
// name, and the bare data of the older stream endpoints.
#include "delivery/event_frame.h"

#include <gtest/gtest.h>

#include "codec/wkproto.h"

namespace jindou::delivery {
namespace {

MessageEvent delta() {
  MessageEvent event;
  event.channel = ChannelKey("g", ChannelType::group);
  event.client_msg_no = "m1";
  event.message_id = static_cast<MessageId>(1025);
  event.from_uid = "bot";
  event.event_id = "e1";
  event.event_type = "stream.delta";
  event.event_key = "main";
  event.occurred_at_ms = 1'700'000'003'000;
  event.payload = R"({"kind":"text","delta":"hi"})";
  return event;
}

struct Shown {
  std::string id;
  std::string type;
  std::int64_t timestamp = 0;
  std::string data;
};

Shown show(const MessageEvent& event, std::string_view viewer) {
  const auto bytes = make_event_frame(event, event_channel_for(event, viewer));
  EXPECT_TRUE(bytes);
  const auto outcome = codec::parse_frame(*bytes);
  EXPECT_EQ(outcome.state, codec::ParseOutcome::State::frame);
  EXPECT_EQ(outcome.frame.consumed, bytes->size());
  const auto frame = codec::decode_event(outcome.frame);
  EXPECT_TRUE(frame);
  return {std::string(frame->id), std::string(frame->type), frame->timestamp,
          std::string(frame->data)};
}

TEST(EventFrame, CarriesTheDocumentedMembers) {
  const Shown shown = show(delta(), "u");
  EXPECT_EQ(shown.id, "e1");
  EXPECT_EQ(shown.type, "stream.delta");
  EXPECT_EQ(shown.timestamp, 1'700'000'003'000);
  EXPECT_EQ(shown.data,
            R"({"client_msg_no":"m1","channel_id":"g","channel_type":2,"from_uid":"bot",)"
            R"("message_id":1025,"event_key":"main","msg_event_seq":0,"stream_status":"open",)"
            R"("payload":{"kind":"text","delta":"hi"}})");
}

TEST(EventFrame, NamesVisibilityOnlyWhenItIsNotPublicAndPayloadOnlyWhenThereIsOne) {
  MessageEvent event = delta();
  event.payload.clear();
  event.visibility = Visibility::author_only;
  event.status = LaneStatus::cancelled;
  event.msg_event_seq = 7;
  EXPECT_EQ(show(event, "bot").data,
            R"({"client_msg_no":"m1","channel_id":"g","channel_type":2,"from_uid":"bot",)"
            R"("message_id":1025,"event_key":"main","msg_event_seq":7,)"
            R"("stream_status":"cancelled","visibility":"private"})");
}

TEST(EventFrame, HidesTheSystemAccount) {
  MessageEvent event = delta();
  event.from_uid = kSystemUid;
  EXPECT_NE(show(event, "u").data.find(R"("from_uid":"")"), std::string::npos);
}

TEST(EventFrame, ShowsEachSideOfAPersonChannelTheOther) {
  MessageEvent event = delta();
  event.channel = ChannelKey(person_channel_id("bot", "u"), ChannelType::person);
  EXPECT_EQ(event_channel_for(event, "u"), "bot");
  EXPECT_EQ(event_channel_for(event, "bot"), "u");
  // Also when a third party, such as the system account, is the author of the event.
  event.from_uid = kSystemUid;
  EXPECT_EQ(event_channel_for(event, "u"), "bot");
  event.channel = ChannelKey(person_channel_id(kSystemUid, "u"), ChannelType::person);
  EXPECT_EQ(event_channel_for(event, "u"), "");
  event.from_uid = "u";
  EXPECT_EQ(event_channel_for(event, "u"), kSystemUid) << "RECV names it for its author, too";
}

TEST(EventFrame, LeavesTheIdsOfOtherChannelsAsInRecv) {
  MessageEvent event = delta();
  event.channel = ChannelKey("u@bot", ChannelType::agent);
  EXPECT_EQ(event_channel_for(event, "u"), "u@bot");
  EXPECT_EQ(event_channel_for(event, "bot"), "u@bot");
}

TEST(EventFrame, TheFormOfTextIsThatOfAJsonString) {
  MessageEvent event = delta();
  event.form = EventForm::text;
  const auto data_for = [&](std::string payload) {
    event.payload = std::move(payload);
    return show(event, "u").data;
  };
  EXPECT_EQ(data_for(R"("line\n\"two\" \u7b4b")"), "line\n\"two\" \xe7\xad\x8b");
  EXPECT_EQ(data_for(R"("")"), "");
  EXPECT_EQ(data_for(""), "");
  EXPECT_EQ(data_for(R"({"a":1})"), R"({"a":1})");
}

TEST(EventFrame, RefusesAnIdThatFitsNoFrame) {
  MessageEvent event = delta();
  event.event_id = std::string(40'000, 'i');
  const auto made = make_event_frame(event, "g");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Errc::too_large);
}

}  // namespace
}  // namespace jindou::delivery
