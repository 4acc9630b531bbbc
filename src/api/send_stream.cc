#include "api/send_stream.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/csv_rows.h"
#include "api/item_counts.h"
#include "api/item_lines.h"
#include "api/kept_batch.h"
#include "api/rehearsal.h"
#include "api/send_command.h"
#include "api/send_query.h"
#include "api/template_routes.h"
#include "base/ascii.h"
#include "base/assert.h"
#include "base/byte_budget.h"
#include "codec/batch_common.h"
#include "codec/json_writer.h"
#include "codec/line_splitter.h"
#include "openapi/strict_check.h"
#include "runtime/wakeup.h"

namespace jindou::api {
namespace {

namespace asio = boost::asio;
using codec::LineSplitter;
using http::Stream;

constexpr std::string_view kPath = "/message/sendbatch";
constexpr std::string_view kContentType = "application/x-ndjson";
// The code of the last line when what was sent is not all in the batch that is kept.
constexpr std::string_view kNotKept = "not_kept";
// Of lines and what is filled in, in one group: an ordinary batch of 1000 items is as large.
constexpr std::size_t kGroupBytes = std::size_t{512} << 10;
// A stream that gets no memory beside its own goes on in portions of this size,
constexpr std::size_t kPartBytes = std::size_t{16} << 10;
// and keeps this much of a line whose end has not come.
constexpr std::size_t kLineBytes = Stream::kKeptBytes - kPartBytes;
// Of the answer, written at a time.
constexpr std::size_t kWriteBytes = std::size_t{32} << 10;
// Between two looks at a core that is full.
constexpr std::chrono::milliseconds kPauseMin{5};
constexpr std::chrono::milliseconds kPauseMax{100};
// Between two looks at rate limits, which others use meanwhile.
constexpr std::chrono::milliseconds kLimitLook{1000};
using TimePoint = std::chrono::steady_clock::time_point;

// What is full is looked at again after longer and longer pauses.
struct Pauses {
  std::chrono::milliseconds next = kPauseMin;
  std::chrono::steady_clock::time_point give_up;
  // What waits was answered as received: it goes to the core though its caller has gone.
  bool promised = false;
};

// Lines that go to the core together.
struct Group {
  std::uint64_t first = 0;  // the index of its first line
  std::size_t lines = 0;
  std::size_t line_bytes = 0;
  // Of the lines, of payloads that were filled in, of lists of users, of templates.
  std::size_t bytes = 0;
  // In the order of the lines, of those that are items.
  std::vector<SendCommand> commands;
  std::vector<std::string> client_msg_nos;
  // Of the others, by index from the first of the stream on.
  std::vector<codec::ItemProblem> problems;
  std::vector<SendResult> results;
  std::vector<Rehearsed> rehearsed;  // in place of the results, of a dry run
  bool answered = false;             // its lines are written, as far as anybody takes them
};

// Of an item that is wrong in several ways the first one is told.
codec::SendLimits limits_of(const Services& services, const Request& request) {
  codec::SendLimits limits = send_limits(services.options.send, request);
  limits.problems_max = 1;
  return limits;
}

// One request. Belongs to its shard.
class ItemStream {
 public:
  // Without `rows` the body is lines. `kept` begins before what is read is delivered.
  ItemStream(Services& services, Request& request, const Choices& choices,
             std::optional<CsvRows> rows, std::unique_ptr<KeptBatch> kept)
      : services_(services),
        request_(request),
        stream_(*request.stream),
        kept_(std::move(kept)),
        dry_run_(choices.dry_run),
        received_(choices.received),
        // A dry run tells of all items.
        stop_on_error_(choices.on_failure == OnFailure::stop && !choices.dry_run),
        strict_(openapi::wants_strict(request)),
        caller_(caller_of(request)),
        items_max_(stop_on_error_ ? 1 : items_max(services, *caller_)),
        common_(limits_of(services, request), &templates_),
        lines_(services.options.http.limits.body_bytes, services.options.http.body_budget,
               kLineBytes),
        rows_(std::move(rows)),
        group_share_(services.options.http.body_budget),
        head_share_(services.options.http.body_budget) {}

