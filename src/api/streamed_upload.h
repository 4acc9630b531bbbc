// Bodies of any length that become jobs (job_upload.h) while they come: lines, and CSV.
#pragma once

#include "api/http_names.h"
#include "api/job_upload.h"
#include "api/services.h"

namespace jindou::api {

// Both answer the request. A row, or line, that is no item is a refused item of the job. Of an
// upload that is cut, or of CSV with a quote in the wrong place, behind which nobody knows where
// rows begin, the job is not started. With an Idempotency-Key one job comes of all requests that
// are the same: it begins in one commit with its answer, when all of it has come. Precondition:
// Request::stream.
Task<void> post_lines_as_job(Services& services, Request& request, Response& response,
                             JobWish wish);
Task<void> post_csv_as_job(Services& services, Request& request, Response& response, JobWish wish);

}  // namespace jindou::api
