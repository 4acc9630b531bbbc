#include "bodies/conversations.h"

#include <array>
#include <limits>

#include "bodies/rows.h"

namespace jindou::bodies {
namespace {

using enum FieldType;

// Times are signed where they are kept.
constexpr std::uint64_t kLatest = std::numeric_limits<std::int64_t>::max();

constexpr std::array kConversationSync = {
    uid_row<&ConversationSync::uid>(),
    Field{.name = "version",
          .type = number,
          .to = at<&ConversationSync::version>,
          .meaning = "only what changed after that version: give the largest one of the last "
                     "answer. 0: all",
          .forgiving = true},
    Field{.name = "last_msg_seqs",
          .to = at<&ConversationSync::last_msg_seqs>,
          .meaning = "`channel_id:channel_type:seq` joined by `|`, which may also be in an id: of "
                     "these channels only what is newer. At most 20,000 of them, or "
                     "`conversation.userMaxCount` where that is more"},
    Field{.name = "msg_count",
          .type = number,
          .to = at<&ConversationSync::msg_count>,
          .meaning = "messages with each conversation; none unless given or below 1",
          .cap = 50,
          .forgiving = true},
    flag_row<&ConversationSync::only_unread>("only_unread", "1: only those with unread messages"),
    flag_row<&ConversationSync::with_deleted>(
        "with_deleted",
        "1: also what the user lost or deleted since `version`, or of `last_msg_seqs` where that "
        "is 0"),
    Field{.name = "exclude_channel_types",
          .type = types,
          .to = at<&ConversationSync::exclude_channel_types>,
          .meaning = "types to leave out, except channels named in `last_msg_seqs`",
          .entries_max = 256},
    Field{.name = "page",
          .type = number,
          .to = at<&ConversationSync::page>,
          .meaning = "from 1; 0: everything",
          .forgiving = true},
    Field{.name = "page_size",
          .type = number,
          .to = at<&ConversationSync::page_size>,
          .meaning = "conversations to a page",
          .standard = 100,
          .cap = 500,
          .forgiving = true},
};

constexpr std::array kOneUser = {uid_row<&OneUser::uid>()};

constexpr std::array kNamedChannel = {
    channel_id_row<&NamedChannel::channel_id>(),
    channel_type_row<&NamedChannel::channel_type>(),
};

constexpr std::array kChannelFrom = {
    channel_id_row<&ChannelFrom::channel_id>(),
    channel_type_row<&ChannelFrom::channel_type>(),
    number_row<&ChannelFrom::last_msg_seq>("last_msg_seq", "from here on"),
};

template <auto To>
constexpr Field count_row(std::uint64_t cap) {
  return {.name = "msg_count",
          .type = number,
          .to = at<To>,
          .meaning = "messages of each channel",
          .standard = 15,
          .cap = cap,
          .forgiving = true};
}

template <auto To>
constexpr Field channels_row(bool required) {
  return {.name = "channels",
          .type = objects,
          .to = at<To>,
          .meaning = "the channels",
          .required = required,
          .entries_limit = &Limits::lookups};
}

constexpr std::array kSyncMessages = {
    uid_row<&SyncMessages::uid>(),
    channels_row<&SyncMessages::channels>(false),
    count_row<&SyncMessages::msg_count>(1000),
    flag_row<&SyncMessages::order_by_last>("order_by_last",
                                           "1: the newest, newest first; 0: upwards"),
};

constexpr std::array kSyncByChannels = {
    uid_row<&SyncByChannels::uid>(),
    channels_row<&SyncByChannels::channels>(true),
    count_row<&SyncByChannels::msg_count>(50),
};

template <auto... To>
constexpr std::array<Field, 3> user_channel_rows() {
  return {{
      uid_row<To..., &UserChannel::uid>(),
      channel_id_row<To..., &UserChannel::channel_id>(),
      channel_type_row<To..., &UserChannel::channel_type>(),
  }};
}

constexpr auto kUserChannel = user_channel_rows<>();

constexpr auto kClearUnread =
    joined(user_channel_rows<&ClearUnread::conversation>(),
           std::array{number_row<&ClearUnread::message_seq>(
               "message_seq", "read up to here; 0: up to the last message")});

constexpr auto kSetUnread =
    joined(user_channel_rows<&SetUnread::conversation>(),
           std::array{number_row<&SetUnread::unread>(
               "unread", "what the user is shown as unread, at most the last seq; absent: 0")});

constexpr std::array kConversationList = {
    uid_row<&ConversationList::uid>(),
    Field{.name = "cursor",
          .to = at<&ConversationList::cursor>,
          .meaning = "`next_cursor` of the page before, unchanged; none: a new pass"},
    Field{.name = "limit",
          .type = number,
          .to = at<&ConversationList::limit>,
          .meaning = "conversations looked at for a page",
          .most = 200,
          .standard = 50},
    Field{.name = "completed_coverage",
          .type = number,
          .to = at<&ConversationList::completed_coverage>,
          .meaning = "`coverage` of the last pass that was `done`; 0 or none: there was none",
          .most = kLatest},
};

constexpr std::array kConversationRetry = {
    uid_row<&ConversationRetry::uid>(),
    Field{.name = "channels",
          .type = objects,
          .to = at<&ConversationRetry::channels>,
          .meaning = "those that a page named as `unresolved`",
          .required = true,
          .entries_max = 200},
};

constexpr std::array kSyncPaths = {
    PathBody{"/conversation/sync", kConversationSync},
    PathBody{"/conversations/sync", kConversationSync},
};

constexpr std::array kListPaths = {
    PathBody{"/conversation/list", kConversationList},
    PathBody{"/conversation/retry", kConversationRetry},
};

constexpr std::array kConversationPaths = {
    PathBody{"/conversations/clearUnread", kClearUnread},
    PathBody{"/conversation/clearUnread", kClearUnread},
    PathBody{"/conversations/setUnread", kSetUnread},
    PathBody{"/conversation/setUnread", kSetUnread},
    PathBody{"/conversations/delete", kUserChannel},
    PathBody{"/conversation/delete", kUserChannel},
    PathBody{"/conversations/activate", kUserChannel},
    PathBody{"/conversation/syncByChannels", kSyncByChannels},
    PathBody{"/conversation/channels", kOneUser},
    PathBody{"/conversation/syncMessages", kSyncMessages},
};

}  // namespace

Fields<ConversationSync> ConversationSync::fields() {
  return kTable<ConversationSync, kConversationSync>;
}
Fields<OneUser> OneUser::fields() { return kTable<OneUser, kOneUser>; }
Fields<NamedChannel> NamedChannel::fields() { return kTable<NamedChannel, kNamedChannel>; }
Fields<ChannelFrom> ChannelFrom::fields() { return kTable<ChannelFrom, kChannelFrom>; }
Fields<SyncMessages> SyncMessages::fields() { return kTable<SyncMessages, kSyncMessages>; }
Fields<SyncByChannels> SyncByChannels::fields() { return kTable<SyncByChannels, kSyncByChannels>; }
Fields<UserChannel> UserChannel::fields() { return kTable<UserChannel, kUserChannel>; }
Fields<ClearUnread> ClearUnread::fields() { return kTable<ClearUnread, kClearUnread>; }
Fields<SetUnread> SetUnread::fields() { return kTable<SetUnread, kSetUnread>; }
Fields<ConversationList> ConversationList::fields() {
  return kTable<ConversationList, kConversationList>;
}
Fields<ConversationRetry> ConversationRetry::fields() {
  return kTable<ConversationRetry, kConversationRetry>;
}

std::span<const PathBody> conversation_sync_bodies() { return kSyncPaths; }
std::span<const PathBody> conversation_list_bodies() { return kListPaths; }
std::span<const PathBody> conversation_bodies() { return kConversationPaths; }

}  // namespace jindou::bodies
