#include "pages/page_file.h"

#include <algorithm>

namespace jindou::pages {
namespace {

bool accepts_gzip(const http::Request& request) {
  // "gzip;q=0" refuses it, which no browser does.
  const std::string_view encodings = request.header("accept-encoding");
  const auto at = encodings.find("gzip");
  return at != std::string_view::npos && !encodings.substr(at).starts_with("gzip;q=0");
}

}  // namespace

const PageFile* find_file(std::span<const PageFile> files, std::string_view path) {
  const auto found =
      std::ranges::find_if(files, [path](const PageFile& each) { return each.path == path; });
  return found == files.end() ? nullptr : &*found;
}

void answer_file(const PageFile& file, const http::Request& request, http::Response& response) {
  response.extra_headers += "ETag: ";
  response.extra_headers += file.etag;
  response.extra_headers += "\r\nVary: Accept-Encoding\r\nCache-Control: ";
  response.extra_headers +=
      file.immutable ? "public, max-age=31536000, immutable\r\n" : "no-cache\r\n";
  response.content_type = file.content_type;
  response.coding_chosen = true;
  if (request.header("if-none-match").find(file.etag) != std::string_view::npos) {
    response.status = 304;
    return;
  }
  if (!file.gzipped.empty() && accepts_gzip(request)) {
    response.extra_headers += "Content-Encoding: gzip\r\n";
    response.body += file.gzipped;
  } else {
    response.body += file.bytes;
  }
}

}  // namespace jindou::pages
