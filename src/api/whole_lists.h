// Lists of users that are answered as a whole, because their paths are older than pages: an array
// has no place for a cursor. Such an answer holds api.wholeListMax users at most; of a longer list
// it is a 413 that says how to read it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/http_names.h"
#include "api/read_budget.h"
#include "api/services.h"
#include "model/channel.h"
#include "partition/list_commands.h"

namespace jindou::api {

// Keep it until the answer is written.
struct WholeList {
  WholeList(ReadBudget::Room its_room, std::vector<std::string> its_uids)
      : room(std::move(its_room)), uids(std::move(its_uids)) {}

  ReadBudget::Room room;          // for as many users as it may have
  std::vector<std::string> uids;  // sorted
};

// A list of `channel`, which is the internal one. None: it has been answered.
Task<std::optional<WholeList>> members_or_answer(Services& services, Response& response,
                                                 ChannelKey channel, partition::MemberList list);

// The system accounts without the built-in one. None: it has been answered.
Task<std::optional<WholeList>> system_accounts_or_answer(Services& services, Response& response);

}  // namespace jindou::api
