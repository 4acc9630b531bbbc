// What a caller, or a proxy in front, calls a request, for lines of logs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "http/exchange.h"

namespace jindou::api {

inline constexpr std::size_t kRequestIdMax = 128;

// The header X-Request-Id; empty: there is none, or it is no plain name of at most kRequestIdMax
// bytes.
inline std::string_view request_id(const http::Request& request) {
  const std::string_view id = request.header("x-request-id");
  const bool plain = std::ranges::all_of(id, [](char c) { return c > 0x20 && c < 0x7f; });
  return plain && id.size() <= kRequestIdMax ? id : std::string_view();
}

}  // namespace jindou::api
