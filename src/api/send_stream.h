// POST /message/sendbatch with a body of NDJSON or of CSV: one item a line or row, any number of
// them, and a line of the answer for each, in the order of the items, while the upload still runs.
//
// Two coroutines of the request's shard work behind each other: one reads lines and gathers them in
// groups, the other one hands a group to the core, waits for its results and writes them. So the
// next group is read while one is made durable, and a core that is full, or a caller who does not
// read, slows the upload. One group at a time is in the core: items of one channel stay in order
// (docs/decisions/0025-streamed-batches.md).
#pragma once

#include "api/http_names.h"
#include "api/services.h"

namespace jindou::api {

// By the Content-Type. For Route::streams.
bool is_item_stream(const Request& request);

// Precondition: Request::stream. A group has at most SendLimits::items_max items and ends with
// the one that makes it 512 KiB of lines and payloads that are filled in; a line has at most
// ParserLimits::body_bytes.
Task<void> post_item_stream(Services& services, Request& request, Response& response);
// The same with CSV (csv_rows.h). Columns that make no items are answered before anything is sent;
// of a row that cannot be read the last line of the answer tells.
Task<void> post_csv_stream(Services& services, Request& request, Response& response);

}  // namespace jindou::api
