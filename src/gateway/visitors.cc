#include "gateway/visitors.h"

#include <utility>

namespace jindou::gateway {

bool is_visitor(std::string_view uid, const VisitorOptions& options) {
  return options.on && !options.suffix.empty() && uid.ends_with(options.suffix);
}

bool is_reserved_visitor(std::string_view uid, const GatewayOptions& options) {
  const std::string_view suffix = options.visitors.suffix;
  if (suffix.empty() || !uid.ends_with(suffix)) return false;
  const std::string_view name = uid.substr(0, uid.size() - suffix.size());
  return name.empty() || name == kSystemUid || name == kManagerUid || name == options.manager_uid;
}

bool is_own_channel(const ChannelKey& channel, std::string_view uid) {
  return channel.type == ChannelType::visitors && channel.id == uid;
}

Result<Reason> claim_name(const LoginRequest& request, Admission& admission, CorePort& core) {
  if (request.token.size() < kVisitorTokenBytesMin) return Reason::auth_fail;
  if (!admission.admit_new_visitor()) return Reason::rate_limit;
  partition::StoreToken claim;
  claim.uid = request.uid;
  claim.device_flag = request.device_flag;
  claim.token = request.token;
  claim.only_own = true;
  const Result<void> claimed = core.claim_token(std::move(claim));
  if (claimed) return Reason::success;
  if (claimed.error().code() == Errc::conflict) return Reason::auth_fail;
  if (claimed.error().code() == Errc::denied) return Reason::ban;
  return claimed.error();
}

}  // namespace jindou::gateway
