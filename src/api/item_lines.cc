#include "api/item_lines.h"

#include <string>
#include <utility>
#include <vector>

#include "api/send_command.h"
#include "api/template_routes.h"
#include "openapi/strict_check.h"

namespace jindou::api {
namespace {

using codec::LineSplitter;

constexpr std::string_view kItemPath = "/message/sendbatch";

codec::SendLimits line_limits(const Services& services, const Request& request) {
  codec::SendLimits limits = send_limits(services.options.send, request);
  limits.problems_max = 1;
  return limits;
}

codec::ItemBody problem_of(Errc code, std::string text) {
  codec::ItemProblem problem;
  problem.code = code;
  problem.text = std::move(text);
  return std::vector<codec::ItemProblem>{std::move(problem)};
}

}  // namespace

ItemLines::ItemLines(Services& services, const Request& request)
    : services_(services),
      strict_(openapi::wants_strict(request)),
      common_(line_limits(services, request), &templates_) {}

codec::ItemBody ItemLines::parse(LineSplitter::Found found, std::string_view line) {
  if (found == LineSplitter::Found::too_long) {
    return problem_of(Errc::too_large,
                      "the line is longer than " +
                          std::to_string(services_.options.http.limits.body_bytes) +
                          " bytes (api.maxBodyBytes)");
  }
  if (found == LineSplitter::Found::no_room) {
    return problem_of(Errc::overloaded,
                      "the bodies of other requests take all the memory for this line; retry");
  }
  if (strict_) {
    std::string unknown = openapi::unknown_item_members(line, Verb::post, kItemPath);
    if (!unknown.empty()) return problem_of(Errc::invalid, std::move(unknown));
  }
  return codec::parse_item(line, 0, common_);
}

Task<std::optional<codec::ItemProblem>> ItemLines::fetch(codec::TemplatesWanted wanted) {
  // What is dropped is looked up again when it is named again.
  if (templates_.size() >= codec::kTemplatesOfABatchMax || templates_.bytes() >= kTemplateBytes) {
    templates_ = codec::TemplateSet();
  }
  const auto fetched = co_await fetch_templates(services_, std::move(wanted.refs), templates_);
  if (fetched) co_return std::nullopt;
  codec::ItemProblem problem;
  problem.code = fetched.error().code();
  problem.text = fetched.error().text();
  co_return problem;
}

}  // namespace jindou::api
