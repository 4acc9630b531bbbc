#include "api/reading.h"

#include <algorithm>
#include <utility>

#include "model/channel.h"

namespace jindou::api {
namespace {

using channel::History;

bool is_anchor(const Message& message) {
  return (message.setting & kSettingStream) != 0 && !message.flags.sync_once &&
         raw(message.seq) != 0;
}

}  // namespace

Result<bool> may_read_channel(const History& history, const ChannelKey& channel,
                              std::string_view viewer) {
  if (viewer.empty() || viewer == kSystemUid) return true;
  switch (channel.type) {
    case ChannelType::person:
    case ChannelType::agent: {
      const auto [a, b] = split_pair_id(channel.id);
      if (viewer == a || viewer == b) return true;
      break;
    }
    case ChannelType::visitors:
      if (viewer == channel.id) return true;
      break;
    case ChannelType::customer_service:
      if (viewer == std::string_view(channel.id).substr(0, channel.id.find('|'))) return true;
      break;
    default: break;
  }
  if (channel.type != ChannelType::person && channel.type != ChannelType::agent) {
    JD_TRY(const bool subscribed,
           history.has_member(channel, channel::MemberList::subscribers, viewer));
    if (subscribed) return true;
  }
  JD_TRY(const std::vector<std::string> accounts, history.load_system_accounts());
  return std::ranges::find(accounts, viewer) != accounts.end();
}

Result<EventfulMessages> add_events(const History& history, std::vector<Message> messages) {
  EventfulMessages list;
  list.messages = std::move(messages);
  if (std::ranges::none_of(list.messages, is_anchor)) return list;
  list.events.resize(list.messages.size());
  for (std::size_t i = 0; i < list.messages.size(); ++i) {
    const Message& message = list.messages[i];
    if (!is_anchor(message)) continue;
    JD_TRY(list.events[i], history.load_events(message.channel, message.seq));
  }
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
