// From the channel a caller names to the channel the server stores.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "bodies/body_reader.h"
#include "model/channel.h"

namespace jindou::api {

// For a send from `from_uid` to `channel_id`: the peer becomes the pair for person channels; an
// agent channel is "from@channel_id" unless the id is a pair already that has the sender as a half.
ChannelKey send_channel(std::string_view from_uid, std::string_view channel_id, ChannelType type);

// What a user is shown as the id of a channel: the other user of a person channel. View into
// `channel`.
std::string_view channel_id_for(const ChannelKey& channel, std::string_view uid);

// The channel_type of a query string; none when it is absent. Errors: invalid, for what is no
// number from 1 to 255.
Result<ChannelType> read_query_type(std::string_view text);

// For a read by `login_uid`: as above; internal ids ("a@b") are taken as they are for the types
// that have them: person, agent and community topic. Errors: invalid, when login_uid is missing for
// a person or agent channel or an id is malformed.
Result<ChannelKey> read_channel(std::string_view login_uid, std::string_view channel_id,
                                ChannelType type);

// The same for a list that a body names: NamedChannel or ChannelFrom of bodies/conversations.h.
// What is wrong with one is noted in `body`; where something is wrong already nothing is read.
template <class Channel>
std::vector<ChannelKey> read_channels(bodies::BodyReader& body, std::string_view login_uid,
                                      const std::vector<Channel>& channels) {
  std::vector<ChannelKey> keys;
  if (!body.ok()) return keys;
  keys.reserve(channels.size());
  for (const Channel& channel : channels) {
    auto key = read_channel(login_uid, channel.channel_id, channel.channel_type);
    if (!key) {
      body.fail("channels: " + key.error().detail());
      break;
    }
    keys.push_back(std::move(*key));
  }
  return keys;
}

}  // namespace jindou::api
