#include "api/whole_lines.h"

#include <cstddef>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "api/answers.h"
#include "api/csv_rows.h"
#include "api/item_counts.h"
#include "api/item_lines.h"
#include "api/job_upload.h"
#include "api/repeatable.h"
#include "api/send_command.h"
#include "api/send_query.h"
#include "api/send_stream.h"
#include "api/template_routes.h"
#include "base/byte_budget.h"
#include "codec/batch_common.h"
#include "codec/json_writer.h"
#include "codec/line_splitter.h"
#include "openapi/strict_check.h"

namespace jindou::api {
namespace {

using codec::LineSplitter;

constexpr std::string_view kWholePath = "/message/sendbatch";

// One reading of a body, with the templates that are known.
class WholeReader {
 public:
  // Borrows all.
  WholeReader(const Services& services, const Request& request, const codec::TemplateSet& templates)
      : request_(request),
        templates_(templates),
        line_bytes_max_(services.options.http.limits.body_bytes),
        strict_(openapi::wants_strict(request)),
        common_(send_limits(services.options.send, request), &templates) {}

  // Errors: of the body as a whole.
  Result<void> read() { return is_csv(request_) ? read_rows() : read_lines(); }

  // Templates that are to be looked up before it is read again.
  const std::set<codec::TemplateRef>& wanted() const { return wanted_; }
  std::vector<codec::ItemProblem>& problems() { return problems_; }
  std::vector<codec::BatchItem>& items() { return items_; }

 private:
  Result<void> read_lines() {
    LineSplitter lines(line_bytes_max_, nullptr);
    BudgetShare uncounted(nullptr);  // the body is
    std::string_view rest = request_.body;
    for (bool first = true;; first = false) {
      std::string_view line;
      LineSplitter::Found found = lines.next(rest, line);
      if (found == LineSplitter::Found::none) found = lines.finish(line);
      if (found == LineSplitter::Found::none) return {};
      if (first) {
        JD_TRY(const bool head,
               take_head_line(found, line, line_bytes_max_, strict_, common_, uncounted));
        if (head) continue;
      }
      JD_RETURN_IF_ERROR(add(line, {}));
    }
  }

  Result<void> read_rows() {
    JD_TRY(CsvRows rows, CsvRows::create(request_, common_.limits().head_bytes_max, nullptr));
    std::string_view rest = request_.body;
    for (;;) {
      CsvRows::Found found = rows.next(rest);
      if (found == CsvRows::Found::none) found = rows.finish();
      if (found == CsvRows::Found::none) return {};
      if (found == CsvRows::Found::fault) return rows.fault();
      if (found == CsvRows::Found::head) {
        BudgetShare uncounted(nullptr);
        JD_TRY(const bool head, take_head_line(LineSplitter::Found::line, rows.text(),
                                               line_bytes_max_, strict_, common_, uncounted));
        if (!head) return Error(Errc::invalid, kNoHead);
        rows.set_shared(csv_shared(common_));
      }
      if (found == CsvRows::Found::item) JD_RETURN_IF_ERROR(add(rows.text(), rows.where()));
      if (found == CsvRows::Found::problem) {
        JD_RETURN_IF_ERROR(count_item());
        codec::ItemProblem problem;
        problem.text = rows.text();
        add_problem(std::move(problem));
      }
    }
  }

  Result<void> count_item() {
    const std::size_t most = common_.limits().items_max;
    if (++count_ <= most) return {};
    return Error(Errc::too_large,
                 "with atomic or an Idempotency-Key there may be " + std::to_string(most) +
                     " items (api.maxBatch); without them any number, which a client_msg_no each "
                     "makes repeatable; a job (async=true) has any number with a key, too");
  }

