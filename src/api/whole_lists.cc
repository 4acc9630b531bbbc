#include "api/whole_lists.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

#include "api/answers.h"
#include "api/listing_pages.h"
#include "api/loaded_answers.h"
#include "partition/listings.h"

namespace jindou::api {

namespace {

using Uids = std::vector<std::string>;
// The first so many of a list, or fewer when it has no more. Blocks. Errors: storage.
using LoadUids = std::function<Result<Uids>(std::size_t most)>;

// Of a uid in memory, with its string.
constexpr std::size_t kUidBytes = 128;
// Most lists have no more: with room for the longest, a few would take the read budget from all
// others.
constexpr std::size_t kShortList = 1000;

void answer_longer(const Services& services, Response& response, std::string_view what_to_do) {
  answer_error(response, 413, errc_name(Errc::too_large),
               "the list has more than " + std::to_string(services.options.whole_list_max) +
                   " users (api.wholeListMax): " + std::string(what_to_do));
}

// `what_to_do`: with a longer one.
Task<std::optional<WholeList>> load_whole(Services& services, Response& response, LoadUids load,
                                          std::string_view what_to_do) {
  const std::size_t longest = services.options.whole_list_max;
  std::optional<WholeList> list;
  for (std::size_t most = std::min(kShortList, longest);; most = longest) {
    auto room = co_await room_or_answer(services, response, most * kUidBytes);
    if (!room) co_return list;
    // One more tells whether there are more.
    std::function<Result<Uids>()> work = [load, most] { return load(most + 1); };
    auto uids = co_await load_or_answer(services, response, std::move(work));
    if (!uids) co_return list;
    if (uids->size() <= most) {
      list.emplace(std::move(*room), std::move(*uids));
      co_return list;
    }
    if (most == longest) {
      answer_longer(services, response, what_to_do);
      co_return list;
    }
    // It holds nothing while it waits for more.
  }
}

}  // namespace

Task<std::optional<WholeList>> members_or_answer(Services& services, Response& response,
                                                 ChannelKey channel, partition::MemberList list) {
  LoadUids load = [&deps = services.deps, channel = std::move(channel),
                   list](std::size_t most) -> Result<Uids> {
    partition::ListingQuery query;
    query.limit = most;
    JD_TRY(partition::ListingPage<std::string> page,
           listings_of(deps).load_members(channel, list, query));
    return std::move(page.entries);
  };
  return load_whole(services, response, std::move(load),
                    "GET /channel/subscribers, /channel/denylist and /channel/allowlist read lists "
                    "page by page");
}

Task<std::optional<WholeList>> system_accounts_or_answer(Services& services, Response& response) {
  LoadUids load = [&records = services.deps.records](std::size_t most) {
    return records.load_system_accounts(most);
  };
  return load_whole(services, response, std::move(load), "raise that setting");
}

}  // namespace jindou::api
