// POST /batches/{id}/recall and /edit: all that a job has sent is taken back, or gets another
// payload, by another job (docs/decisions/0034-batch-revisions.md).
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> batch_revision_routes();

}  // namespace jindou::api
