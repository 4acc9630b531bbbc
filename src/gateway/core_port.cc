#include "gateway/core_port.h"

#include <future>
#include <memory>

namespace jindou::gateway {

Result<std::vector<MessageId>> RouterPort::find_gone(
    std::span<const std::shared_ptr<const Message>> messages) {
  std::vector<MessageId> gone;
  for (const auto& message : messages) {
    JD_TRY(const bool there, history_.is_there(*message));
    if (!there) gone.push_back(message->id);
  }
  return gone;
}

Result<void> RouterPort::claim_token(partition::StoreToken claim) {
  // Shared: the answer may come after the wait has ended.
  const auto answer = std::make_shared<std::promise<Result<void>>>();
  auto answered = answer->get_future();
  JD_RETURN_IF_ERROR(router_.post_change(
      std::move(claim), [answer](const Result<void>& outcome) { answer->set_value(outcome); }));
  if (answered.wait_for(kClaimTime) != std::future_status::ready) return Error(Errc::deadline);
  return answered.get();
}

}  // namespace jindou::gateway
