#include "caller/job_text.h"

#include <algorithm>
#include <array>

#include "caller/jobs_options.h"
#include "caller/status_line.h"
#include "codec/json_reader.h"

namespace jindou::caller {

namespace {

using simdjson::dom::element;
using simdjson::dom::object;

std::string job_member(const object& from, std::string_view name) {
  std::string_view text;
  if (from[name].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

std::uint64_t number_of(const object& from, std::string_view name) {
  std::uint64_t number = 0;
  return from[name].get(number) == simdjson::SUCCESS ? number : 0;
}

Error no_job() {
  return Error(Errc::invalid, "the server answers with what is no job; is it a Jindou server?");
}

Result<JobView> view_of(const element& value) {
  object from;
  if (value.get(from) != simdjson::SUCCESS) return no_job();
  JobView job;
  job.id = job_member(from, "id");
  job.name = job_member(from, "name");
  job.kind = job_member(from, "kind");
  job.state = job_member(from, "state");
  job.reason = job_member(from, "reason");
  job.items = number_of(from, "items");
  job.sent = number_of(from, "accepted") + number_of(from, "duplicate");
  job.refused = number_of(from, "refused");
  job.unknown = number_of(from, "unknown");
  job.pending = number_of(from, "pending");
  const bool recent = from["recent_per_second"].error() == simdjson::SUCCESS;
  job.per_second = number_of(from, recent ? "recent_per_second" : "items_per_second");
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

std::string reason_text(const JobView& job) {
  return job.reason.empty() ? "" : " (" + printable(job.reason) + ")";
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return out;
}

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
  if (job.state != "running" || job.per_second == 0) return text;
  text += ", " + with_commas(job.per_second) + "/s";
  const double left = static_cast<double>(job.pending) / static_cast<double>(job.per_second);
  return text + ", " + duration_text(left) + " left";
}

std::string end_text(const JobView& job) {
  if (job.state == "deleted") return "the job was deleted";
  return job.state + reason_text(job) + ": " + with_commas(job.sent) + std::string(verb_of(job)) +
         counts_text(job) + ", of " + with_commas(job.items);
}

int end_code(const JobView& job) {
  if (job.state == "done") return job.refused + job.unknown == 0 ? kAllSent : kSomeRefused;
  const bool ended = job.state == "cancelled" || job.state == "failed" || job.state == "deleted";
  return ended ? kEndedEarly : kNotFinished;
}

std::string table_of(const std::vector<JobView>& jobs) {
  using Row = std::array<std::string, 6>;
  std::vector<Row> rows = {{"ID", "STATE", "ITEMS", "SENT", "REFUSED", "NAME"}};
  for (const JobView& job : jobs) {
    rows.push_back({job.id, job.state, std::to_string(job.items), std::to_string(job.sent),
                    std::to_string(job.refused), printable(job.name)});
  }
  std::array<std::size_t, 6> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      text += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
    }
    text += row.back();
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::string lines_of(std::string_view json) {
  const auto parsed = codec::parse_json(json);
  object from;
  if (!parsed || parsed->get(from) != simdjson::SUCCESS) return std::string(json) + '\n';
  std::string text;
  for (const auto [name, value] : from) {
    std::string_view words;
    const bool is_text = value.get(words) == simdjson::SUCCESS;
    text.append(name).append(": ");
    text += is_text ? printable(words) : simdjson::minify(value);
    text += '\n';
  }
  return text;
}

}  // namespace jindou::caller
