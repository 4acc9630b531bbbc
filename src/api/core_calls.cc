#include "api/core_calls.h"

#include <functional>
#include <memory>
#include <utility>

#include "api/await_callback.h"

namespace jindou::api {
namespace {

class SendDeadline final : public DeadlineList::Entry {
 public:
  std::shared_ptr<channel::PendingSend> pending;

 private:
  void on_deadline() override { pending->expire(); }
};

class ChangeDeadline final : public DeadlineList::Entry {
 public:
  std::function<void(Result<void>)> complete;

 private:
  void on_deadline() override {
    complete(Error(Errc::deadline, "not confirmed in time; the change may still happen"));
  }
};

}  // namespace

DeadlineList::TimePoint request_deadline(const Services& services) {
  return services.deps.clock.steady() + services.options.request_timeout;
}

Task<Result<std::vector<SendResult>>> send_commands(Services& services, Request& request,
                                                    std::vector<SendCommand> commands,
                                                    DeadlineList::TimePoint deadline) {
  using Outcome = Result<std::vector<SendResult>>;
  SendDeadline watch;
  auto begin = [&](std::function<void(Outcome)> complete) {
    channel::CommandRouter::SendDone done = [complete](std::vector<SendResult> results) {
      complete(Outcome(std::move(results)));
    };
    auto posted = services.deps.router.post_send(std::move(commands), std::move(done));
    if (!posted) {
      complete(Outcome(std::move(posted).error()));
      return;
    }
    watch.pending = std::move(*posted);
    watch.set_deadline(deadline);
    watch.link(*request.deadlines);
  };
  co_return co_await await_callback<Outcome>(begin);
}

Task<Result<void>> change(Services& services, Request& request, channel::Change change) {
  ChangeDeadline watch;
  auto begin = [&](std::function<void(Result<void>)> complete) {
    auto posted = services.deps.router.post_change(std::move(change), complete);
    if (!posted) {
      complete(std::move(posted));
      return;
    }
    watch.complete = std::move(complete);
    watch.set_deadline(request_deadline(services));
    watch.link(*request.deadlines);
  };
  co_return co_await await_callback<Result<void>>(begin);
}

}  // namespace jindou::api
