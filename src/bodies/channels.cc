#include "bodies/channels.h"

#include "bodies/rows.h"

namespace jindou::bodies {
namespace {

using enum FieldType;

template <auto To>
constexpr Field plain_channel_row(std::string_view meaning = "the channel") {
  return {.name = "channel_id", .type = id, .to = at<To>, .meaning = meaning, .required = true};
}

template <auto To>
constexpr std::array<Field, 5> flag_rows() {
  return {{
      flag_row<To, &ChannelFlags::large>("large", "stored only"),
      flag_row<To, &ChannelFlags::ban>("ban", "1: nobody can send"),
      flag_row<To, &ChannelFlags::disband>(
          "disband", "1: dissolved: nobody can send, until `POST /channel` brings it back"),
      flag_row<To, &ChannelFlags::send_ban>("send_ban",
                                            "1: members cannot send; for type 1 the user cannot"),
      flag_row<To, &ChannelFlags::allow_stranger>("allow_stranger", "type 1: strangers may write"),
  }};
}

template <auto To>
constexpr Field subscribers_row() {
  return {.name = "subscribers",
          .type = uids,
          .to = at<To>,
          .meaning = "at least one",
          .required = true};
}

constexpr Field kTemporarySubscriber = {.name = "temp_subscriber",
                                        .type = flag,
                                        .meaning = "1 is refused",
                                        .refused = "temp_subscriber is not supported"};

constexpr auto kChannelInfo = joined(
    std::array{
        channel_id_row<&ChannelInfo::channel_id>(
            "the channel; for types 1 and 11 also the internal id `a@b` of one conversation"),
        channel_type_row<&ChannelInfo::channel_type>(),
    },
    flag_rows<&ChannelInfo::flags>());

constexpr auto kWholeChannel = joined(
    std::array{
        plain_channel_row<&WholeChannel::channel_id>("the channel; for type 1 a user"),
        channel_type_row<&WholeChannel::channel_type>(),
    },
    flag_rows<&WholeChannel::flags>(),
    std::array{
        flag_row<&WholeChannel::reset>("reset", "1: remove all subscribers first"),
        Field{.name = "subscribers",
              .type = uids,
              .to = at<&WholeChannel::subscribers>,
              .meaning = "added; not for type 1"},
    });

constexpr std::array kOneChannel = {
    plain_channel_row<&OneChannel::channel_id>(),
    channel_type_row<&OneChannel::channel_type>(),
};

constexpr std::array kAddSubscribers = {
    plain_channel_row<&AddSubscribers::channel_id>(),
    channel_type_row<&AddSubscribers::channel_type>("2 (group) unless given", false),
    subscribers_row<&AddSubscribers::subscribers>(),
    flag_row<&AddSubscribers::reset>("reset", "1: replace the list"),
    kTemporarySubscriber,
};

constexpr std::array kRemoveSubscribers = {
    plain_channel_row<&RemoveSubscribers::channel_id>(),
    channel_type_row<&RemoveSubscribers::channel_type>("2 (group) unless given", false),
    subscribers_row<&RemoveSubscribers::subscribers>(),
    kTemporarySubscriber,
};

constexpr std::string_view kListOwner = "the channel; for type 1 the user whose own list it is";

constexpr std::array kListEntries = {
    plain_channel_row<&ListEntries::channel_id>(kListOwner),
    channel_type_row<&ListEntries::channel_type>(),
    Field{.name = "uids",
          .type = uids,
          .to = at<&ListEntries::uids>,
          .meaning = "at least one",
          .required = true},
};

constexpr std::array kWholeList = {
    plain_channel_row<&WholeList::channel_id>(kListOwner),
    channel_type_row<&WholeList::channel_type>(),
    Field{.name = "uids",
          .type = uids,
          .to = at<&WholeList::uids>,
          .meaning = "the list; none empties it"},
};

constexpr std::array kTemporaryChannel = {
    plain_channel_row<&TemporaryChannel::channel_id>(),
    Field{.name = "uids",
          .type = uids,
          .to = at<&TemporaryChannel::uids>,
          .meaning = "at least one",
          .required = true},
};

constexpr std::array kChannelPaths = {
    PathBody{"/channel", kWholeChannel},
    PathBody{"/channel/info", kChannelInfo},
    PathBody{"/channel/subscriber_add", kAddSubscribers},
    PathBody{"/channel/subscriber_remove", kRemoveSubscribers},
    PathBody{"/channel/delete", kOneChannel},
    PathBody{"/channel/subscriber_remove_all", kOneChannel},
    PathBody{"/channel/blacklist_remove_all", kOneChannel},
    PathBody{"/channel/whitelist_remove_all", kOneChannel},
    PathBody{"/channel/blacklist_add", kListEntries},
    PathBody{"/channel/blacklist_remove", kListEntries},
    PathBody{"/channel/whitelist_add", kListEntries},
    PathBody{"/channel/whitelist_remove", kListEntries},
    PathBody{"/channel/blacklist_set", kWholeList},
    PathBody{"/channel/whitelist_set", kWholeList},
    PathBody{"/tmpchannel/subscriber_set", kTemporaryChannel},
};

}  // namespace

Fields<ChannelInfo> ChannelInfo::fields() { return kTable<ChannelInfo, kChannelInfo>; }
Fields<WholeChannel> WholeChannel::fields() { return kTable<WholeChannel, kWholeChannel>; }
Fields<OneChannel> OneChannel::fields() { return kTable<OneChannel, kOneChannel>; }
Fields<AddSubscribers> AddSubscribers::fields() { return kTable<AddSubscribers, kAddSubscribers>; }
Fields<RemoveSubscribers> RemoveSubscribers::fields() {
  return kTable<RemoveSubscribers, kRemoveSubscribers>;
}
Fields<ListEntries> ListEntries::fields() { return kTable<ListEntries, kListEntries>; }
Fields<WholeList> WholeList::fields() { return kTable<WholeList, kWholeList>; }
Fields<TemporaryChannel> TemporaryChannel::fields() {
  return kTable<TemporaryChannel, kTemporaryChannel>;
}

std::span<const PathBody> channel_bodies() { return kChannelPaths; }

}  // namespace jindou::bodies
