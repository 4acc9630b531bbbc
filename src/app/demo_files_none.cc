// Instead of the page, in builds that leave it out.
#include "app/demo_files.h"

namespace jindou::app {

std::span<const pages::DemoFile> demo_files() { return {}; }

}  // namespace jindou::app
