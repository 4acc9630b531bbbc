// Lists of users that are answered as a whole, because their paths are older than pages: an array
// has no place for a cursor. Such an answer holds api.wholeListMax users at most; of a longer list
// it is a 413 that says how to read it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "api/http_names.h"
#include "api/services.h"
#include "model/channel.h"
#include "partition/list_commands.h"

namespace jindou::api {

// Room in the read budget for such a list (room_or_answer), to be kept until it is written.
std::size_t whole_list_bytes(const Services& services);

// A list of `channel`, which is the internal one, sorted by uid. None: it has been answered.
Task<std::optional<std::vector<std::string>>> members_or_answer(Services& services,
                                                                Response& response,
                                                                ChannelKey channel,
                                                                partition::MemberList list);

// The system accounts without the built-in one, sorted. None: it has been answered.
Task<std::optional<std::vector<std::string>>> system_accounts_or_answer(Services& services,
                                                                        Response& response);

}  // namespace jindou::api
