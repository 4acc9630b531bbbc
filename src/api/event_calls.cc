#include "api/event_calls.h"

#include "api/channel_ids.h"
#include "model/id_rules.h"

namespace jindou::api {

Result<ChannelKey> event_channel(std::string_view from_uid, std::string_view channel_id,
                                 ChannelType type) {
  if (is_blank(from_uid)) return read_channel(kSystemUid, channel_id, type);
  if (const auto why = id_problem(from_uid); !why.empty()) {
    return Error(Errc::invalid, "from_uid " + std::string(why));
  }
  return read_channel(from_uid, channel_id, type);
}

Error event_error(const Error& error) {
  if (error.code() != Errc::not_found) return error;
  return Error(Errc::invalid,
               error.detail().empty() ? "the message does not exist" : error.detail());
}

}  // namespace jindou::api
