// The whole text of a file that an operator named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace jindou {

enum class FileKind : std::uint8_t {
  regular,  // can be read again at any time
  any,      // a pipe as well, which is waited for: for seconds, see read_file.cc
};

// Never hangs: what is not regular is not opened to be waited for unless `kind` says so. Blocks for
// as long as the disk takes. Errors: not_found with the reason in words, without the path.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max, FileKind kind);

}  // namespace jindou
