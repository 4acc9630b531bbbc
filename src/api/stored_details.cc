#include "api/stored_details.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "api/connection_routes.h"
#include "api/core_calls.h"
#include "api/listing_pages.h"
#include "model/id_rules.h"

namespace jindou::api {

using partition::ListedUser;
using partition::MemberList;

Result<ChannelDetail> load_channel_detail(const ApiDeps& deps, ChannelKey wanted) {
  const partition::Listings listings = listings_of(deps);
  JD_TRY(const ChannelKey channel, load_settled_channel(deps.history, std::move(wanted)));
  JD_TRY(auto listed, listings.load_channel(channel));
  if (!listed) {
    return Error(Errc::not_found,
                 "there is no such channel: it was never created and has no messages");
  }
  ChannelDetail detail;
  detail.listed = std::move(*listed);
  JD_TRY(detail.last_seq, deps.history.load_last_seq(channel));
  partition::ListingQuery first;
  first.limit = 1;
  for (const MemberList list :
       {MemberList::subscribers, MemberList::denylist, MemberList::allowlist}) {
    JD_TRY(const auto members, listings.load_members(channel, list, first));
    detail.has_members[static_cast<std::size_t>(list)] = !members.entries.empty();
  }
  return detail;
}

Task<Result<UserDetail>> load_user_detail(Services& services, std::string uid) {
  if (const auto problem = id_problem(uid); !problem.empty()) {
    co_return Result<UserDetail>(Error(Errc::invalid, "uid " + std::string(problem)));
  }
  auto work = [listings = listings_of(services.deps), uid] { return listings.load_user(uid); };
  auto stored = co_await services.deps.blocking.run(std::move(work));
  if (!stored) co_return Result<UserDetail>(Error(stored.error()));
  UserDetail detail;
  if (*stored) detail.user = std::move(**stored);
  detail.user.uid = uid;
  presence::ConnectionQuery query;
  query.keep = kConnectionsOfUser;
  if (services.deps.sessions_of_user) query.only = services.deps.sessions_of_user(uid);
  if (!query.only.empty()) {
    presence::ConnectionPage page = co_await collect_connections(services, std::move(query));
    detail.connections = std::move(page.connections);
  }
  if (!*stored && detail.connections.empty()) {
    co_return Result<UserDetail>(Error(
        Errc::not_found, "nothing is stored of such a user: no device, no flags, no conversation"));
  }
  co_return Result<UserDetail>(std::move(detail));
}

std::map<std::uint8_t, DeviceOfUser> devices_of(const UserDetail& detail) {
  std::map<std::uint8_t, DeviceOfUser> devices;
  for (const presence::ConnectionInfo& connection : detail.connections) {
    DeviceOfUser& device = devices[raw(connection.device_flag)];
    device.level = connection.device_level;
    ++device.sessions;
  }
  for (const partition::StoredDevice& stored : detail.user.devices) {
    DeviceOfUser& device = devices[raw(stored.flag)];
    device.level = stored.level;
    device.token_set = stored.token_set;
  }
  return devices;
}

std::vector<DeviceFlag> online_flags(const Services& services, std::string_view uid) {
  if (!services.deps.online_flags) return {};
  return services.deps.online_flags(uid);
}

std::size_t tokens_set(const ListedUser& user) {
  return static_cast<std::size_t>(
      std::ranges::count_if(user.devices, &partition::StoredDevice::token_set));
}

}  // namespace jindou::api
