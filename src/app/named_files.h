// Files that settings name: what `serve` would refuse is refused before anything is opened.
#pragma once

#include "base/result.h"
#include "config/settings.h"

namespace jindou::app {

// The certificate with its key, where TLS is served, and files of authorities. Reads them. Errors:
// invalid (names the setting, the file, and what is wrong).
Result<void> check_named_files(const config::Settings& settings);

// All that a start looks at before it opens anything, for `config --validate`: the files above, the
// rules of the edges, the identity of the store, and whether the directory of the store can be
// written. Changes nothing, and may be called beside a server. Errors: invalid, storage.
Result<void> check_before_start(const config::Settings& settings);

}  // namespace jindou::app
