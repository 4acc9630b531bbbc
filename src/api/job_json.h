// What is told of a job, and how the job that a path names is found.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "api/http_names.h"
#include "api/services.h"
#include "codec/json_writer.h"
#include "model/job.h"

namespace jindou::api {

// What stands before the id in the path of a job.
inline constexpr std::string_view kJobPath = "/jobs/";

// An object. `recent`: how many items are tried in a second at the moment, when somebody has seen
// that; the end is then expected by it.
void write_job(codec::JsonWriter& json, const Job& job, std::optional<std::uint64_t> recent = {});

// What stands before the id of a batch, which is a job, too.
inline constexpr std::string_view kBatchPath = "/batches/";

// 404, in the words of the path that stands before the id.
void answer_no_such_job(Response& response, std::string_view before = kJobPath);

// None: there is no such job. Errors: storage, overloaded.
Task<Result<std::optional<Job>>> load_job(Services& services, std::string id);

// The job that the path names behind `before`, if the caller may look at it or change it, whichever
// is asked for. None: `response` is the answer.
Task<std::optional<Job>> find_job(Services& services, const Request& request, Response& response,
                                  std::string_view before = kJobPath);

// The index of the first item that is asked for (`from` of the query; 0 unless it is given). None:
// `response` is the answer.
std::optional<std::uint64_t> first_item_wanted(const Request& request, Response& response);
// Whether all items that the job will ever have are there. Else `response` says that they are not,
// beginning with `what` unless it is a batch that a request sends.
bool has_all_items(const Job& job, Response& response, std::string_view what);

}  // namespace jindou::api
