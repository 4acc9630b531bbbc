// Instead of the page, in builds that leave it out.
#include "app/demo_files.h"

namespace jindou::app {

std::span<const pages::PageFile> demo_files() { return {}; }
std::span<const pages::PageFile> manager_files() { return {}; }

}  // namespace jindou::app
