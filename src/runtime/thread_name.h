// Thread names for `top -H` and profiles.
#pragma once

#include <string>

namespace jindou::runtime {

// At most 15 characters are kept (pthread_setname_np(3)).
void name_this_thread(const std::string& name);

}  // namespace jindou::runtime
