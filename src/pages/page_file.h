// The files of the built pages (demo/), compiled into the program, and how one is served.
#pragma once

#include <span>
#include <string_view>

#include "http/exchange.h"

namespace jindou::pages {

// One file; all members are constants of the program.
struct PageFile {
  // "/chatdemo" and "/manager.html" for the pages themselves, "/assets/…" for what they load.
  std::string_view path;
  std::string_view content_type;
  // W/"…", of the content: weak, because the gzipped bytes have the same.
  std::string_view etag;
  // The path changes with the content.
  bool immutable = false;
  std::string_view bytes;
  std::string_view gzipped;  // empty: not smaller
};

// Null: there is none.
const PageFile* find_file(std::span<const PageFile> files, std::string_view path);

// Answers 200, or 304 to who has it: the content, gzipped to who takes it, with what caches are to
// know of it. Policies are added by whoever serves it.
void answer_file(const PageFile& file, const http::Request& request, http::Response& response);

}  // namespace jindou::pages
