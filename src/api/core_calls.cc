#include "api/core_calls.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/batch_advice.h"
#include "base/mutex.h"
#include "observe/request_trace.h"
#include "partition/intake_rights.h"
#include "runtime/await_callback.h"

namespace jindou::api {
namespace {

class SendDeadline final : public http::DeadlineList::Entry {
 public:
  std::shared_ptr<partition::PendingSend> pending;

 private:
  void on_deadline() override { pending->expire(); }
};

template <class T>
class CallDeadline final : public http::DeadlineList::Entry {
 public:
  std::function<void(Result<T>)> complete;

 private:
  void on_deadline() override {
    complete(Error(Errc::deadline, "not confirmed in time; the change may still happen"));
  }
};

// Waits for what `post(complete)` begins. `post` says whether it began; if not, `complete` is never
// called. Borrowed until the answer.
template <class T, class Post>
Task<Result<T>> await_core(Services& services, Request& request, Post& post) {
  CallDeadline<T> watch;
  auto begin = [&](std::function<void(Result<T>)> complete) {
    Result<void> posted = post(complete);
    if (!posted) {
      complete(Result<T>(std::move(posted).error()));
      return;
    }
    watch.complete = std::move(complete);
    watch.set_deadline(request_deadline(services));
    watch.link(*request.deadlines);
  };
  co_return co_await runtime::await_callback<Result<T>>(begin);
}

// Several changes under way: what came first of their errors, and how many are still to come.
class Joined {
 public:
  Joined(std::size_t count, std::function<void(Result<void>)> complete)
      : open_(count), complete_(std::move(complete)) {}

  // Thread-safe.
  void finish(Result<void> outcome) {
    Result<void> first;
    {
      const MutexLock lock(mutex_);
      if (!outcome && first_) first_ = std::move(outcome);
      if (--open_ > 0) return;
      first = std::move(first_);
    }
    complete_(std::move(first));
  }

