#include "api/query_number.h"

#include <charconv>
#include <string>
#include <system_error>

namespace jindou::api {

std::optional<std::uint64_t> query_number(const Request& request, std::string_view name,
                                          std::uint64_t most) {
  const std::string text = request.query_value(name);
  if (text.empty()) return 0;
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end || number > most) return std::nullopt;
  return number;
}

}  // namespace jindou::api
