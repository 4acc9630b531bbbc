// How a thread shows itself to the system: its name in `top -H` and profiles, its priority.
#pragma once

#include <string>

namespace jindou::runtime {

// For work that can wait: others on this processor go first. No effect where the system forbids it.
void lower_this_threads_priority();

// At most 15 characters are kept (pthread_setname_np(3)).
void name_this_thread(const std::string& name);

}  // namespace jindou::runtime
