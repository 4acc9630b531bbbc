#include "runtime/thread_identity.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace jindou::runtime {

void lower_this_threads_priority() {
  // On Linux the nice value belongs to the thread (setpriority(2)).
  constexpr int kNice = 10;
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

void name_this_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace jindou::runtime
