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
      common_(line_limits(services, request), &templates_),
      head_share_(services.options.http.body_budget) {}

Result<bool> take_head_line(LineSplitter::Found found, std::string_view line, std::size_t limit,
                            bool strict, codec::BatchCommon& common, BudgetShare& share) {
  constexpr std::string_view kMayBe = "the first line, which may be the head of the others, ";
  if (found == LineSplitter::Found::too_long) {
    return Error(Errc::too_large, std::string(kMayBe) + "is longer than " + std::to_string(limit) +
                                      " bytes (api.maxBodyBytes)");
  }
  if (found == LineSplitter::Found::no_room) {
    return Error(Errc::overloaded,
                 std::string(kMayBe) + "finds no memory beside other bodies; retry later");
  }
  JD_TRY(const bool is_head, codec::read_head(line, common));
  if (!is_head) return false;
  if (!share.resize(common.held_bytes())) {
    return Error(Errc::overloaded,
                 "the payloads and defaults of the first line find no memory beside other bodies; "
                 "retry later");
  }
  if (!strict) return true;
  // As the object form that it is the beginning of.
  const std::string body = "{\"items\":[]," + std::string(line.substr(line.find('{') + 1));
  std::string unknown = openapi::unknown_body_members(body, Verb::post, kItemPath);
  if (!unknown.empty()) return Error(Errc::invalid, std::move(unknown));
  return true;
}

codec::CsvShared csv_shared(const codec::BatchCommon& common) {
  codec::CsvShared shared;
  shared.has_head = true;
  if (!common.has_defaults()) return shared;
  const codec::SendFields& defaults = common.defaults();
  shared.channel_id = !defaults.text(codec::SendMember::channel_id).empty();
  shared.channel_type = defaults.is_given(codec::SendMember::channel_type);
  shared.from_uid = !defaults.text(codec::SendMember::from_uid).empty();
  shared.payload = defaults.chooses_payload();
  return shared;
}

codec::CsvShared ItemLines::shared_by_rows() const { return csv_shared(common_); }

Result<bool> ItemLines::take_head(LineSplitter::Found found, std::string_view line) {
  return take_head_line(found, line, services_.options.http.limits.body_bytes, strict_, common_,
                        head_share_);
}

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
