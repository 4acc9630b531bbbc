// Query strings of GET requests. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace jindou::http {

// Decodes %XX and '+'. A '%' that is not followed by two hex digits stands for itself, as browsers
// have it; raw UTF-8 passes through, because curl users type channel ids unescaped.
std::string decode_query_text(std::string_view text);

// The decoded value of the first parameter called `name` in "a=1&b=2"; empty when absent. Names are
// compared after decoding.
std::string find_query_value(std::string_view query, std::string_view name);

// Decimal digits only; anything else, overflow included, is 0: that is how callers of this
// interface expect unparsable numbers in a query to behave.
unsigned long long query_number(std::string_view text);

}  // namespace jindou::http
