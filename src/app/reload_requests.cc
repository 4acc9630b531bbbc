#include "app/reload_requests.h"

#include "base/result.h"

namespace jindou::app {

namespace {

Error stopping_error() {
  return Error(Errc::unavailable, "the server stops; nothing was reloaded");
}

}  // namespace

void ReloadRequests::ask(std::string asked_by, config::ReloadDone done) {
  bool closed = false;
  {
    const MutexLock lock(mutex_);
    closed = closed_;
    if (!closed && waiting_.size() < kWaitingMax) {
      waiting_.push_back({std::move(asked_by), std::move(done)});
      done = nullptr;
    }
  }
  if (!done) {
    wake_();
  } else if (closed) {
    done(stopping_error());
  } else {
    done(Error(Errc::overloaded, "many wait for a reload already; nothing was done"));
  }
}

void ReloadRequests::serve(
    const std::function<config::ReloadOutcome(std::string_view asked_by)>& reload) {
  std::vector<Waiting> all;
  {
    const MutexLock lock(mutex_);
    all.swap(waiting_);
  }
  for (const Waiting& each : all) each.done(reload(each.asked_by));
}

void ReloadRequests::close() {
  std::vector<Waiting> all;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    all.swap(waiting_);
  }
  for (const Waiting& each : all) each.done(stopping_error());
}

}  // namespace jindou::app
