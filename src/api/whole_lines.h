// A body of NDJSON or of CSV that is read as a whole, where others are streams (send_stream.h,
// streamed_upload.h): with atomic=true nothing may be sent before all of it is known, and of a
// request with an Idempotency-Key body and answer are compared and kept. Such a batch is one like
// an array, with the same bounds, and is answered in lines. What is to be a job is none of these
// (streamed_upload.h).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/http_names.h"
#include "api/services.h"
#include "codec/message_json.h"

namespace jindou::api {

// Whether it is such a body, by the header. False for a dry run, which has neither, and with a key
// for a job.
bool is_whole_lines(const Request& request);

// Its items. None: `response` is the answer. A line that is no item makes it a 400 that names all
// of them, as in an array; so do more than SendLimits::items_max. Precondition: Request::body.
Task<std::optional<codec::BatchBody>> read_whole_lines(Services& services, Request& request,
                                                       Response& response);

// A line for each result and the last one with the counts, as a stream has them. `batch_id`: where
// the batch is kept; empty: it is not.
void answer_lines(Response& response, std::span<const SendResult> results,
                  std::span<const std::string> client_msg_nos, std::string_view batch_id);

}  // namespace jindou::api
