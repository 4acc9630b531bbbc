// POST, GET and DELETE of /templates: stored payloads with places for variables.
#pragma once

#include <span>
#include <vector>

#include "api/http_names.h"
#include "api/route.h"
#include "codec/batch_common.h"

namespace jindou::api {

std::span<const Route> template_routes();

// Looks stored templates up, in the partitions that their names belong to, and adds them to
// `templates`, also those that do not exist. Errors: storage, overloaded; then some may be missing.
Task<Result<void>> fetch_templates(Services& services, std::vector<codec::TemplateRef> refs,
                                   codec::TemplateSet& templates);

}  // namespace jindou::api
