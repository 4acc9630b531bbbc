#include "app/hangup_hold.h"

#include <csignal>

#include "base/assert.h"

namespace jindou::app {

namespace {

void change_mask(int how) {
  sigset_t hangup;
  ::sigemptyset(&hangup);
  ::sigaddset(&hangup, SIGHUP);
  const int failed = ::pthread_sigmask(how, &hangup, nullptr);
  JD_ASSERT(failed == 0);
}

}  // namespace

void hold_hangups() { change_mask(SIG_BLOCK); }

void release_hangups() { change_mask(SIG_UNBLOCK); }

}  // namespace jindou::app
