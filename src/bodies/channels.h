// The bodies of the calls that change channels and their lists.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bodies/field.h"
#include "model/channel.h"

namespace jindou::bodies {

// POST /channel/info.
struct ChannelInfo {
  std::string channel_id;  // for types 1 and 11 perhaps an internal one
  ChannelType channel_type = ChannelType::none;
  ChannelFlags flags;
  static Fields<ChannelInfo> fields();
};

// POST /channel.
struct WholeChannel {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  ChannelFlags flags;
  bool reset = false;
  std::vector<std::string> subscribers;
  static Fields<WholeChannel> fields();
};

// What needs no more than a channel.
struct OneChannel {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  static Fields<OneChannel> fields();
};

// POST /channel/subscriber_add.
struct AddSubscribers {
  std::string channel_id;
  ChannelType channel_type = ChannelType::group;
  std::vector<std::string> subscribers;
  bool reset = false;
  static Fields<AddSubscribers> fields();
};

// POST /channel/subscriber_remove.
struct RemoveSubscribers {
  std::string channel_id;
  ChannelType channel_type = ChannelType::group;
  std::vector<std::string> subscribers;
  static Fields<RemoveSubscribers> fields();
};

// Some entries of a denylist or allowlist.
struct ListEntries {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::vector<std::string> uids;
  static Fields<ListEntries> fields();
};

// All of its entries; there may be none.
struct WholeList {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::vector<std::string> uids;
  static Fields<WholeList> fields();
};

// POST /tmpchannel/subscriber_set.
struct TemporaryChannel {
  std::string channel_id;
  std::vector<std::string> uids;
  static Fields<TemporaryChannel> fields();
};

std::span<const PathBody> channel_bodies();

}  // namespace jindou::bodies
