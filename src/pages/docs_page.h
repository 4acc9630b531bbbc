// The page of GET /docs.
#pragma once

#include <string_view>

namespace jindou::pages {

// The text of docs_page.html: it loads /docs/openapi.json from the same server and nothing else.
std::string_view docs_page();

}  // namespace jindou::pages
