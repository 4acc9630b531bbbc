#include "api/whole_lists.h"

#include <string_view>
#include <utility>

#include "api/answers.h"
#include "api/listing_pages.h"
#include "api/loaded_answers.h"
#include "partition/listings.h"

namespace jindou::api {

namespace {

// Of a uid in memory, with its string.
constexpr std::size_t kUidBytes = 128;

void answer_longer(const Services& services, Response& response, std::string_view what_to_do) {
  answer_error(response, 413, errc_name(Errc::too_large),
               "the list has more than " + std::to_string(services.options.whole_list_max) +
                   " users (api.wholeListMax): " + std::string(what_to_do));
}

}  // namespace

std::size_t whole_list_bytes(const Services& services) {
  return services.options.whole_list_max * kUidBytes;
}

Task<std::optional<std::vector<std::string>>> members_or_answer(Services& services,
                                                                Response& response,
                                                                ChannelKey channel,
                                                                partition::MemberList list) {
  partition::ListingQuery query;
  query.limit = services.options.whole_list_max;
  auto work = [&deps = services.deps, channel, list, query] {
    return listings_of(deps).load_members(channel, list, query);
  };
  auto found = co_await load_or_answer(services, response, std::move(work));
  std::optional<std::vector<std::string>> uids;
  if (!found) co_return uids;
  if (found->next.empty()) {
    uids.emplace(std::move(found->entries));
  } else {
    answer_longer(services, response,
                  "GET /channel/subscribers, /channel/denylist and /channel/allowlist read lists "
                  "page by page");
  }
  co_return uids;
}

Task<std::optional<std::vector<std::string>>> system_accounts_or_answer(Services& services,
                                                                        Response& response) {
  const partition::RecordReader& records = services.deps.records;
  auto work = [&records] { return records.load_system_accounts(); };
  auto uids = co_await load_or_answer(services, response, std::move(work));
  if (uids && uids->size() > services.options.whole_list_max) {
    uids.reset();
    answer_longer(services, response, "raise that setting");
  }
  co_return uids;
}

}  // namespace jindou::api
