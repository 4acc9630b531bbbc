// The built pages (demo/), compiled into the program.
#pragma once

#include <span>

#include "pages/page_file.h"

namespace jindou::app {

// Constants of the program. Empty in a build without the pages (JINDOU_DEMO=OFF). The definitions
// are made by demo/embed.mjs.
std::span<const pages::PageFile> demo_files();     // the chat demo
std::span<const pages::PageFile> manager_files();  // the page of the manager port

}  // namespace jindou::app