  // Before anything else: reads the first line, which may be the head of the others, or up to the
  // columns. `piece` is what of the last piece is left. False: nothing can be sent, as `response`
  // says.
  Task<bool> begin(Response& response, std::string_view& piece);
  // Reads, first what has come already. Ends when the input has, or delivering.
  Task<void> read(std::string_view piece);
  // Delivers what was read, and ends the answer.
  Task<void> deliver();

  // `failed`: by a fault of the server. What was handed over is delivered all the same.
  void input_has_ended(bool failed) {
    if (failed) end(errc_name(Errc::internal), "the server failed to read on; send the rest again");
    input_ended_ = true;
    group_ready_.notify();
  }
  void delivery_has_ended() {
    delivery_ended_ = true;
    stream_.end_reading();
    group_taken_.notify();
  }
  // The last line says so.
  bool ended_for_want_of_room() const { return ending_code_ == errc_name(Errc::overloaded); }

 private:
  Task<bool> read_head(Response& response, std::string_view& piece);
  Task<bool> read_columns(Response& response, std::string_view& piece);
  // What was found of the rows, up to their columns. Errors: as `response` is to tell.
  Result<void> check_beginning(CsvRows::Found found);
  // What stands next in the input.
  enum class Row : std::uint8_t {
    line,
    too_long,
    no_room,
    problem,  // no item, as `line` says
    fault,    // nothing behind it can be read, as `line` says
    none,     // the piece is used up
  };
  Row next(std::string_view& piece, std::string_view& line);
  Row finish(std::string_view& line);
  static Row row_of(LineSplitter::Found found);
  Row row_of(CsvRows::Found found, std::string_view& line);

  // More than what a rate limit lets pass at a time would be refused.
  static std::size_t items_max(const Services& services, const CallerIdentity& caller) {
    const std::size_t most = services.options.send.items_max;
    if (services.deps.limits == nullptr) return most;
    return std::max<std::size_t>(1, std::min(most, services.deps.limits->portion_max(caller)));
  }
  // Until rate limits let so many pass, as far as they are the caller's own. False: there is no
  // time for that, or nobody to wait for.
  Task<bool> wait_for_limits(std::size_t items, TimePoint give_up);
  Task<void> take(std::string_view piece);
  // Until what is held is counted.
  Task<void> make_room();
  // A line of the group, or what is wrong with it. Not a coroutine: a frame for each line cost more
  // than reading it. False: the item names templates that are not in memory, see add_wanting().
  bool add(Row found, std::string_view line);
  // Once more, when what it names has been fetched.
  Task<void> add_wanting(std::string_view line);
  // Puts the item of the last line into the group; false and `wanted_`, or why there is none.
  bool add_item(std::string_view line);
  // Fetches wanted_. Waits while too many reads do. Errors: as fetch_templates().
  Task<Result<void>> fetch_wanted();
  void add_problem(codec::ItemProblem problem);
  // The group that is gathered goes to who delivers, when that has room.
  Task<void> hand_over();
  Pauses begin_pauses() const {
    Pauses pauses;
    pauses.give_up = services_.deps.clock.steady() + services_.options.http.stream_timeout;
    return pauses;
  }
  // False: there is no time for another look, or nobody to look for.
  Task<bool> pause(Pauses& pauses);
  // False: neither this group nor any after it can be sent; ending_text_ says why.
  Task<bool> send(Group& group);
  // The same, and nothing is sent.
  Task<bool> rehearse(Group& group);
  // After the core had no room. False: it will have none, or nobody waits; as above.
  Task<bool> await_room(Pauses& pauses);
  // What the lines of the group became is counted.
  void count(const Group& group);
  // Adds the group to what is kept, before anybody is told what became of it.
  Task<void> keep(const Group& group);
  // False: nobody takes the answer.
  Task<bool> write(Group& group);
  // The item with that index and that place among the group's items.
  void append_line(std::string& out, std::uint64_t index, const Group& group,
                   std::size_t place) const;
  void append_end(std::string& out) const;

