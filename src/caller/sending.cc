#include "caller/sending.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "caller/interrupt.h"
#include "codec/json_members.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace jindou::caller {

namespace {

using std::chrono::milliseconds;
using Body = http::StreamedCall::Body;

constexpr std::string_view kSendPath = "/message/sendbatch";
// Of items whose results are not there yet. The server takes up to 1.5 MiB at a time, and what is
// under way between it and here comes on top of that.
constexpr std::size_t kItemsBytes = std::size_t{8} << 20;
// Of one line of the answer.
constexpr std::size_t kResultBytesMax = std::size_t{1} << 20;
// Between two looks at signals, times and the terminal.
constexpr milliseconds kLook{200};
// Between two states in the file of --resume.
constexpr std::chrono::seconds kKeep{1};
// Of refused items, in memory.
constexpr std::size_t kRefusedBytes = std::size_t{256} << 10;
// Refusals that are shown when no file keeps them.
constexpr unsigned kShownRefusals = 10;

TimePoint now() { return std::chrono::steady_clock::now(); }

std::string_view text_of(simdjson::dom::object object, const char* name) {
  std::string_view text;
  if (object[name].get(text) != simdjson::SUCCESS) return {};
  return text;
}

bool flag_of(simdjson::dom::object object, const char* name) {
  bool flag = false;
  return object[name].get(flag) == simdjson::SUCCESS && flag;
}

// What an error's body says, or its beginning.
std::string words_of(const http::CallAnswer& answer) {
  std::string words = "status " + std::to_string(answer.status);
  const auto parsed = codec::parse_json(answer.body);
  simdjson::dom::object object;
  if (parsed && parsed->get_object().get(object) == simdjson::SUCCESS) {
    return words + ": " + std::string(text_of(object, "msg"));
  }
  const std::string beginning = answer.body.substr(0, answer.body.find_first_of("\r\n"));
  return beginning.empty() ? words : words + ": " + beginning.substr(0, 200);
}

bool comes_back(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

Sending::Sending(const SendOptions& options, ItemSource& source, RefusedFile* refused,
                 StatusLine& status, Random& random, Progress begun)
    : options_(options),
      source_(source),
      refused_(refused),
      status_(status),
      pace_(options.rate),
      patience_(options.patience, random),
      progress_(std::move(begun)),
      kept_(progress_) {}

void Sending::fail(int code, std::string why) {
  if (!failure_.empty()) return;
  exit_code_ = code;
  failure_ = std::move(why);
}

int Sending::run() {
  int code = send_all();
  const auto kept = keep_progress(true);
  if (!kept) {
    status_.say(kept.error().detail());
    code = kNotFinished;
  }
  return code;
}

int Sending::send_all() {
  for (;;) {
    settle();
    if (interrupted()) break;
    if (items_.empty() && !pull()) {
      if (input_ended_ || !failure_.empty()) break;
      // A stream is opened when there is something to send.
      pollfd ready{source_.descriptor_to_wait_for(), POLLIN, 0};
      ::poll(&ready, 1, static_cast<int>(kLook.count()));
      status_.update(progress_, now());
      continue;
    }
    settle();
    if (items_.empty()) continue;
    const End end = run_stream();
    if (end == End::failed) break;
    count_try();
    if (!failure_.empty()) break;
    if (items_.empty()) continue;
    if (end == End::try_again && !interrupted() && !wait_to_try_again()) break;
  }
  if (!failure_.empty()) {
    status_.say(failure_);
    return exit_code_;
  }
  if (interrupted() && !(input_ended_ && items_.empty())) {
    status_.say("interrupted; run the same again to send the rest, nothing is sent twice");
    return kNotFinished;
  }
  if (input_error_) {
    status_.say(input_error_->detail());
    return kBadCall;
  }
  return progress_.counts.refused == 0 ? kAllSent : kSomeRefused;
}

milliseconds Sending::asked_wait() const {
  if (asked_waits_.empty()) return milliseconds(0);
  std::vector<milliseconds> waits = asked_waits_;
  const std::size_t place = std::min(std::max<std::size_t>(passed_, 1), waits.size()) - 1;
  std::nth_element(waits.begin(), waits.begin() + static_cast<std::ptrdiff_t>(place), waits.end());
  return std::max(waits[place], asked_waits_.front());
}

bool Sending::wait_to_try_again() {
  const auto wait = patience_.wait(now(), asked_wait_);
  if (!wait) {
    const double asked = Seconds(asked_wait_).count();
    const std::string given_up =
        asked > options_.patience
            ? "; it wants to be asked again in " + duration_text(asked) +
                  ", which is longer than --patience (" + duration_text(options_.patience) + ')'
            : "; given up after " + duration_text(options_.patience) + " without success";
    fail(kNotFinished,
         why_again_ + given_up + ". Run the same again to send the rest, nothing is sent twice");
    return false;
  }
  status_.say(why_again_ + "; trying again in " +
              duration_text(std::max(1.0, Seconds(*wait).count())));
  const TimePoint until = now() + *wait;
  while (now() < until && !interrupted()) {
    const auto left = std::chrono::ceil<milliseconds>(until - now());
    ::poll(nullptr, 0, static_cast<int>(std::min(left, kLook).count()));
    status_.update(progress_, now());
  }
  return true;
}

Sending::End Sending::run_stream() {
  sent_ = 0;
  awaited_ = 0;
  out_.clear();
  out_at_ = 0;
  answered_ = 0;
  answers_.emplace(kResultBytesMax, nullptr);
  over_ = false;
  end_seen_ = false;
  end_problem_.clear();
  asked_again_ = 0;
  asked_first_.clear();
  asked_waits_.clear();
  passed_ = 0;

  http::StreamedRequest request;
  request.url = options_.url + std::string(kSendPath);
  request.headers = request_headers(options_, "application/x-ndjson");
  const auto timeout = std::chrono::ceil<milliseconds>(Seconds(options_.timeout));
  request.connect_timeout = timeout;
  request.ca_file = options_.ca_file;
  http::StreamedCall::Handlers handlers;
  handlers.write_body = [this](std::span<char> room, std::size_t& written) {
    return write_body(room, written);
  };
  handlers.take_answer = [this](std::string_view piece) { take_answer(piece); };
  http::StreamedCall call(std::move(request), std::move(handlers));

  TimePoint moved = now();
  bool stalled = false;
  bool running = true;
  bool active = true;
  while (running && !stalled) {
    const bool wants_input =
        !over_ && sent_ == items_.size() && !input_ended_ && items_bytes_ < kItemsBytes;
    // What came may have made room for what can go.
    milliseconds wait = active ? milliseconds(0) : kLook;
    if (options_.rate > 0 && sent_ < items_.size()) {
      wait = std::min(wait, std::max(pace_.wait(now()), milliseconds(1)));
    }
    running = call.step(wait, wants_input ? source_.descriptor_to_wait_for() : -1);
    active = call.has_moved();
    if (active || !is_waiting_for_results()) moved = now();
    stalled = now() - moved > timeout;
    status_.update(progress_, now());
    if (options_.results && items_.empty()) std::fflush(stdout);
    const auto kept = keep_progress(false);
    if (!kept) {
      fail(kNotFinished, kept.error().detail());
    }
    if (!failure_.empty()) break;
  }
  retried_up_to_ = std::max(retried_up_to_, sent_ > 0 ? items_[sent_ - 1].item.row : 0);
  const bool incomplete = is_waiting_for_results();
  const std::size_t unanswered = sent_ - awaited_;
  if (incomplete) {
    for (std::size_t i = awaited_; i < sent_; ++i) items_[i].unknown = true;
  }
  sent_ = 0;
  awaited_ = 0;
  if (!failure_.empty()) return End::failed;
  if (stalled) {
    return try_again("nothing has come from the server for " + duration_text(options_.timeout),
                     milliseconds(0));
  }
  const End end = judge(call.answer());
  if (end == End::complete && incomplete) {
    return try_again("the server left " + with_commas(unanswered) + " items without a result",
                     milliseconds(0));
  }
  return end;
}

Sending::End Sending::try_again(std::string why, milliseconds asked) {
  why_again_ = std::move(why);
  asked_wait_ = asked;
  return End::try_again;
}

Sending::End Sending::judge(const http::CallAnswer& answer) {
  if (answer.status >= 300 || (answer.status != 0 && answer.status < 200)) {
    if (comes_back(answer.status)) {
      return try_again("the server is busy or away: " + words_of(answer), answer.retry_after);
    }
    fail(answer.status >= 500 ? kNotFinished : kBadCall,
         shown_url(options_) + std::string(kSendPath) + " answers " + words_of(answer));
    return End::failed;
  }
  if (asked_again_ > 0) return try_again("the server asks for " + asked_first_, asked_wait());
  if (end_seen_ && end_problem_.empty()) return End::complete;
  if (end_seen_) {
    // A server ends a stream of which nothing comes for long.
    if (items_.empty()) return End::complete;
    return try_again("the server ended the stream: " + end_problem_, milliseconds(0));
  }
  const std::string why = answer.error.empty() ? "the answer was cut off" : answer.error;
  return try_again(shown_url(options_) + ": " + why, milliseconds(0));
}

Body Sending::write_body(std::span<char> room, std::size_t& written) {
  if (end_seen_ || !failure_.empty()) return Body::stop;
  if (out_at_ >= room.size() || out_at_ == out_.size()) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
  while (out_.size() - out_at_ < room.size() && fill_one()) {
  }
  written = std::min(room.size(), out_.size() - out_at_);
  std::memcpy(room.data(), out_.data() + out_at_, written);
  out_at_ += written;
  if (written > 0) return Body::bytes;
  const bool nothing_left = sent_ == items_.size() && input_ended_;
  return nothing_left || over_ || interrupted() ? Body::end : Body::later;
}

bool Sending::fill_one() {
  if (over_ || interrupted()) return false;
  if (sent_ == items_.size() && !pull()) return false;
  const Entry& entry = items_[sent_];
  if (!entry.is_over()) {
    if (!pace_.take(now())) return false;
    out_ += entry.item.text;
    out_ += '\n';
  }
  ++sent_;
  settle();
  return true;
}

bool Sending::pull() {
  if (input_ended_ || items_bytes_ >= kItemsBytes) return false;
  Entry entry;
  const auto found = source_.next(entry.item);
  if (!found) input_error_ = found.error();
  input_ended_ = !found || *found == ItemSource::Found::end;
  if (input_ended_ || *found == ItemSource::Found::later) return false;
  entry.counted = sizeof(Entry) + entry.item.bytes();
  items_bytes_ += entry.counted;
  items_.push_back(std::move(entry));
  return true;
}

void Sending::take_answer(std::string_view piece) {
  while (failure_.empty()) {
    std::string_view line;
    const auto found = answers_->next(piece, line);
    if (found == codec::LineSplitter::Found::none) return;
    if (found == codec::LineSplitter::Found::line) {
      on_result(line);
    } else {
      fail(kNotFinished, shown_url(options_) + " answers with a line of more than " +
                             std::to_string(kResultBytesMax) + " bytes; is it a Jindou server?");
    }
  }
}

void Sending::on_result(std::string_view line) {
  const auto parsed = codec::parse_json(line);
  simdjson::dom::object result;
  if (!parsed || parsed->get_object().get(result) != simdjson::SUCCESS) {
    fail(kNotFinished,
         shown_url(options_) + " answers with what is no result; is it a Jindou server?");
    return;
  }
  const std::string code(text_of(result, "code"));
  const std::string msg(text_of(result, "msg"));
  if (result["done"].error() == simdjson::SUCCESS) {
    end_seen_ = true;
    if (!flag_of(result, "done")) end_problem_ = msg.empty() ? code : msg;
    return;
  }
  std::uint64_t index = 0;
  const bool indexed = result["index"].get(index) == simdjson::SUCCESS;
  const bool unknown = text_of(result, "state") == "unknown";
  settle();
  Entry* const entry = awaited();
  if (!indexed || index != answered_ || entry == nullptr) {
    fail(kNotFinished,
         shown_url(options_) + " answers with results that do not belong to the items");
    return;
  }
  ++answered_;
  ++awaited_;
  if (!code.empty() && (unknown || flag_of(result, "retriable"))) {
    std::uint64_t wait_ms = 0;
    if (result["retry_after_ms"].get(wait_ms) != simdjson::SUCCESS) wait_ms = 0;
    entry->code = code;
    ask_again(*entry, msg.empty() ? code : msg, unknown, wait_ms);
    return;
  }
  if (code.empty()) ++passed_;
  // A duplicate of what this run has sent before is not what others have sent.
  entry->was_before = flag_of(result, "duplicate") && entry->item.row > retried_up_to_;
  decide(*entry, code, msg, line);
  settle();
  patience_.succeeded();
}

Sending::Entry* Sending::awaited() {
  while (awaited_ < sent_ && items_[awaited_].is_over()) ++awaited_;
  return awaited_ < sent_ ? &items_[awaited_] : nullptr;
}

void Sending::ask_again(Entry& entry, std::string_view why, bool unknown, std::uint64_t wait_ms) {
  // For the order of the messages behind it: they wait with it.
  over_ = true;
  entry.msg = why;
  // A limit comes before the look for repeats: what was unknown once may be stored all the same.
  entry.unknown = entry.unknown || unknown;
  if (asked_again_++ == 0) {
    asked_row_ = entry.item.row;
    asked_first_ = "line " + std::to_string(entry.item.line) + " once more: " + entry.msg;
  }
  const auto longest = std::chrono::duration_cast<milliseconds>(std::chrono::hours(24));
  asked_waits_.emplace_back(
      std::min<std::uint64_t>(wait_ms, static_cast<std::uint64_t>(longest.count())));
}

void Sending::decide(Entry& entry, std::string_view code, std::string_view msg,
                     std::string_view result) {
  entry.decided = true;
  entry.unknown = false;
  entry.code = code;
  entry.msg = msg;
  if (options_.results) entry.result = result;
  // It is not sent any more.
  entry.item.text = std::string();
  items_bytes_ -= entry.counted;
  entry.counted = sizeof(Entry) + entry.item.bytes() + entry.code.size() + entry.msg.size() +
                  entry.result.size();
  items_bytes_ += entry.counted;
}

void Sending::count_try() {
  if (asked_again_ == 0 || passed_ == 0 || items_.empty()) return;
  Entry& front = items_.front();
  // It is the first of those that were asked for.
  if (front.item.row != asked_row_ || ++front.tries < options_.tries) return;
  const std::string where = "line " + std::to_string(front.item.line);
  if (front.unknown) {
    fail(kNotFinished, "what became of " + where + " is still not known after " +
                           std::to_string(front.tries) + " tries: " + front.msg +
                           ". Run the same again, nothing is sent twice");
    return;
  }
  std::string line = "{\"code\":";
  codec::json_append_string(line, front.code);
  line += ",\"msg\":";
  codec::json_append_string(line, front.msg);
  line += '}';
  const std::string code = front.code;
  const std::string msg = front.msg;
  decide(front, code, msg, line);
  settle();
}

void Sending::settle() {
  while (!items_.empty() && items_.front().is_over()) {
    Entry& entry = items_.front();
    if (!entry.decided) {
      std::string line = "{\"code\":";
      codec::json_append_string(line, entry.item.code);
      line += ",\"msg\":";
      codec::json_append_string(line, entry.item.problem);
      line += '}';
      entry.code = entry.item.code;
      entry.msg = entry.item.problem;
      if (options_.results) entry.result = line;
    }
    if (options_.results) print_result(entry.item.line, entry.result);
    if (!entry.code.empty()) {
      refuse(entry);
    } else {
      ++(entry.was_before ? progress_.counts.before : progress_.counts.sent);
    }
    progress_.position = entry.item.after;
    items_bytes_ -= entry.counted;
    items_.pop_front();
    if (sent_ > 0) --sent_;
    if (awaited_ > 0) --awaited_;
  }
}

void Sending::refuse(const Entry& entry) {
  ++progress_.counts.refused;
  if (refused_ != nullptr) {
    refused_->add(entry.item, entry.code, entry.msg);
    progress_.refused_bytes = refused_->bytes();
    if (refused_->unwritten() >= kRefusedBytes) {
      const auto flushed = refused_->flush(false);
      if (!flushed) fail(kNotFinished, flushed.error().detail());
    }
  } else if (shown_ < kShownRefusals) {
    status_.say("line " + std::to_string(entry.item.line) + " is refused: " + entry.msg);
    if (++shown_ == kShownRefusals) {
      status_.say("further refusals are counted only; --refused FILE keeps them");
    }
  }
}

void Sending::print_result(std::uint64_t line, std::string_view result) {
  // With the line of the input in place of the index in the stream.
  std::string text = "{\"line\":" + std::to_string(line);
  if (const auto members = codec::json_members(result)) {
    for (const codec::JsonMember& member : *members) {
      if (member.is("index")) continue;
      text.append(",\"").append(member.name).append("\":").append(member.value);
    }
  }
  text += "}\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

Result<void> Sending::keep_progress(bool in_any_case) {
  const TimePoint at = now();
  if (at - kept_at_ < kKeep && !in_any_case) return {};
  kept_at_ = at;
  if (options_.results && std::fflush(stdout) != 0) {
    return Error(Errc::storage, std::string("results cannot be printed: ") + std::strerror(errno));
  }
  const bool keeps = !options_.resume_file.empty() && progress_ != kept_;
  // What the file of --resume counts has to be in that of the refused items.
  if (refused_ != nullptr) JD_RETURN_IF_ERROR(refused_->flush(keeps));
  if (!keeps) return {};
  JD_RETURN_IF_ERROR(store_progress(options_.resume_file, progress_));
  kept_ = progress_;
  return {};
}

}  // namespace jindou::caller
