// The built chat demo (demo/), compiled into the program.
#pragma once

#include <span>

#include "pages/demo_site.h"

namespace jindou::app {

// Constants of the program. Empty in a build without the page (JINDOU_DEMO=OFF). The definition is
// made by demo/embed.mjs.
std::span<const pages::DemoFile> demo_files();

}  // namespace jindou::app