  bool is_full() const {
    return group_.lines >= items_max_ || group_.bytes >= kGroupBytes || is_expanded() ||
           templates_.size() >= codec::kTemplatesOfABatchMax;
  }
  // What the next item shares or has filled in might go beyond what one batch may have; the caller
  // of a stream does not know where its batches end.
  bool is_expanded() const {
    const codec::SendLimits& limits = common_.limits();
    const std::size_t bytes = common_.expanded_bytes();
    return bytes > 0 && bytes + common_.expanded_bytes_of_an_item() > limits.expanded_bytes_max;
  }
  // What is in memory and not yet in the core; of the beginning of a line the splitter counts.
  std::size_t bytes_held() const {
    return piece_left_ + group_.bytes + (next_ ? next_->bytes : 0) + bytes_to_send_;
  }
  std::size_t bytes_to_count() const { return std::max(bytes_held(), kPartBytes) - kPartBytes; }
  // False: others have the memory.
  bool count_held() {
    const std::size_t bytes = bytes_to_count();
    return bytes <= group_share_.held() || group_share_.resize(bytes);
  }
  void give_room_back() {
    (void)group_share_.resize(std::min(group_share_.held(), bytes_to_count()));
  }
  bool all_is_well() const { return ending_code_.empty(); }
  // The first reason counts. `code`: a string constant.
  void end(std::string_view code, std::string_view text) {
    if (!all_is_well()) return;
    ending_code_ = code;
    ending_text_ = text;
  }

