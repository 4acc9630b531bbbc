#include "api/reading.h"

#include <algorithm>
#include <string>
#include <utility>

#include "api/answers.h"
#include "model/channel.h"
#include "partition/addressing.h"

namespace jindou::api {
namespace {

using partition::History;

bool is_anchor(const Message& message) {
  return (message.setting & kSettingStream) != 0 && !message.flags.sync_once &&
         raw(message.seq) != 0;
}

// Names, status and numbers of a lane in a message object.
constexpr std::size_t kLaneBytes = 128;

// Takes away the snapshots that are too much for one message; returns the bytes of what is left.
std::size_t fit(MessageEvents& events, std::size_t bytes_max) {
  std::size_t text = 0;
  const auto keep = [&text, bytes_max](LaneState& lane) {
    if (lane.snapshot.size() > bytes_max - text) {
      lane.snapshot = std::string();
    } else {
      text += lane.snapshot.size();
    }
  };
  const auto main = std::ranges::find(events.lanes, kMainLane, &LaneState::event_key);
  if (main != events.lanes.end()) keep(*main);
  std::size_t bytes = 0;
  for (LaneState& lane : events.lanes) {
    if (lane.event_key != kMainLane) keep(lane);
    bytes += kLaneBytes + lane.event_key.size() + lane.snapshot.size() + lane.error.size();
  }
  return bytes;
}

}  // namespace

Result<bool> is_channel_user(const partition::RecordReader& records, const ChannelKey& channel,
                             std::string_view uid) {
  const std::vector<std::string> named = partition::named_users(channel);
  if (std::ranges::find(named, uid) != named.end()) return true;
  if (channel.type == ChannelType::person || channel.type == ChannelType::agent) return false;
  return records.has_member(channel, partition::MemberList::subscribers, uid);
}

Result<bool> may_read_channel(const partition::RecordReader& records, const ChannelKey& channel,
                              std::string_view viewer) {
  if (viewer.empty() || viewer == kSystemUid) return true;
  JD_TRY(const bool is_user, is_channel_user(records, channel, viewer));
  if (is_user) return true;
  JD_TRY(const std::vector<std::string> accounts, records.load_system_accounts());
  return std::ranges::find(accounts, viewer) != accounts.end();
}

Result<void> check_reader(const partition::RecordReader& records, const ChannelKey& channel,
                          std::string_view viewer, bool strict) {
  if (!strict) return {};
  JD_TRY(const bool allowed, may_read_channel(records, channel, viewer));
  if (allowed) return {};
  return Error(Errc::denied, "login_uid is not one of the users of the channel");
}

void answer_read_error(Response& response, const Error& error) {
  if (error.code() == Errc::denied) {
    answer_denied(response, Reason::subscriber_not_exist, error.detail());
  } else {
    answer_error(response, error);
  }
}

Result<EventfulMessages> add_events(const History& history, std::vector<Message> messages,
                                    AnswerRoom& room, Keep keep) {
  EventfulMessages list;
  if (keep == Keep::last) std::ranges::reverse(messages);
  if (std::ranges::any_of(messages, is_anchor)) list.events.resize(messages.size());
  std::size_t kept = 0;
  for (; kept < messages.size() && !room.full(); ++kept) {
    const Message& message = messages[kept];
    room.take(message.payload.size());
    if (!is_anchor(message)) continue;
    MessageEvents& events = list.events[kept];
    JD_TRY(events, history.load_events(message.channel, message.seq));
    room.take(fit(events, room.message_bytes_max()));
  }
  list.cut = kept < messages.size();
  messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(kept), messages.end());
  if (!list.events.empty()) list.events.resize(kept);
  if (keep == Keep::last) {
    std::ranges::reverse(messages);
    std::ranges::reverse(list.events);
  }
  list.messages = std::move(messages);
  return list;
}

void write_eventful(codec::JsonWriter& json, const Message& message, const MessageEvents& events,
                    std::string_view viewer, codec::EventDetail detail) {
  json.begin_object();
  codec::write_message_members(json, message, viewer);
  codec::write_event_members(json, message, events, viewer, detail);
  json.end_object();
}

void write_all(codec::JsonWriter& json, const EventfulMessages& list, std::string_view viewer,
               codec::EventDetail detail) {
  static const MessageEvents kNone;
  for (std::size_t i = 0; i < list.messages.size(); ++i) {
    const MessageEvents& events = list.events.empty() ? kNone : list.events[i];
    write_eventful(json, list.messages[i], events, viewer, detail);
  }
}

}  // namespace jindou::api
