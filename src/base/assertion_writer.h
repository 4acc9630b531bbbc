// Where the words of a failed assertion go (base/assert.h).
#pragma once

#include <string_view>

namespace jindou {

// Writes one line about a failed assertion, without waiting for ever. Called on the thread that
// found it, with whatever locks that thread holds.
using AssertionWriter = void (*)(std::string_view line);

// Until set, the line goes to standard error as it is. At any time.
void set_assertion_writer(AssertionWriter writer);

}  // namespace jindou