 private:
  Mutex mutex_;
  std::size_t open_ JD_GUARDED_BY(mutex_);
  Result<void> first_ JD_GUARDED_BY(mutex_);
  std::function<void(Result<void>)> complete_;
};

}  // namespace

// One for each request, also where all are the same: threads that counted references to one would
// wait for each other.
CallerPtr caller_of(const Request& request) {
  auto caller = std::make_shared<CallerIdentity>();
  caller->kind = request.caller_kind;
  caller->name = request.user;
  caller->key = request.key;
  return caller;
}

void add_batch_advice(const Services& services, const Request& request, Response& response) {
  const partition::CommandRouter& core = services.deps.router;
  BatchLoad load;
  load.items_max = services.options.send.items_max;
  load.items_in_flight = core.items_in_flight();
  load.items_limit = core.items_limit();
  load.batches_in_flight = core.batches_in_flight();
  load.batches_limit = core.batches_limit();
  if (services.deps.limits != nullptr && services.deps.limits->enabled()) {
    load.portion_max = services.deps.limits->portion_max(*caller_of(request));
  }
  response.extra_headers += batch_advice_field(advise(load));
}

http::DeadlineList::TimePoint request_deadline(const Services& services) {
  return services.deps.clock.steady() + services.options.request_timeout;
}

namespace {

using SendOutcome = Result<std::vector<SendResult>>;

bool are_overloaded(const std::vector<SendResult>& results) {
  return std::ranges::all_of(results, [](const SendResult& result) {
    return result.state == SendResult::State::refused && result.code == Errc::overloaded;
  });
}

// Waits for what `post(commands, done)` begins, which takes the commands only if it does. What it
// began is then in `pending`.
template <class Post>
Task<SendOutcome> await_send(Request& request, std::vector<SendCommand>& commands,
                             http::DeadlineList::TimePoint deadline, Post& post,
                             std::shared_ptr<partition::PendingSend>& pending) {
  const CallerPtr caller = caller_of(request);
  for (SendCommand& command : commands) command.caller = caller;
  SendDeadline watch;
  auto begin = [&](std::function<void(SendOutcome)> complete) {
    partition::CommandRouter::SendDone done = [complete](std::vector<SendResult> results) {
      complete(SendOutcome(std::move(results)));
    };
    auto posted = post(std::move(commands), std::move(done));
    if (!posted) {
      complete(SendOutcome(std::move(posted).error()));
      return;
    }
    pending = *posted;
    watch.pending = std::move(*posted);
    watch.set_deadline(deadline);
    watch.link(*request.deadlines);
  };
  co_return co_await runtime::await_callback<SendOutcome>(begin);
}

}  // namespace

Task<Result<std::vector<SendResult>>> send_commands(Services& services, Request& request,
                                                    std::vector<SendCommand> commands,
                                                    http::DeadlineList::TimePoint deadline,
                                                    ReservationPtr reservation) {
  const observe::TracedPart part(request.trace.get(), "commit");
  auto post = [&](std::vector<SendCommand>&& all, partition::CommandRouter::SendDone done) {
    return services.deps.router.post_send(std::move(all), std::move(done), deadline, reservation);
  };
  std::shared_ptr<partition::PendingSend> pending;
  co_return co_await await_send(request, commands, deadline, post, pending);
}

Task<Result<std::vector<SendResult>>> offer_commands(Services& services, Request& request,
                                                     std::vector<SendCommand>& commands,
                                                     http::DeadlineList::TimePoint deadline,
                                                     ReservationPtr reservation) {
  const observe::TracedPart part(request.trace.get(), "commit");
  auto post = [&](std::vector<SendCommand>&& all, partition::CommandRouter::SendDone done) {
    return services.deps.router.offer_send(std::move(all), std::move(done), deadline, reservation);
  };
  std::shared_ptr<partition::PendingSend> pending;
  SendOutcome outcome = co_await await_send(request, commands, deadline, post, pending);
  if (pending && outcome && are_overloaded(*outcome)) {
    commands = pending->take_back();
    if (!commands.empty()) {
      outcome = SendOutcome(Error(Errc::overloaded, "too many reads are waiting; retry later"));
    }
  }
  co_return outcome;
}

Result<void> post_commands(Services& services, Request& request, std::vector<SendCommand> commands,
                           partition::CommandRouter::SendDone done, ReservationPtr reservation) {
  const CallerPtr caller = caller_of(request);
  for (SendCommand& command : commands) command.caller = caller;
  auto posted = services.deps.router.post_send(std::move(commands), std::move(done),
                                               partition::CommandRouter::kNever, reservation);
  if (!posted) return std::move(posted).error();
  return {};
}

Task<Result<std::vector<SendResult>>> rehearse_commands(Services& services, Request& request,
                                                        std::vector<SendCommand> commands) {
  const auto deadline = request_deadline(services);
  auto post = [&](std::vector<SendCommand>&& all, partition::CommandRouter::SendDone done) {
    return services.deps.router.post_rehearsal(std::move(all), std::move(done), deadline);
  };
  std::shared_ptr<partition::PendingSend> pending;
  co_return co_await await_send(request, commands, deadline, post, pending);
}

namespace {

// Of messages that are sent all or none: what becomes of them when the key may not send one.
std::optional<partition::TransactionResult> refused_together(
    observe::Metrics& metrics, const ApiKeyPtr& key, const std::vector<SendCommand>& commands) {
  if (key == nullptr || !key->is_bound()) return std::nullopt;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto why = partition::key_refusal(*key, commands[i]);
    if (!why) continue;
    metrics.key_refusals.with(partition::key_refusal_cause(*why)).Increment();
    partition::TransactionResult result;
    result.commands.assign(commands.size(), error_of(*why));
    result.failed = i;
    result.refusals.emplace_back(i, *why);
    return result;
  }
  return std::nullopt;
}

// Blocks. Whoever adds to a message speaks for its author. Errors: denied; storage.
Result<void> check_event(observe::Metrics& metrics, const partition::History& history,
                         const ApiKey& key, const ChannelKey& channel, const std::string& from_uid,
                         const std::string& client_msg_no) {
  JD_TRY(const auto anchor, history.load_by_client_msg_no(channel, client_msg_no));
  for (const std::string& uid : {from_uid, anchor ? anchor->from_uid : std::string()}) {
    // Without an anchor there is nothing to be added to; without a name it speaks for the author.
    if (uid.empty()) continue;
    const auto why = partition::key_refusal(key, uid, channel);
    if (!why) continue;
    metrics.key_refusals.with(partition::key_refusal_cause(*why)).Increment();
    return error_of(*why);
  }
  return {};
}

// Errors: denied; storage; overloaded.
Task<Result<void>> check_rights(Services& services, const Request& request,
                                const partition::AppendEvent& event) {
  if (request.key == nullptr || !request.key->is_bound()) co_return Result<void>();
  const partition::History& history = services.deps.history;
  auto work = [&history, &metrics = services.deps.metrics, key = request.key,
               channel = event.channel, from_uid = event.from_uid,
               client_msg_no = event.client_msg_no] {
    return check_event(metrics, history, *key, channel, from_uid, client_msg_no);
  };
  co_return co_await services.deps.blocking.run(std::move(work));
}

}  // namespace

