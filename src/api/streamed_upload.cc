#include "api/streamed_upload.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/answers.h"
#include "api/csv_rows.h"
#include "api/item_lines.h"
#include "api/repeatable.h"
#include "api/send_command.h"
#include "base/assert.h"
#include "base/byte_budget.h"
#include "codec/line_splitter.h"
#include "partition/keyed_request.h"

namespace jindou::api {
namespace {

namespace asio = boost::asio;
using codec::LineSplitter;
using http::Stream;

// Between two tries of what there is no room for.
constexpr std::chrono::milliseconds kPause{100};

// The Idempotency-Key of an upload. Who asked for the same is known when all of it has come, so the
// key is taken then, and the job begins in one with its answer: nothing is sent before.
class UploadKey {
 public:
  UploadKey(Services& services, Request& request, Response& response)
      : repeatable_(services, request, response), response_(response) {}

  // Before anything is read. False: `response` is the answer.
  Task<bool> begin(JobUpload& upload);
  // What comes of the body, in order.
  void add(std::string_view piece) {
    if (digest_) digest_->add(piece);
  }
  bool is_there() const { return digest_.has_value(); }
  // All of it has come: the answer of the request. Precondition: is_there().
  Task<void> end(JobUpload& upload);

 private:
  Repeatable repeatable_;
  Response& response_;
  std::optional<partition::BytesDigest> digest_;  // none: there is no key
  bool is_known_ = false;                         // it was answered, and nothing is stored again
};

Task<bool> UploadKey::begin(JobUpload& upload) {
  if (!repeatable_.check_key()) co_return false;
  if (!repeatable_.has_key()) co_return true;
  digest_.emplace();
  is_known_ = co_await repeatable_.is_known();
  if (is_known_) upload.discard();
  co_return true;
}

Task<void> UploadKey::end(JobUpload& upload) {
  const auto flushed = co_await upload.flush();
  if (!flushed) {
    (void)co_await upload.finish(response_, flushed);
    co_return;
  }
  std::string digest = digest_->finish();
  const bool is_first = co_await repeatable_.begin(std::move(digest));
  if (!is_first) {
    co_await upload.drop();
    co_return;
  }
  if (is_known_) {
    co_await repeatable_.end(false);
    response_.extra_headers += "Retry-After: 1\r\n";
    answer_error(response_, 409, errc_name(Errc::conflict),
                 "the job was not started: the answer to this Idempotency-Key was forgotten while "
                 "the body came; repeat it");
    co_return;
  }
  co_await seal_with_answer(upload, repeatable_, response_);
}

// The items of one upload, as they are found.
class ItemUpload {
 public:
  ItemUpload(Services& services, Request& request, JobUpload& upload, UploadKey& key)
      : services_(services),
        stream_(*request.stream),
        upload_(upload),
        key_(key),
        items_(services, request) {}

  // The first line, if it is the head of the others: true. Errors: as ItemLines::take_head().
  Result<bool> take_head(LineSplitter::Found found, std::string_view line) {
    return items_.take_head(found, line);
  }
  codec::CsvShared shared_by_rows() const { return items_.shared_by_rows(); }
  // A line that is an item, or none. Errors: those of the upload, and of a line that others leave
  // no room for.
  // `where`: what the text of a refusal begins with.
  Task<Result<void>> add(LineSplitter::Found found, std::string_view line, std::string where);
  // What is no item for a reason that is known. Errors: those of the upload.
  Task<Result<void>> refuse(codec::ItemProblem problem);

  // Reads the body to its end. `take_piece(piece)` and `take_end()` are awaited, and give a
  // Result<void>, whose error ends it.
  template <class TakePiece, class TakeEnd>
  Task<Result<Stream::Part>> read(Request& request, TakePiece& take_piece, TakeEnd& take_end);

 private:
  // As ItemLines::fetch(); waits while too many reads do.
  Task<std::optional<codec::ItemProblem>> fetch(codec::TemplatesWanted wanted);

