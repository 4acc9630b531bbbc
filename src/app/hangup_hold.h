// SIGHUP between the first statement of the program and the moment at which somebody takes it.
//
// Its default action is the end of the process, and whoever rotates certificates sends it without
// knowing whether the server has come up yet.
#pragma once

namespace jindou::app {

// From now on a SIGHUP waits. Call before any thread starts: threads inherit it.
void hold_hangups();
// One that waits comes now, and further ones come as they are sent, on this thread and those that
// it starts. For a server: when the handler is there. For other commands: at once.
void release_hangups();

}  // namespace jindou::app
