// /jobs: batches that are sent in the background. POST /message/sendbatch?async=true makes them
// (job_upload.h).
#pragma once

#include <span>
#include <string_view>

#include "api/route.h"
#include "model/job.h"

namespace jindou::api {

std::span<const Route> job_routes();

// Does that with the job that the path names behind `before`, if the caller may, and answers with
// the job, or why it cannot be done. `only_failed`: as partition::ChangeJob has it.
Task<void> act_on_job(Services& services, Request& request, Response& response, JobAction action,
                      std::string_view before, bool only_failed = false);

}  // namespace jindou::api
