// What the process says when it ends by itself: failed assertions and uncaught exceptions.
#pragma once

#include <string_view>

namespace jindou::observe {

// From now on they are written to standard error after the log lines that still wait, with a
// bounded wait: a reader that hangs must not keep a process alive that has lost its invariants.
// Call once at start.
void install_last_words();

// Writes the queued log lines, then `text` as one line; waits at most a second for the reader.
// For code that is about to end the process. Any thread.
void say_last_words(std::string_view text);

}  // namespace jindou::observe
