// `jindou help`: what `--help` of a command prints.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace jindou::app {

// `words` name a command of `app` and its commands: {"jobs", "list"}; none: the program itself.
// Parses them, so what was parsed before is forgotten. Errors: invalid, with a sentence that names
// what there is not.
Result<std::string> help_text(CLI::App& app, const std::vector<std::string>& words);

}  // namespace jindou::app