  Services& services_;
  Request& request_;
  Stream& stream_;
  const std::unique_ptr<KeptBatch> kept_;
  const bool dry_run_;
  const bool received_;  // an item is answered when the core has taken it
  const bool stop_on_error_;
  const bool strict_;
  const CallerPtr caller_;
  const std::size_t items_max_;
  codec::TemplateSet templates_;            // that items of the group have named
  std::vector<codec::TemplateRef> wanted_;  // by the last line, beside those
  codec::BatchCommon common_;
  LineSplitter lines_;
  std::optional<CsvRows> rows_;
  BudgetShare group_share_;
  BudgetShare head_share_;      // of what all lines have in common
  std::size_t piece_left_ = 0;  // bytes of the part that is taken
  Group group_;                 // is being gathered
  std::optional<Group> next_;   // waits to be delivered
  std::size_t bytes_to_send_ = 0;
  bool delivering_ = false;
  runtime::Wakeup group_ready_;
  runtime::Wakeup group_taken_;  // or delivered
  bool input_ended_ = false;
  bool delivery_ended_ = false;
  ItemCounts counts_;
  RehearsedTotal rehearsed_;
  std::uint64_t answered_ = 0;    // lines
  std::string_view ending_code_;  // why the stream ends before its input; empty: it does not
  std::string ending_text_;
  std::string fault_;  // of the input: where it could not be read any further; empty: it can
};

ItemStream::Row ItemStream::row_of(LineSplitter::Found found) {
  switch (found) {
    case LineSplitter::Found::line: return Row::line;
    case LineSplitter::Found::too_long: return Row::too_long;
    case LineSplitter::Found::no_room: return Row::no_room;
    case LineSplitter::Found::none: break;
  }
  return Row::none;
}

ItemStream::Row ItemStream::row_of(CsvRows::Found found, std::string_view& line) {
  // They were read before.
  JD_ASSERT(found != CsvRows::Found::columns && found != CsvRows::Found::head);
  line = rows_->text();
  switch (found) {
    case CsvRows::Found::item: return Row::line;
    case CsvRows::Found::problem: return Row::problem;
    case CsvRows::Found::fault: return Row::fault;
    case CsvRows::Found::head:
    case CsvRows::Found::columns:
    case CsvRows::Found::none: break;
  }
  return Row::none;
}

ItemStream::Row ItemStream::next(std::string_view& piece, std::string_view& line) {
  if (!rows_) return row_of(lines_.next(piece, line));
  const CsvRows::Found found = rows_->next(piece);
  return row_of(found, line);
}

ItemStream::Row ItemStream::finish(std::string_view& line) {
  if (!rows_) return row_of(lines_.finish(line));
  const CsvRows::Found found = rows_->finish();
  return row_of(found, line);
}

// Of a beginning without which nothing may be sent.
void answer_no_beginning(Response& response, const Error& error) {
  const Errc code = error.code();
  answer_error(response, code == Errc::too_large ? 413 : status_of(code), errc_name(code),
               "nothing was sent: " + error.detail());
}

Task<bool> ItemStream::begin(Response& response, std::string_view& piece) {
  if (rows_) return read_columns(response, piece);
  return read_head(response, piece);
}

Result<void> ItemStream::check_beginning(CsvRows::Found found) {
  if (found == CsvRows::Found::fault) return rows_->fault();
  if (found != CsvRows::Found::head) return {};
  JD_TRY(const bool head,
         take_head_line(LineSplitter::Found::line, rows_->text(),
                        services_.options.http.limits.body_bytes, strict_, common_, head_share_));
  if (!head) return Error(Errc::invalid, kNoHead);
  rows_->set_shared(csv_shared(common_));
  return {};
}

Task<bool> ItemStream::read_columns(Response& response, std::string_view& piece) {
  while (!rows_->has_columns()) {
    const Stream::Part part = co_await stream_.read(Stream::Wait::yes, piece);
    if (part != Stream::Part::piece && part != Stream::Part::end) {
      answer_error(response, services_.deps.accepting() ? 400 : 503, "incomplete",
                   "nothing was sent: " + std::string(stream_.problem()));
      co_return false;
    }
    CsvRows::Found found = CsvRows::Found::none;
    do {
      found = part == Stream::Part::piece ? rows_->next(piece) : rows_->finish();
      const Result<void> checked = check_beginning(found);
      if (checked) continue;
      answer_no_beginning(response, checked.error());
      stream_.end_reading();
      co_return false;
    } while (found == CsvRows::Found::head);
  }
  co_return true;
}

Task<bool> ItemStream::read_head(Response& response, std::string_view& piece) {
  std::string_view line;
  LineSplitter::Found found = LineSplitter::Found::none;
  while (found == LineSplitter::Found::none) {
    const Stream::Part part = co_await stream_.read(Stream::Wait::yes, piece);
    // What ends without a line is told by who reads on.
    if (part != Stream::Part::piece && part != Stream::Part::end) co_return true;
    co_await request_.turns->wait();
    found = part == Stream::Part::piece ? lines_.next(piece, line) : lines_.finish(line);
    if (part == Stream::Part::end && found == LineSplitter::Found::none) co_return true;
  }
  const auto head = take_head_line(found, line, services_.options.http.limits.body_bytes, strict_,
                                   common_, head_share_);
  if (!head) {
    answer_no_beginning(response, head.error());
    stream_.end_reading();
    co_return false;
  }
  if (!*head && !add(row_of(found), line)) co_await add_wanting(line);
  co_return true;
}

Task<void> ItemStream::read(std::string_view piece) {
  Stream::Part part = Stream::Part::piece;
  if (is_full()) co_await hand_over();
  if (!piece.empty()) co_await take(piece);
  while (!delivery_ended_ && fault_.empty()) {
    const bool idle = group_.lines == 0;
    part = co_await stream_.read(idle ? Stream::Wait::yes : Stream::Wait::no, piece);
    if (part == Stream::Part::piece) {
      co_await take(piece);
    } else if (part != Stream::Part::none) {
      break;
    } else if (next_ || delivering_) {
      // More may come meanwhile, for a larger group.
      co_await group_taken_.wait();
    } else {
      co_await hand_over();
    }
  }
  std::string_view line;
  if (part == Stream::Part::end && fault_.empty()) {
    const Row found = finish(line);
    if (found == Row::fault) {
      fault_ = line;
    } else if (found != Row::none && !add(found, line)) {
      co_await add_wanting(line);
    }
  }
  co_await hand_over();
  if (!fault_.empty()) end(errc_name(Errc::invalid), fault_);
  if (part == Stream::Part::broken) end(errc_name(Errc::invalid), stream_.problem());
  if (part == Stream::Part::lost) end("incomplete", stream_.problem());
}

Task<void> ItemStream::take(std::string_view piece) {
  // To be read it takes its turn among the other large bodies of the shard.
  co_await request_.turns->wait();
  while (!piece.empty() && !delivery_ended_ && fault_.empty()) {
    std::string_view part = piece.substr(0, kPartBytes);
    piece.remove_prefix(part.size());
    for (;;) {
      piece_left_ = part.size();
      if (!count_held()) co_await make_room();
      if (delivery_ended_) break;
      std::string_view line;
      const Row found = next(part, line);
      if (found == Row::fault) fault_ = line;
      if (found == Row::none || found == Row::fault) break;
      if (!add(found, line)) co_await add_wanting(line);
      if (is_full()) co_await hand_over();
    }
  }
  piece_left_ = 0;
}

// Waits for nothing but its own results: without them it holds what it has counted from the start.
Task<void> ItemStream::make_room() {
  while (!delivery_ended_ && !count_held()) {
    if (group_.lines > 0) {
      co_await hand_over();
    } else {
      JD_ASSERT(next_ || delivering_);
      co_await group_taken_.wait();
    }
  }
}

void ItemStream::add_problem(codec::ItemProblem problem) {
  problem.index = static_cast<std::size_t>(group_.first + group_.lines - 1);
  group_.problems.push_back(std::move(problem));
}

bool ItemStream::add(Row found, std::string_view line) {
  ++group_.lines;
  if (found == Row::problem) {
    codec::ItemProblem problem;
    problem.text = line;
    add_problem(std::move(problem));
    return true;
  }
  if (found == Row::too_long) {
    codec::ItemProblem problem;
    problem.code = Errc::too_large;
    problem.text = "the line is longer than " +
                   std::to_string(services_.options.http.limits.body_bytes) +
                   " bytes (api.maxBodyBytes)";
    add_problem(std::move(problem));
    return true;
  }
  if (found == Row::no_room) {
    codec::ItemProblem problem;
    problem.code = Errc::overloaded;
    problem.text = "the bodies of other requests take all the memory for this line; retry";
    add_problem(std::move(problem));
    return true;
  }
  group_.line_bytes += line.size();
  group_.bytes += line.size();
  if (strict_) {
    codec::ItemProblem problem;
    problem.text = openapi::unknown_item_members(line, Verb::post, kPath);
    if (!problem.text.empty()) {
      problem.client_msg_no = codec::find_client_msg_no(line);
      add_problem(std::move(problem));
      return true;
    }
  }
  return add_item(line);
}

bool ItemStream::add_item(std::string_view line) {
  const std::size_t filled_before = common_.expanded_bytes();
  codec::ItemBody item = codec::parse_item(line, 0, common_);
  if (auto* wanted = std::get_if<codec::TemplatesWanted>(&item)) {
    wanted_ = std::move(wanted->refs);
    return false;
  }
  group_.bytes += common_.expanded_bytes() - filled_before;
  if (auto* wrong = std::get_if<std::vector<codec::ItemProblem>>(&item)) {
    codec::ItemProblem problem = std::move(wrong->front());
    if (rows_) problem.text = rows_->where() + problem.text;
    add_problem(std::move(problem));
    return true;
  }
  auto* own = std::get_if<codec::BatchItem>(&item);
  JD_ASSERT(own != nullptr && !own->payload.empty());
  // Also one that is no longer than its line takes several times as much. Shared ones count twice.
  group_.bytes += codec::memory_of(own->subscribers);
  stream_.count_useful(line.size() + 1);  // with its end
  group_.commands.push_back(make_command(std::move(*own), services_.deps.random));
  // With all that came before, whatever the core is given at a time.
  group_.commands.back().bulk =
      group_.first + group_.commands.size() > services_.deps.router.bulk_batch_items();
  // Of a dry run one that would be made up tells nothing.
  const SendCommand& command = group_.commands.back();
  group_.client_msg_nos.push_back(dry_run_ && !command.idempotent ? "" : command.client_msg_no);
  return true;
}

Task<void> ItemStream::add_wanting(std::string_view line) {
  const std::size_t known_before = templates_.bytes();
  const auto fetched = co_await fetch_wanted();
  if (!fetched) {
    codec::ItemProblem problem;
    problem.code = fetched.error().code();
    problem.text = (rows_ ? rows_->where() : std::string()) + fetched.error().text();
    problem.client_msg_no = codec::find_client_msg_no(line);
    add_problem(std::move(problem));
    co_return;
  }
  group_.bytes += templates_.bytes() - known_before;
  const bool added = add_item(line);
  JD_ASSERT(added);
}

Task<Result<void>> ItemStream::fetch_wanted() {
  Pauses pauses = begin_pauses();
  for (;;) {
    std::vector<codec::TemplateRef> refs = wanted_;
    auto fetched = co_await fetch_templates(services_, std::move(refs), templates_);
    if (fetched || fetched.error().code() != Errc::overloaded) co_return fetched;
    const bool again = co_await pause(pauses);
    if (!again || delivery_ended_) co_return fetched;
  }
}

Task<void> ItemStream::hand_over() {
  if (group_.lines == 0) co_return;
  while (next_ && !delivery_ended_) co_await group_taken_.wait();
  const std::uint64_t after = group_.first + group_.lines;
  if (!delivery_ended_) {
    next_ = std::move(group_);
    stream_.set_answer_due(true);
  }
  group_ = Group();
  group_.first = after;
  common_.begin_portion();
  templates_ = codec::TemplateSet();
  group_ready_.notify();
}

Task<bool> ItemStream::pause(Pauses& pauses) {
  if (services_.deps.clock.steady() >= pauses.give_up) co_return false;
  asio::steady_timer timer(co_await asio::this_coro::executor, pauses.next);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  pauses.next = std::min(2 * pauses.next, kPauseMax);
  co_return pauses.promised || stream_.is_open();
}

Task<bool> ItemStream::wait_for_limits(std::size_t items, TimePoint give_up) {
  if (services_.deps.limits == nullptr) co_return true;
  for (;;) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
        services_.deps.limits->wait_for(*caller_, items));
    if (wait.count() == 0) co_return true;
    // Refused, it is told when to come again.
    if (services_.deps.clock.steady() + wait > give_up) co_return true;
    const bool taken = co_await stream_.write({});
    if (!taken) co_return false;
    asio::steady_timer timer(co_await asio::this_coro::executor, std::min(wait, kLimitLook));
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!stream_.is_open()) co_return false;
  }
}

