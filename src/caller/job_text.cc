#include "caller/job_text.h"

#include <algorithm>

#include "caller/jobs_options.h"
#include "caller/shown_text.h"
#include "caller/status_line.h"
#include "codec/json_reader.h"

namespace jindou::caller {

namespace {

using simdjson::dom::element;
using simdjson::dom::object;

Error no_job() {
  return Error(Errc::invalid, "the server answers with what is no job; is it a Jindou server?");
}

Result<JobView> view_of(const element& value) {
  object from;
  if (value.get(from) != simdjson::SUCCESS) return no_job();
  JobView job;
  job.id = text_member(from, "id");
  job.name = text_member(from, "name");
  job.kind = text_member(from, "kind");
  job.state = text_member(from, "state");
  job.reason = text_member(from, "reason");
  job.items = number_member(from, "items");
  job.sent = number_member(from, "accepted") + number_member(from, "duplicate");
  job.refused = number_member(from, "refused");
  job.unknown = number_member(from, "unknown");
  job.pending = number_member(from, "pending");
  job.pushed = number_member(from, "pushed_online");
  job.left = number_member(from, "left_offline");
  const bool recent = from["recent_per_second"].error() == simdjson::SUCCESS;
  job.per_second = number_member(from, recent ? "recent_per_second" : "items_per_second");
  if (job.id.empty() || job.state.empty()) return no_job();
  return job;
}

std::string_view verb_of(const JobView& job) {
  if (job.kind == "recall") return " recalled";
  return job.kind == "edit" ? " edited" : " sent";
}

std::string counts_text(const JobView& job) {
  std::string text;
  if (job.refused > 0) text += ", " + with_commas(job.refused) + " refused";
  if (job.unknown > 0) text += ", " + with_commas(job.unknown) + " unknown";
  return text;
}

std::string reach_text(const JobView& job) {
  if (job.pushed + job.left == 0) return {};
  return "; pushed to " + with_commas(job.pushed) + " online, left for " + with_commas(job.left) +
         " offline";
}

std::string reason_text(const JobView& job) {
  return job.reason.empty() ? "" : " (" + printable(job.reason) + ")";
}

}  // namespace

Result<JobView> parse_job(std::string_view json) {
  const auto parsed = codec::parse_json(json);
  if (!parsed) return no_job();
  return view_of(*parsed);
}

Result<std::vector<JobView>> parse_jobs(std::string_view json, bool& more) {
  const auto parsed = codec::parse_json(json);
  simdjson::dom::array jobs;
  if (!parsed || (*parsed)["jobs"].get(jobs) != simdjson::SUCCESS) return no_job();
  std::vector<JobView> views;
  for (const element each : jobs) {
    JD_TRY(JobView job, view_of(each));
    views.push_back(std::move(job));
  }
  std::uint64_t flag = 0;
  more = (*parsed)["more"].get(flag) == simdjson::SUCCESS && flag != 0;
  return views;
}

std::string progress_text(const JobView& job) {
  const std::uint64_t tried = job.items - std::min(job.items, job.pending);
  std::string text =
      job.state + reason_text(job) + ": " + with_commas(tried) + " of " + with_commas(job.items);
  if (job.items > 0) text += " (" + std::to_string(tried * 100 / job.items) + " %)";
  text += counts_text(job);
  if (job.state != "running" || job.per_second == 0) return text + reach_text(job);
  text += ", " + with_commas(job.per_second) + "/s";
  const double left = static_cast<double>(job.pending) / static_cast<double>(job.per_second);
  return text + ", " + duration_text(left) + " left" + reach_text(job);
}

std::string end_text(const JobView& job) {
  if (job.state == "deleted") return "the job was deleted";
  return job.state + reason_text(job) + ": " + with_commas(job.sent) + std::string(verb_of(job)) +
         counts_text(job) + ", of " + with_commas(job.items) + reach_text(job);
}

int end_code(const JobView& job) {
  if (job.state == "done") return job.refused + job.unknown == 0 ? kAllSent : kSomeRefused;
  const bool ended = job.state == "cancelled" || job.state == "failed" || job.state == "deleted";
  return ended ? kEndedEarly : kNotFinished;
}

std::string table_of(const std::vector<JobView>& jobs) {
  std::vector<Columns::Row> rows;
  for (const JobView& job : jobs) {
    rows.push_back({job.id, job.state, std::to_string(job.items), std::to_string(job.sent),
                    std::to_string(job.refused), printable(job.name)});
  }
  return Columns({"ID", "STATE", "ITEMS", "SENT", "REFUSED", "NAME"}).text(rows);
}

}  // namespace jindou::caller
