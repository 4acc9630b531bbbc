// From the settings to what moderation takes.
#pragma once

#include <memory>

#include "base/result.h"
#include "config/settings.h"
#include "moderation/options.h"

namespace jindou::app {

// Lists that cannot be read are left out; see check_moderation().
std::shared_ptr<const moderation::Options> moderation_options(const config::Settings& settings);

// Whether what the settings say of moderation can be understood; files are not looked at. Errors:
// invalid (names the setting).
Result<void> check_moderation(const config::Settings& settings);

}  // namespace jindou::app