Task<Result<partition::TransactionResult>> send_together(Services& services, Request& request,
                                                         std::vector<SendCommand> commands) {
  if (auto refused = refused_together(services.deps.metrics, request.key, commands)) {
    co_return Result<partition::TransactionResult>(std::move(*refused));
  }
  const observe::TracedPart part(request.trace.get(), "commit");
  const CallerPtr caller = caller_of(request);
  for (SendCommand& command : commands) command.caller = caller;
  std::vector<partition::Command> all(std::make_move_iterator(commands.begin()),
                                      std::make_move_iterator(commands.end()));
  auto post = [&](std::function<void(Result<partition::TransactionResult>)> complete) {
    return services.deps.router.post_all(std::move(all), std::move(complete),
                                         request_deadline(services));
  };
  co_return co_await await_core<partition::TransactionResult>(services, request, post);
}

Task<Result<void>> change(Services& services, Request& request, partition::Change change) {
  auto post = [&](std::function<void(Result<void>)> complete) {
    return services.deps.router.post_change(std::move(change), std::move(complete));
  };
  co_return co_await await_core<void>(services, request, post);
}

Task<Result<void>> change_all(Services& services, Request& request,
                              std::vector<partition::Change> changes) {
  if (changes.empty()) co_return Result<void>();
  auto post = [&](std::function<void(Result<void>)> complete) {
    auto joined = std::make_shared<Joined>(changes.size(), std::move(complete));
    for (partition::Change& one : changes) {
      auto posted = services.deps.router.post_change(
          std::move(one), [joined](Result<void> outcome) { joined->finish(std::move(outcome)); });
      if (!posted) joined->finish(std::move(posted));
    }
    return Result<void>();
  };
  co_return co_await await_core<void>(services, request, post);
}

Task<Result<void>> change_together(Services& services, Request& request,
                                   std::vector<partition::Change> changes) {
  std::vector<partition::Command> commands(std::make_move_iterator(changes.begin()),
                                           std::make_move_iterator(changes.end()));
  co_return co_await make_together(services, request, std::move(commands));
}

Task<Result<void>> make_together(Services& services, Request& request,
                                 std::vector<partition::Command> commands) {
  auto post = [&](std::function<void(Result<void>)> complete) {
    auto done = [complete = std::move(complete)](const partition::TransactionResult& result) {
      complete(result.made() ? Result<void>() : Error(result.error()));
    };
    return services.deps.router.post_all(std::move(commands), std::move(done),
                                         request_deadline(services));
  };
  co_return co_await await_core<void>(services, request, post);
}

Task<Result<partition::EventOutcome>> append_event(Services& services, Request& request,
                                                   partition::AppendEvent event) {
  const auto allowed = co_await check_rights(services, request, event);
  if (!allowed) co_return Result<partition::EventOutcome>(allowed.error());
  auto post = [&](std::function<void(Result<partition::EventOutcome>)> complete) {
    return services.deps.router.post_event(std::move(event), std::move(complete));
  };
  co_return co_await await_core<partition::EventOutcome>(services, request, post);
}

Task<Result<config::ReloadOutcome>> reload_settings(Services& services, Request& request,
                                                    std::string asked_by) {
  auto post = [&](std::function<void(Result<config::ReloadOutcome>)> complete) {
    services.deps.ask_for_reload(std::move(asked_by), std::move(complete));
    return Result<void>();
  };
  co_return co_await await_core<config::ReloadOutcome>(services, request, post);
}

Task<Result<partition::Recipients>> ask_recipients(Services& services, Request& request,
                                                   ChannelKey channel) {
  auto post = [&](std::function<void(Result<partition::Recipients>)> complete) {
    return services.deps.router.post_recipients(std::move(channel), std::move(complete));
  };
  co_return co_await await_core<partition::Recipients>(services, request, post);
}

Result<ChannelKey> load_settled_channel(const partition::History& history, ChannelKey channel) {
  if (channel.type != ChannelType::agent) return channel;
  const auto [a, b] = split_pair_id(channel.id);
  return history.load_agent_channel(a, b);
}

Task<Result<ChannelKey>> settle_channel(Services& services, ChannelKey channel) {
  if (channel.type != ChannelType::agent) co_return Result<ChannelKey>(std::move(channel));
  const partition::History& history = services.deps.history;
  // Copied: the work may outlive this call when the process stops.
  auto work = [&history, channel] { return load_settled_channel(history, channel); };
  co_return co_await services.deps.blocking.run(std::move(work));
}

}  // namespace jindou::api
