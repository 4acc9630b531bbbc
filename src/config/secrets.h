// What is secret about settings beyond the rows that are marked so: how good a secret has to be,
// and credentials inside URLs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/settings.h"

namespace jindou::config {

// `text` with what opens doors inside URLs replaced by ***: user names and passwords before the
// host, and query parameters whose names say token, key, password and the like. Other text is
// unchanged.
std::string without_credentials(std::string_view text);

// managerToken, auth.superToken and jwt.secret have to be out of reach of guessing where other
// machines can try. Errors: invalid (names the secret and the address, never the value).
Result<void> check_secrets(const Settings& settings);

// What is weak and accepted all the same, because only this machine can try it.
std::vector<std::string> weak_secret_warnings(const Settings& settings);

}  // namespace jindou::config