Task<bool> ItemStream::await_room(Pauses& pauses) {
  // At least the header: who has gone refuses it, and is noticed.
  const bool taken = co_await stream_.write({});
  const bool again = (taken || pauses.promised) && co_await pause(pauses);
  if (again) co_return true;
  if (taken && stream_.is_open()) {
    end(errc_name(Errc::overloaded),
        "the server had no room for the next items for as long as a stream may stand still "
        "(api.streamTimeout): send the rest again later");
  } else {
    end("incomplete", "the connection has ended");
  }
  co_return false;
}

Task<bool> ItemStream::send(Group& group) {
  if (group.commands.empty()) co_return true;
  Pauses pauses = begin_pauses();
  const bool waited = co_await wait_for_limits(group.commands.size(), pauses.give_up);
  if (!waited) {
    end("incomplete", "the connection has ended");
    co_return false;
  }
  for (;;) {
    auto reservation = services_.deps.router.reserve(group.commands.size(), group.line_bytes);
    if (reservation && received_ && !group.answered) {
      if (!stream_.is_open()) {
        end("incomplete", "the connection has ended");
        co_return false;
      }
      // Who is slow to read what is answered holds no room meanwhile.
      reservation.reset();
      // What is not taken as a whole may have come in part: who has read of it relies on it.
      (void)co_await write(group);
      // So it has as long to find room again as a group that begins now.
      pauses = begin_pauses();
      pauses.promised = true;
      reservation = services_.deps.router.reserve(group.commands.size(), group.line_bytes);
    }
    if (reservation) {
      // Longer than a request may take, because nobody waits for a number of seconds here.
      const auto deadline = services_.deps.clock.steady() + services_.options.http.stream_timeout;
      auto results = co_await offer_commands(services_, request_, group.commands, deadline,
                                             std::move(reservation));
      if (results) {
        group.results = std::move(*results);
        co_return true;
      }
      if (results.error().code() != Errc::overloaded) {
        end(errc_name(results.error().code()), results.error().detail());
        co_return false;
      }
    }
    const bool again = co_await await_room(pauses);
    if (!again) co_return false;
  }
}

