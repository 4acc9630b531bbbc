#include "gateway/core_port.h"

#include <future>
#include <memory>

namespace jindou::gateway {

Result<void> RouterPort::claim_token(channel::StoreToken claim) {
  // Shared: the answer may come after the wait has ended.
  const auto answer = std::make_shared<std::promise<Result<void>>>();
  auto answered = answer->get_future();
  JD_CHECK_OK(router_.post_change(
      std::move(claim), [answer](const Result<void>& outcome) { answer->set_value(outcome); }));
  if (answered.wait_for(kClaimTime) != std::future_status::ready) return Error(Errc::deadline);
  return answered.get();
}

}  // namespace jindou::gateway
