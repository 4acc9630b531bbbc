// The flags of a channel as bodies name them (POST /channel, /channel/info), written once: reading
// them (api/channel_routes.cc), the OpenAPI entries (openapi/channels.cc) and the table of
// docs/api.md go by this.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "model/channel.h"

namespace jindou::codec {

struct ChannelFlagField {
  std::string_view name;
  bool ChannelFlags::*flag;
  std::string_view meaning;  // plain text with `code`, for readers
};

inline constexpr std::array<ChannelFlagField, 5> kChannelFlagFields = {{
    {.name = "large", .flag = &ChannelFlags::large, .meaning = "stored only"},
    {.name = "ban", .flag = &ChannelFlags::ban, .meaning = "1: nobody can send"},
    {.name = "disband",
     .flag = &ChannelFlags::disband,
     .meaning = "1: dissolved: nobody can send, until `POST /channel` brings it back"},
    {.name = "send_ban",
     .flag = &ChannelFlags::send_ban,
     .meaning = "1: members cannot send; for type 1 the user cannot"},
    {.name = "allow_stranger",
     .flag = &ChannelFlags::allow_stranger,
     .meaning = "type 1: strangers may write"},
}};

// The table in docs/api.md.
inline std::string channel_flags_markdown() {
  std::string out = "| flag | meaning |\n| --- | --- |\n";
  for (const ChannelFlagField& field : kChannelFlagFields) {
    out.append("| `").append(field.name).append("` | ").append(field.meaning).append(" |\n");
  }
  return out;
}

}  // namespace jindou::codec