Task<bool> ItemStream::rehearse(Group& group) {
  if (group.commands.empty()) co_return true;
  Pauses pauses = begin_pauses();
  for (;;) {
    std::vector<SendCommand> tried = group.commands;
    auto rehearsed = co_await rehearse_all(services_, request_, std::move(tried));
    if (rehearsed) {
      group.rehearsed = std::move(*rehearsed);
      co_return true;
    }
    if (rehearsed.error().code() != Errc::overloaded) {
      end(errc_name(rehearsed.error().code()), rehearsed.error().text());
      co_return false;
    }
    const bool again = co_await await_room(pauses);
    if (!again) co_return false;
  }
}

Task<void> ItemStream::keep(const Group& group) {
  co_await kept_->add_durably(group.first, group.results, group.problems);
  if (!kept_->failure()) co_return;
  // They were sent, and are answered.
  end(kNotKept, "the last " + std::to_string(group.lines) +
                    " items that are answered could not be kept in the batch, and what follows "
                    "them was not sent: " +
                    kept_->failure()->text());
}

void ItemStream::count(const Group& group) {
  counts_.add(SendResult::State::refused, group.problems.size());
  if (dry_run_) {
    // Nothing became of them: metrics do not tell of it.
    for (const Rehearsed& message : group.rehearsed) {
      counts_.add(message.result.state);
      rehearsed_.add(message);
    }
    return;
  }
  ItemCounts counts;
  counts.add(group.results);
  counts_.add(counts);
  counts.add(SendResult::State::refused, group.problems.size());
  counts.report(services_);
  counts.trace(request_);
}