  // `where`: what the text of a problem begins with.
  Result<void> add(std::string_view line, const std::string& where) {
    JD_RETURN_IF_ERROR(count_item());
    if (strict_) {
      codec::ItemProblem problem;
      problem.text = openapi::unknown_item_members(line, Verb::post, kWholePath);
      if (!problem.text.empty()) {
        problem.client_msg_no = codec::find_client_msg_no(line);
        add_problem(std::move(problem));
        return {};
      }
    }
    codec::ItemBody item = codec::parse_item(line, count_ - 1, common_);
    if (auto* wanted = std::get_if<codec::TemplatesWanted>(&item)) {
      for (codec::TemplateRef& ref : wanted->refs) wanted_.insert(std::move(ref));
      if (templates_.size() + wanted_.size() <= codec::kTemplatesOfABatchMax) return {};
      return Error(Errc::too_large, "a batch must not name more than " +
                                        std::to_string(codec::kTemplatesOfABatchMax) +
                                        " templates");
    }
    if (auto* wrong = std::get_if<std::vector<codec::ItemProblem>>(&item)) {
      for (codec::ItemProblem& problem : *wrong) {
        problem.text = where + problem.text;
        add_problem(std::move(problem));
      }
    } else {
      items_.push_back(std::move(std::get<codec::BatchItem>(item)));
    }
    return {};
  }

  void add_problem(codec::ItemProblem problem) {
    if (problems_.size() >= common_.limits().problems_max) return;
    problem.index = count_ - 1;
    problems_.push_back(std::move(problem));
  }

  const Request& request_;
  const codec::TemplateSet& templates_;
  const std::size_t line_bytes_max_;
  const bool strict_;
  codec::BatchCommon common_;
  std::size_t count_ = 0;  // of lines and rows that are items or should be
  std::vector<codec::BatchItem> items_;
  std::vector<codec::ItemProblem> problems_;
  std::set<codec::TemplateRef> wanted_;
};

// False: `response` is the answer.
bool check_whole(WholeReader& reader, const Result<void>& read, Response& response) {
  if (!read) {
    answer_error(response, read.error());
  } else if (!reader.wanted().empty()) {
    return true;
  } else if (!reader.problems().empty()) {
    answer_problems(response, reader.problems());
  } else if (reader.items().empty()) {
    answer_invalid(response, "the batch is empty");
  } else {
    return true;
  }
  return false;
}

}  // namespace

bool is_whole_lines(const Request& request) {
  if (!is_item_stream(request) && !is_csv(request)) return false;
  const auto dry_run = flag_choice(request, "dry_run");
  const auto atomic = flag_choice(request, "atomic");
  // A value that is none is refused by who reads on.
  if (!dry_run || !atomic || *dry_run) return false;
  if (*atomic) return true;
  // Of a job nothing is sent before all of it has come, and its answer is short (job_upload.h).
  return !request.header("Idempotency-Key").empty() && !asks_for_job(request);
}

Task<std::optional<codec::BatchBody>> read_whole_lines(Services& services, Request& request,
                                                       Response& response) {
  codec::TemplateSet templates;
  for (;;) {
    co_await request.turns->wait();
    WholeReader reader(services, request, templates);
    const Result<void> read = reader.read();
    if (!check_whole(reader, read, response)) co_return std::nullopt;
    if (reader.wanted().empty()) co_return codec::BatchBody(std::move(reader.items()));
    if (templates.size() == 0) {
      // A template may be another one by now, or gone; the answer is the first one all the same.
      Repeatable repeatable(services, request, response);
      const bool answered = co_await repeatable.is_answered();
      if (answered) co_return std::nullopt;
    }
    std::vector<codec::TemplateRef> refs(reader.wanted().begin(), reader.wanted().end());
    const auto fetched = co_await fetch_templates(services, std::move(refs), templates);
    if (!fetched) {
      answer_error(response, fetched.error());
      co_return std::nullopt;
    }
  }
}

void answer_lines(Response& response, std::span<const SendResult> results,
                  std::span<const std::string> client_msg_nos, std::string_view batch_id) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    append_result_line(response.body, i, results[i], client_msg_nos[i]);
  }
  ItemCounts counts;
  counts.add(results);
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.boolean("done", true);
  json.number("items", results.size());
  json.number("accepted", counts.of(SendResult::State::accepted));
  json.number("duplicate", counts.of(SendResult::State::duplicate));
  json.number("refused", counts.of(SendResult::State::refused));
  json.number("unknown", counts.of(SendResult::State::unknown));
  if (!batch_id.empty()) json.string("batch_id", batch_id);
  json.end_object();
  response.body += '\n';
}

}  // namespace jindou::api
