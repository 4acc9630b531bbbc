#include "bodies/retention.h"

#include <array>

#include "bodies/rows.h"

namespace jindou::bodies {
namespace {

using enum FieldType;

// What a JavaScript number holds exactly; far beyond any age in seconds and any count.
constexpr std::uint64_t kLimitMax = (std::uint64_t{1} << 53) - 1;

template <auto To>
constexpr std::array<Field, 3> channel_place_rows() {
  return {{
      channel_id_row<To, &ChannelPlace::channel_id>(
          "the channel; for type 1 the other user, or the internal id"),
      channel_type_row<To, &ChannelPlace::channel_type>(),
      {.name = "login_uid",
       .to = at<To, &ChannelPlace::login_uid>,
       .meaning = "one of the two users, for types 1 and 11"},
  }};
}

constexpr auto kDeleteMessages =
    joined(channel_place_rows<&DeleteMessages::place>(),
           std::array{
               Field{.name = "message_id",
                     .type = message_id,
                     .to = at<&DeleteMessages::message_id>,
                     .meaning = "one message; of the three at least one is needed"},
               Field{.name = "message_ids",
                     .type = message_ids,
                     .to = at<&DeleteMessages::message_ids>,
                     .meaning = "several"},
               Field{.name = "message_seqs",
                     .type = seqs,
                     .to = at<&DeleteMessages::message_seqs>,
                     .meaning = "their positions"},
           });

constexpr auto kClearMessages = joined(channel_place_rows<&ClearMessages::place>(),
                                       std::array{number_row<&ClearMessages::message_seq>(
                                           "message_seq", "up to here, inclusive; 0: all")});

template <auto To>
constexpr Field limit_row(std::string_view name, std::string_view meaning) {
  return {.name = name, .type = number, .to = at<To>, .meaning = meaning, .most = kLimitMax};
}

constexpr auto kChannelRetention =
    joined(channel_place_rows<&ChannelRetention::place>(),
           std::array{
               limit_row<&ChannelRetention::max_age>(
                   "max_age", "seconds; 0: for ever; absent: the configured default"),
               limit_row<&ChannelRetention::max_count>(
                   "max_count", "messages; 0: all; absent: the configured default"),
           });

constexpr std::array kRetentionPaths = {
    PathBody{"/message/delete", kDeleteMessages},
    PathBody{"/channel/clear_messages", kClearMessages},
    PathBody{"/channel/retention", kChannelRetention},
};

}  // namespace

Fields<DeleteMessages> DeleteMessages::fields() { return kTable<DeleteMessages, kDeleteMessages>; }
Fields<ClearMessages> ClearMessages::fields() { return kTable<ClearMessages, kClearMessages>; }
Fields<ChannelRetention> ChannelRetention::fields() {
  return kTable<ChannelRetention, kChannelRetention>;
}

std::span<const PathBody> retention_bodies() { return kRetentionPaths; }

}  // namespace jindou::bodies
