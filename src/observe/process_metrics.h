// What the process itself is and takes, under the names that Prometheus' client libraries use.
#pragma once

#include <string>
#include <string_view>

namespace jindou::observe {

// Appends jindou_build_info and process_*. Reads files under /proc: not for io shards. A number
// that the system does not tell is left out.
void append_process_metrics(std::string& out, std::string_view version);

}  // namespace jindou::observe
