#include "api/template_routes.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/loaded_answers.h"
#include "api/query_number.h"
#include "bodies/read.h"
#include "bodies/templates.h"
#include "codec/payload_template.h"
#include "model/template_name.h"

namespace jindou::api {
namespace {

// Several at once may store the next version of one template: so often the number is asked for
// again.
constexpr int kStoreAttemptsMax = 5;
constexpr std::size_t kTemplatesListed = 100;
constexpr std::size_t kTemplatesListedMax = 1000;

void write_variables(codec::JsonWriter& json, const std::string& payload) {
  json.begin_array("variables");
  if (const auto parsed = codec::PayloadTemplate::parse(payload)) {
    for (const std::string& name : parsed->names()) json.string(name);
  }
  json.end_array();
}

// Reads the body into `wanted`; empty, or what is wrong with it.
std::string read_template_body(const Services& services, const Request& request,
                               partition::StoreTemplate& wanted) {
  bodies::BodyReader body(request.body);
  auto given = bodies::read<bodies::NewTemplate>(body, services.options.body_limits());
  wanted.name = std::move(given.name);
  wanted.payload = std::move(given.payload);
  if (const auto problem = template_name_problem(wanted.name); !problem.empty()) {
    body.fail_member("name", problem);
  }
  if (!body.ok()) return body.problem();
  const auto parsed = codec::PayloadTemplate::parse(wanted.payload);
  return parsed ? std::string() : "payload " + parsed.error().detail();
}

Task<Result<std::uint64_t>> fetch_next_version(Services& services, std::string name) {
  const partition::RecordReader& records = services.deps.records;
  auto work = [&records, name] { return records.load_next_template_version(name); };
  co_return co_await services.deps.blocking.run(std::move(work));
}

// Makes the next version of it, whose number is then in `wanted`.
Task<Result<void>> store_next_version(Services& services, Request& request,
                                      partition::StoreTemplate& wanted) {
  for (int attempt = 1;; ++attempt) {
    std::string name = wanted.name;
    const auto next = co_await fetch_next_version(services, std::move(name));
    if (!next) co_return Result<void>(Error(next.error()));
    wanted.version = *next;
    partition::Change command = wanted;
    auto done = co_await change(services, request, std::move(command));
    const bool again =
        !done && done.error().code() == Errc::conflict && attempt < kStoreAttemptsMax;
    if (!again) co_return done;
  }
}

Task<void> post_template(Services& services, Request& request, Response& response) {
  partition::StoreTemplate wanted;
  if (const auto problem = read_template_body(services, request, wanted); !problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  wanted.created_at = services.deps.clock.wall_seconds();
  const auto done = co_await store_next_version(services, request, wanted);
  if (!done) {
    answer_error(response, done.error());
    co_return;
  }
  codec::JsonWriter json(response.body);
  json.begin_object();
  write_status(json, services.options.status_style);
  json.string("name", wanted.name);
  json.number("version", wanted.version);
  write_variables(json, wanted.payload);
  json.end_object();
}

void write_versions(codec::JsonWriter& json, const std::vector<std::uint64_t>& versions) {
  json.begin_array("versions");
  for (const std::uint64_t version : versions) json.number(version);
  json.end_array();
}

Task<void> get_templates(Services& services, Request& request, Response& response) {
  const auto given = query_number(request, "limit", kTemplatesListedMax);
  const std::string after = request.query_value("after");
  if (!given) {
    answer_invalid(response,
                   "limit must be a number from 1 to " + std::to_string(kTemplatesListedMax));
    co_return;
  }
  if (!after.empty() && !template_name_problem(after).empty()) {
    answer_invalid(response, "after " + std::string(template_name_problem(after)));
    co_return;
  }
  const std::size_t limit = *given == 0 ? kTemplatesListed : static_cast<std::size_t>(*given);
  const partition::RecordReader& records = services.deps.records;
  // One more tells whether there are more.
  auto work = [&records, after, limit] { return records.load_templates(after, limit + 1); };
  const auto found = co_await load_or_answer(services, response, std::move(work));
  if (!found) co_return;
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("templates");
  for (std::size_t i = 0; i < found->size() && i < limit; ++i) {
    const partition::TemplateInfo& info = (*found)[i];
    json.begin_object();
    json.string("name", info.name);
    json.number("version", info.versions.empty() ? 0 : info.versions.back());
    write_versions(json, info.versions);
    json.end_object();
  }
  json.end_array();
  json.flag("more", found->size() > limit);
  json.end_object();
}

// The name in the path and the version in the query. Empty, or what is wrong with them.
std::string read_place(const Request& request, std::string& name, std::uint64_t& version) {
  name = path_parameter(request);
  if (const auto problem = template_name_problem(name); !problem.empty()) {
    return "the name in the path " + std::string(problem);
  }
  const auto given = query_number(request, "version", codec::kTemplateVersionMax);
  if (!given) {
    return "version must be a number from 1 to " + std::to_string(codec::kTemplateVersionMax);
  }
  version = *given;
  return {};
}

void answer_no_such(Response& response, std::string_view name, std::uint64_t version) {
  std::string text = "there is no template \"" + std::string(name) + '"';
  if (version != 0) text += " with the version " + std::to_string(version);
  answer_error(response, 404, errc_name(Errc::not_found), text);
}

Task<void> get_template(Services& services, Request& request, Response& response) {
  std::string name;
  std::uint64_t version = 0;
  if (const std::string problem = read_place(request, name, version); !problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const partition::RecordReader& records = services.deps.records;
  auto work = [&records, name, version] { return records.load_template_version(name, version); };
  const auto found = co_await load_or_answer(services, response, std::move(work));
  if (!found) co_return;
  if (!*found) {
    answer_no_such(response, name, version);
    co_return;
  }
  const partition::TemplateVersion& stored = **found;
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.string("name", name);
  json.number("version", stored.version);
  json.number("created_at", stored.created_at);
  json.base64("payload", stored.payload);
  write_variables(json, stored.payload);
  write_versions(json, stored.versions);
  json.end_object();
}

Task<void> delete_template(Services& services, Request& request, Response& response) {
  partition::DeleteTemplate wanted;
  if (const std::string problem = read_place(request, wanted.name, wanted.version);
      !problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const std::string name = wanted.name;
  const std::uint64_t version = wanted.version;
  partition::Change command = std::move(wanted);
  const auto done = co_await change(services, request, std::move(command));
  if (!done && done.error().code() == Errc::not_found) {
    answer_no_such(response, name, version);
  } else {
    answer_done(response, done, services.options.status_style);
  }
}

// What was looked up, by the places of the references.
using Payloads = std::vector<std::optional<std::string>>;

Result<Payloads> load_payloads(const partition::RecordReader& records,
                               const std::vector<codec::TemplateRef>& refs) {
  Payloads payloads;
  payloads.reserve(refs.size());
  for (const codec::TemplateRef& ref : refs) {
    JD_TRY(auto found, records.load_template_version(ref.name, ref.version));
    auto& payload = payloads.emplace_back();
    if (found) payload = std::move(found->payload);
  }
  return payloads;
}

}  // namespace

Task<Result<void>> fetch_templates(Services& services, std::vector<codec::TemplateRef> refs,
                                   codec::TemplateSet& templates) {
  const partition::RecordReader& records = services.deps.records;
  // Shared: the work may outlive this call when the process stops.
  const auto wanted = std::make_shared<const std::vector<codec::TemplateRef>>(std::move(refs));
  auto work = [&records, wanted] { return load_payloads(records, *wanted); };
  const auto payloads = co_await services.deps.blocking.run(std::move(work));
  if (!payloads) co_return Result<void>(Error(payloads.error()));
  std::size_t found = 0;
  for (std::size_t i = 0; i < wanted->size(); ++i) {
    found += (*payloads)[i] ? 1 : 0;
    templates.put((*wanted)[i], (*payloads)[i]);
  }
  observe::Metrics& metrics = services.deps.metrics;
  if (found > 0) metrics.template_uses.with("found").Increment(static_cast<double>(found));
  if (found < wanted->size()) {
    metrics.template_uses.with("missing").Increment(static_cast<double>(wanted->size() - found));
  }
  co_return Result<void>();
}

std::span<const Route> template_routes() {
  static constexpr std::array<Route, 4> routes = {{
      {Verb::post, "/templates", post_template, Auth::administer,
       "Stores a template, or its next version"},
      {Verb::get, "/templates", get_templates, Auth::send_or_read, "The stored templates"},
      {Verb::get, "/templates/{name}", get_template, Auth::send_or_read,
       "One version of a template"},
      {Verb::delete_, "/templates/{name}", delete_template, Auth::administer,
       "Deletes a template, or one version of it"},
  }};
  return routes;
}

}  // namespace jindou::api
