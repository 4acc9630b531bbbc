// Files that only the server may read.
#pragma once

#include <string>

#include "base/random.h"
#include "base/result.h"

namespace jindou::app {

// The key that signs logins, in the data directory.
inline constexpr const char* kSecretFileName = "jwt.secret";

// The key that signs logins: what an earlier start has put into `directory`/jwt.secret, or a new
// one, which is written there (0600; a missing directory is made, 0700). Earlier versions kept it
// in `earlier_directory`: without one in `directory` that one moves there, so that logins stay
// good. A key that others could read is used and its mode corrected, with a warning. When nothing
// can be written, the earlier key, or a new one that holds until the server stops, is returned with
// a warning. Errors: storage (there is a key that cannot be read: replacing it would end all
// logins).
Result<std::string> load_or_make_secret(const std::string& directory,
                                        const std::string& earlier_directory, Random& random);

// A warning in the log when other users of the machine may look into an existing `directory`.
void warn_if_open(const std::string& directory);

// A warning in the log when root runs this, and `directory`, or the nearest one above it that is
// there, belongs to another user.
void warn_if_of_another(const std::string& directory);

}  // namespace jindou::app