void ItemStream::append_line(std::string& out, std::uint64_t index, const Group& group,
                             std::size_t place) const {
  const std::string& number = group.client_msg_nos[place];
  if (received_) return append_received_line(out, index, number);
  if (!dry_run_) return append_result_line(out, index, group.results[place], number);
  codec::JsonWriter json(out);
  json.begin_object();
  json.number("index", index);
  write_rehearsed_members(json, group.rehearsed[place], number);
  json.end_object();
  out += '\n';
}

Task<bool> ItemStream::write(Group& group) {
  group.answered = true;
  std::string text;
  std::size_t sent = 0;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < group.lines; ++i) {
    const std::uint64_t index = group.first + i;
    if (refused < group.problems.size() && group.problems[refused].index == index) {
      append_problem_line(text, index, group.problems[refused++]);
    } else {
      append_line(text, index, group, sent++);
    }
    ++answered_;
    if (text.size() >= kWriteBytes || i + 1 == group.lines) {
      const bool taken = co_await stream_.write(text);
      if (!taken) co_return false;
      text.clear();
    }
  }
  co_return true;
}

void ItemStream::append_end(std::string& out) const {
  codec::JsonWriter json(out);
  json.begin_object();
  json.boolean("done", all_is_well());
  json.number("items", answered_);
  json.number("accepted", counts_.of(SendResult::State::accepted));
  json.number("duplicate", counts_.of(SendResult::State::duplicate));
  json.number("refused", counts_.of(SendResult::State::refused));
  json.number("unknown", counts_.of(SendResult::State::unknown));
  if (dry_run_) {
    json.boolean("dry_run", true);
    rehearsed_.write(json);
  }
  if (kept_->wanted() && !kept_->failure()) json.string("batch_id", kept_->id());
  if (!all_is_well()) {
    json.string("code", ending_code_);
    json.string("msg", ending_text_);
  }
  json.end_object();
  out += '\n';
}

