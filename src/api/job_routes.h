// /jobs: batches that are sent in the background. POST /message/sendbatch?async=true makes them
// (job_upload.h).
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> job_routes();

}  // namespace jindou::api