  Services& services_;
  Stream& stream_;
  JobUpload& upload_;
  UploadKey& key_;
  ItemLines items_;
};

template <class TakePiece, class TakeEnd>
Task<Result<Stream::Part>> ItemUpload::read(Request& request, TakePiece& take_piece,
                                            TakeEnd& take_end) {
  Stream::Part part = Stream::Part::piece;
  for (;;) {
    std::string_view piece;
    part = co_await stream_.read(Stream::Wait::yes, piece);
    if (part != Stream::Part::piece) break;
    co_await request.turns->wait();
    key_.add(piece);
    const auto taken = co_await take_piece(piece);
    if (!taken) co_return Result<Stream::Part>(Error(taken.error()));
    const auto flushed = co_await upload_.flush_if_due();
    if (!flushed) co_return Result<Stream::Part>(Error(flushed.error()));
  }
  if (part == Stream::Part::end) {
    const auto taken = co_await take_end();
    if (!taken) co_return Result<Stream::Part>(Error(taken.error()));
  }
  co_return Result<Stream::Part>(part);
}

Task<std::optional<codec::ItemProblem>> ItemUpload::fetch(codec::TemplatesWanted wanted) {
  const auto until = services_.deps.clock.steady() + services_.options.http.stream_timeout;
  for (;;) {
    codec::TemplatesWanted again = wanted;
    auto problem = co_await items_.fetch(std::move(again));
    if (!problem || problem->code != Errc::overloaded) co_return problem;
    if (services_.deps.clock.steady() >= until) co_return problem;
    asio::steady_timer pause(co_await asio::this_coro::executor, kPause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

Task<Result<void>> ItemUpload::refuse(codec::ItemProblem problem) {
  if (upload_.refuse(problem.code, problem.text)) co_return Result<void>();
  auto flushed = co_await upload_.flush();
  if (!flushed) co_return flushed;
  const bool added = upload_.refuse(problem.code, problem.text);
  JD_ASSERT(added);
  co_return Result<void>();
}

Task<Result<void>> ItemUpload::add(LineSplitter::Found found, std::string_view line,
                                   std::string where) {
  items_.begin_portion();  // what is filled in is bounded for each item
  codec::ItemBody item = items_.parse(found, line);
  std::optional<codec::ItemProblem> problem;
  if (auto* wanted = std::get_if<codec::TemplatesWanted>(&item)) {
    problem = co_await fetch(std::move(*wanted));
    if (!problem) item = items_.parse(found, line);
  }
  if (auto* wrong = std::get_if<std::vector<codec::ItemProblem>>(&item)) {
    problem = std::move(wrong->front());
  }
  if (problem) {
    // Whether this is an item cannot be known now: the whole upload may be tried again.
    if (errc_retriable(problem->code)) {
      co_return Result<void>(Error(problem->code, problem->text));
    }
    problem->text = where + problem->text;
    auto refused = co_await refuse(std::move(*problem));
    co_return refused;
  }
  auto* own = std::get_if<codec::BatchItem>(&item);
  JD_ASSERT(own != nullptr);
  stream_.count_useful(line.size() + 1);  // with its end
  const SendCommand message = unnumbered(make_command(std::move(*own), services_.deps.random));
  if (upload_.add(message)) co_return Result<void>();
  auto flushed = co_await upload_.flush();
  if (!flushed) co_return flushed;
  const bool added = upload_.add(message);
  JD_ASSERT(added);
  co_return Result<void>();
}

// The lines of a body of NDJSON.
class LinesUpload {
 public:
  // Borrows it.
  LinesUpload(Services& services, ItemUpload& items)
      : items_(items),
        lines_(services.options.http.limits.body_bytes, services.options.http.body_budget,
               Stream::kKeptBytes) {}

  Task<Result<void>> take(std::string_view piece) {
    for (;;) {
      std::string_view line;
      const LineSplitter::Found found = lines_.next(piece, line);
      if (found == LineSplitter::Found::none) co_return Result<void>();
      auto added = co_await add(found, line);
      if (!added) co_return added;
    }
  }
  Task<Result<void>> finish() {
    std::string_view line;
    const LineSplitter::Found found = lines_.finish(line);
    if (found == LineSplitter::Found::none) co_return Result<void>();
    auto added = co_await add(found, line);
    co_return added;
  }

 private:
  Task<Result<void>> add(LineSplitter::Found found, std::string_view line) {
    if (std::exchange(first_, false)) {
      auto head = items_.take_head(found, line);
      if (!head) co_return Result<void>(std::move(head).error());
      if (*head) co_return Result<void>();
    }
    std::string nowhere;
    auto added = co_await items_.add(found, line, std::move(nowhere));
    co_return added;
  }

  ItemUpload& items_;
  LineSplitter lines_;
  bool first_ = true;
};

// The rows of a body of CSV.
class CsvUpload {
 public:
  // Borrows both.
  CsvUpload(JobUpload& upload, ItemUpload& items, CsvRows rows)
      : upload_(upload), items_(items), rows_(std::move(rows)) {}

  Task<Result<void>> take(std::string_view piece) {
    for (;;) {
      const CsvRows::Found found = rows_.next(piece);
      if (found == CsvRows::Found::none) co_return Result<void>();
      auto added = co_await add(found);
      if (!added) co_return added;
    }
  }
  Task<Result<void>> finish() {
    const CsvRows::Found found = rows_.finish();
    if (found == CsvRows::Found::none) co_return Result<void>();
    auto added = co_await add(found);
    co_return added;
  }
  // The job is there: the columns were right.
  bool begun() const { return begun_; }

 private:
  Task<Result<void>> add(CsvRows::Found found) {
    if (found == CsvRows::Found::fault) co_return Result<void>(rows_.fault());
    if (found == CsvRows::Found::head) {
      auto head = items_.take_head(LineSplitter::Found::line, rows_.text());
      if (!head) co_return Result<void>(std::move(head).error());
      if (!*head) co_return Result<void>(Error(Errc::invalid, kNoHead));
      rows_.set_shared(items_.shared_by_rows());
      co_return Result<void>();
    }
    if (found == CsvRows::Found::columns) {
      auto begun = co_await upload_.begin();
      begun_ = begun.has_value();
      co_return begun;
    }
    if (found == CsvRows::Found::item) {
      const std::string_view line = rows_.text();
      std::string where = rows_.where();
      auto added = co_await items_.add(LineSplitter::Found::line, line, std::move(where));
      co_return added;
    }
    codec::ItemProblem problem;
    problem.text = rows_.text();
    auto refused = co_await items_.refuse(std::move(problem));
    co_return refused;
  }

  JobUpload& upload_;
  ItemUpload& items_;
  CsvRows rows_;
  bool begun_ = false;
};

// Memory that an upload needs and takes once: it waits for none.
std::size_t room_of_upload() { return 2 * kJobChunkBytesMax + ItemLines::kTemplateBytes; }

// Answers for an upload that has begun and was read, as far as it went.
Task<void> end_upload(Services& services, Request& request, Response& response, JobUpload& upload,
                      UploadKey& key, const Result<Stream::Part>& read) {
  Result<void> done;
  if (read && *read != Stream::Part::end) {
    const std::string problem(request.stream->problem());
    std::string reason = "the upload was cut: " + problem;
    co_await upload.give_up(std::move(reason));
    const unsigned status = services.deps.accepting() ? 400 : 503;
    answer_error(response, status, "incomplete", "the job was not started: " + problem);
    co_return;
  }
  if (read && key.is_there()) {
    co_await key.end(upload);
    co_return;
  }
  if (read) {
    done = co_await upload.seal();
  } else {
    done = Error(read.error());
    request.stream->end_reading();
  }
  if (!done && done.error().code() == Errc::invalid) {
    // Of what was given, not of how it is stored.
    upload.answer_failure(response, done.error());
    std::string reason = done.error().detail();
    co_await upload.give_up(std::move(reason));
    co_return;
  }
  (void)co_await upload.finish(response, done);
}

}  // namespace

Task<void> post_lines_as_job(Services& services, Request& request, Response& response,
                             JobWish wish) {
  BudgetShare share(services.options.http.body_budget);
  if (!share.resize(room_of_upload())) {
    answer_overloaded(response);
    co_return;
  }
  JobUpload upload(services, request, std::move(wish));
  UploadKey key(services, request, response);
  const bool may_begin = co_await key.begin(upload);
  if (!may_begin) co_return;
  const auto begun = co_await upload.begin();
  if (!begun) {
    upload.answer_failure(response, begun.error());
    co_return;
  }
  ItemUpload items(services, request, upload, key);
  LinesUpload lines(services, items);
  auto take_piece = [&](std::string_view& piece) { return lines.take(piece); };
  auto take_end = [&] { return lines.finish(); };
  const auto read = co_await items.read(request, take_piece, take_end);
  co_await end_upload(services, request, response, upload, key, read);
}

Task<void> post_csv_as_job(Services& services, Request& request, Response& response, JobWish wish) {
  auto csv = CsvRows::create(request, services.options.send.head_bytes_max,
                             services.options.http.body_budget);
  if (!csv) {
    answer_error(response, csv.error());
    co_return;
  }
  BudgetShare share(services.options.http.body_budget);
  if (!share.resize(room_of_upload() + CsvRows::kBytesMax)) {
    answer_overloaded(response);
    co_return;
  }
  JobUpload upload(services, request, std::move(wish));
  UploadKey key(services, request, response);
  const bool may_begin = co_await key.begin(upload);
  if (!may_begin) co_return;
  ItemUpload items(services, request, upload, key);
  CsvUpload rows(upload, items, std::move(*csv));
  auto take_piece = [&](std::string_view& piece) { return rows.take(piece); };
  auto take_end = [&] { return rows.finish(); };
  const auto read = co_await items.read(request, take_piece, take_end);
  if (rows.begun()) {
    co_await end_upload(services, request, response, upload, key, read);
    co_return;
  }
  // There is no job that could be failed.
  if (read) {
    answer_error(response, services.deps.accepting() ? 400 : 503, "incomplete",
                 "the job was not started: " + std::string(request.stream->problem()));
  } else {
    upload.answer_failure(response, read.error());
    request.stream->end_reading();
  }
}

}  // namespace jindou::api
