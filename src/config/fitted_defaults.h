// Defaults that fit into the memory there is.
//
// The defaults of the table are made for 2 GiB and more: filled, the caches and buffers take most
// of that. With less, those that nobody configured become smaller, in proportion.
#pragma once

#include <string>

#include "base/machine_share.h"
#include "config/loaded_settings.h"

namespace jindou::config {

// Follows runtime.memoryLimit, or what the machine leaves to this process where that is 0. Settings
// that came from a file, the environment or a flag stay as they are. Notes in loaded.origins what
// was fitted, in loaded.fit what is followed, and adds a warning when the configured limit is above
// the machine's. Once for each load.
void fit_defaults(LoadedSettings& loaded, const MemoryShare& machine);

}  // namespace jindou::config
