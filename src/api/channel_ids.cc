#include "api/channel_ids.h"

#include "http/query.h"
#include "model/id_rules.h"

namespace jindou::api {

ChannelKey send_channel(std::string_view from_uid, std::string_view channel_id, ChannelType type) {
  if (channel_id.empty()) return ChannelKey(std::string(), type);
  if (type == ChannelType::person) {
    return ChannelKey(person_channel_id(from_uid, channel_id), type);
  }
  if (type == ChannelType::agent) {
    if (!peer_in_pair(channel_id, from_uid).empty()) {
      return ChannelKey(std::string(channel_id), type);
    }
    std::string id(from_uid);
    id += '@';
    id += channel_id;
    return ChannelKey(std::move(id), type);
  }
  return ChannelKey(std::string(channel_id), type);
}

std::string_view channel_id_for(const ChannelKey& channel, std::string_view uid) {
  if (channel.type != ChannelType::person) return channel.id;
  const std::string_view peer = peer_in_pair(channel.id, uid);
  return peer.empty() ? std::string_view(channel.id) : peer;
}

Result<ChannelType> read_query_type(std::string_view text) {
  if (text.empty()) return ChannelType::none;
  const auto number = http::query_number(text);
  if (number == 0 || number > 255) {
    return Error(Errc::invalid, "channel_type must be a number from 1 to 255");
  }
  return static_cast<ChannelType>(number);
}

Result<ChannelKey> read_channel(std::string_view login_uid, std::string_view channel_id,
                                ChannelType type) {
  if (is_blank(channel_id)) return Error(Errc::invalid, "channel_id is required");
  if (type == ChannelType::none) return Error(Errc::invalid, "channel_type is required");
  const bool paired = type == ChannelType::person || type == ChannelType::agent;
  // A topic is named with its community: "community@topic".
  const bool composed = paired || type == ChannelType::community_topic;
  const auto why_not = composed ? internal_id_problem(channel_id) : id_problem(channel_id);
  if (!why_not.empty()) return Error(Errc::invalid, "channel_id " + std::string(why_not));
  const bool internal = channel_id.find('@') != std::string_view::npos;
  if (paired && internal) {
    const auto [a, b] = split_pair_id(channel_id);
    if (type == ChannelType::person) return ChannelKey(person_channel_id(a, b), type);
    return ChannelKey(std::string(channel_id), type);
  }
  if (paired || !login_uid.empty()) {
    if (is_blank(login_uid)) return Error(Errc::invalid, "login_uid is required");
    if (const auto why = id_problem(login_uid); !why.empty()) {
      return Error(Errc::invalid, "login_uid " + std::string(why));
    }
  }
  return send_channel(login_uid, channel_id, type);
}

}  // namespace jindou::api