Task<void> ItemStream::deliver() {
  while (true) {
    while (!next_ && !input_ended_) co_await group_ready_.wait();
    if (!next_) break;
    Group group = std::move(*next_);
    next_.reset();
    delivering_ = true;
    bytes_to_send_ = group.bytes;
    group_taken_.notify();
    kept_->note(group.commands);
    bool sent = false;
    if (dry_run_) {
      sent = co_await rehearse(group);
    } else {
      sent = co_await send(group);
    }
    bytes_to_send_ = 0;
    if (!sent && group.answered) {
      ending_text_ += "; the last " + std::to_string(group.commands.size()) +
                      " items that are answered as received were not sent";
    }
    if (!sent) break;
    count(group);
    co_await keep(group);
    bool written = group.answered;
    if (!written) written = co_await write(group);
    if (!written) end("incomplete", "the connection has ended");
    if (!written || kept_->failure()) break;
    delivering_ = false;
    if (!next_) stream_.set_answer_due(false);
    give_room_back();
    group_taken_.notify();
    if (!stop_on_error_) continue;
    if (counts_.of(SendResult::State::refused) + counts_.of(SendResult::State::unknown) > 0) {
      end("stopped", "item " + std::to_string(answered_ - 1) +
                         " failed, and on_error is stop: what follows it was not sent");
      break;
    }
  }
  delivery_has_ended();
  std::string reason = ending_text_;
  co_await kept_->seal(std::move(reason));
  if (kept_->failure()) {
    end(kNotKept, "that the batch is complete could not be kept: " + kept_->failure()->text());
  }
  std::string text;
  append_end(text);
  co_await stream_.write(text);
}

// Reads and delivers at once.
Task<void> run_item_stream(Services& services, Request& request, Response& response,
                           std::optional<CsvRows> rows) {
  const Result<Choices> choices = wanted_choices(request);
  if (!choices) {
    answer_error(response, choices.error());
    request.stream->end_reading();
    co_return;
  }
  auto of_batch = std::make_unique<KeptBatch>(services, request, choices->keep);
  KeptBatch* const kept = of_batch.get();
  // Shared: what is left of either coroutine may be destroyed first when the process ends.
  auto items = std::make_shared<ItemStream>(services, request, *choices, std::move(rows),
                                            std::move(of_batch));
  const bool has_place = co_await kept->begin(response);
  if (!has_place) {
    request.stream->end_reading();
    co_return;
  }
  std::string_view piece;
  const bool may_go_on = co_await items->begin(response, piece);
  if (!may_go_on) {
    Error refused(Errc::invalid, "nothing was sent");
    co_await kept->fail(response, std::move(refused));
    co_return;
  }
  // Before anything is sent: who is cut off has it, too.
  kept->name(response);
  add_applied_choices(request, level_reached(request), response);
  response.content_type = kContentType;
  if (choices->received) response.status = 202;
  struct Delivery {
    std::exception_ptr failure;
    runtime::Wakeup ended;
  };
  auto delivery = std::make_shared<Delivery>();
  auto ended = [items, delivery](const std::exception_ptr& failure) {
    delivery->failure = failure;
    items->delivery_has_ended();
    delivery->ended.notify();
  };
  const auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, items->deliver(), std::move(ended));
  std::exception_ptr failure;
  try {
    co_await items->read(piece);
  } catch (...) {
    failure = std::current_exception();
  }
  items->input_has_ended(failure != nullptr);
  co_await delivery->ended.wait();
  response.overloaded = items->ended_for_want_of_room();
  if (!failure) failure = delivery->failure;
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

bool is_item_stream(const Request& request) {
  std::string_view type = request.header("content-type");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return ascii_iequals(type, kContentType);
}

Task<void> post_item_stream(Services& services, Request& request, Response& response) {
  std::optional<CsvRows> none;
  co_await run_item_stream(services, request, response, std::move(none));
}

Task<void> post_csv_stream(Services& services, Request& request, Response& response) {
  auto rows = CsvRows::create(request, services.options.send.head_bytes_max,
                              services.options.http.body_budget);
  if (!rows) {
    answer_error(response, rows.error());
    co_return;
  }
  BudgetShare share(services.options.http.body_budget);
  if (!share.resize(CsvRows::kBytesMax)) {
    answer_overloaded(response);
    co_return;
  }
  std::optional<CsvRows> taken = std::move(*rows);
  co_await run_item_stream(services, request, response, std::move(taken));
}

}  // namespace jindou::api
