// Instead of the page, in builds that leave it out.
#include "app/demo_files.h"

namespace jindou::app {

std::span<const api::DemoFile> demo_files() { return {}; }

}  // namespace jindou::app
