#include "caller/rehearsal.h"

#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "caller/interrupt.h"
#include "caller/pace.h"
#include "codec/json_fault.h"
#include "codec/json_members.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "http/sender.h"

namespace jindou::caller {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kRehearsalPath = "/message/sendbatch?dry_run=true";
constexpr std::size_t kGroupItems = 100;
constexpr std::size_t kGroupBytes = std::size_t{1} << 20;
constexpr std::size_t kRehearsalBytesMax = std::size_t{64} << 20;
constexpr unsigned kShownFindings = 10;

std::string words_in(simdjson::dom::object object, const char* name) {
  std::string_view text;
  if (object[name].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

std::uint64_t number_of(simdjson::dom::object object, const char* name) {
  std::uint64_t number = 0;
  return object[name].get(number) == simdjson::SUCCESS ? number : 0;
}

struct Verdict {
  std::size_t index = 0;
  std::string code;  // empty: it would be sent
  std::string msg;
};

class Rehearsal {
 public:
  Rehearsal(const SendOptions& options, ItemSource& source, RefusedFile* refused,
            StatusLine& status, Random& random)
      : options_(options),
        source_(source),
        refused_(refused),
        status_(status),
        patience_(options.patience, random),
        sender_(1, kRehearsalBytesMax) {}

  int run();

 private:
  // Up to a group; false: the input has ended before.
  bool gather();
  // False: it cannot go on; failure_ says why.
  bool ask();
  // The answer when it is one to the question; none: ask again without what was refused, or give
  // up.
  std::optional<http::CallAnswer> post();
  bool take(const http::CallAnswer& answer);
  bool take_problems(const http::CallAnswer& answer);
  void refuse(const Item& item, const std::string& code, const std::string& msg);
  void drop(const std::vector<Verdict>& refused);
  void fail(int code, std::string why) {
    exit_code_ = code;
    failure_ = std::move(why);
  }
  std::string words_of(const http::CallAnswer& answer) const;

  const SendOptions& options_;
  ItemSource& source_;
  RefusedFile* const refused_;
  StatusLine& status_;
  Patience patience_;
  http::Sender sender_;
  std::vector<Item> group_;
  Progress progress_;
  std::uint64_t receivers_ = 0;
  std::uint64_t online_ = 0;
  unsigned shown_ = 0;
  int exit_code_ = kAllSent;
  std::string failure_;
};

void Rehearsal::refuse(const Item& item, const std::string& code, const std::string& msg) {
  ++progress_.counts.refused;
  if (options_.results) {
    std::string line;
    codec::JsonWriter json(line);
    json.begin_object();
    json.number("line", item.line);
    json.string("code", code);
    json.string("msg", msg);
    json.end_object();
    std::printf("%s\n", line.c_str());
  }
  if (refused_ != nullptr) {
    refused_->add(item, code, msg);
    const auto flushed = refused_->flush(false);
    if (!flushed) fail(kNotFinished, flushed.error().detail());
  } else if (shown_ < kShownFindings) {
    ++shown_;
    status_.say("line " + std::to_string(item.line) + " would be refused: " + msg);
  }
}

bool Rehearsal::gather() {
  std::size_t bytes = 0;
  while (group_.size() < kGroupItems && bytes < kGroupBytes && failure_.empty()) {
    Item item;
    const auto found = source_.next(item);
    if (!found) {
      fail(kBadCall, found.error().detail());
      return false;
    }
    if (interrupted()) return false;
    if (*found == ItemSource::Found::end) return false;
    if (*found == ItemSource::Found::later) {
      source_.wait();
      continue;
    }
    progress_.position = item.after;
    if (item.problem.empty() && !codec::is_json(item.text)) {
      // In an array it would spoil all others.
      item.code = "invalid";
      item.problem = "the line is no JSON object";
    }
    if (!item.problem.empty()) {
      refuse(item, item.code, item.problem);
      continue;
    }
    bytes += item.bytes();
    group_.push_back(std::move(item));
  }
  return true;
}

std::string Rehearsal::words_of(const http::CallAnswer& answer) const {
  if (answer.status == 0) return shown_url(options_) + ": " + answer.error;
  std::string words = shown_url(options_) + " answers status " + std::to_string(answer.status);
  const auto parsed = codec::parse_json(answer.body);
  simdjson::dom::object object;
  if (parsed && parsed->get_object().get(object) == simdjson::SUCCESS) {
    words += ": " + words_in(object, "msg");
  }
  return words;
}

std::optional<http::CallAnswer> Rehearsal::post() {
  http::Call call;
  call.url = options_.url + std::string(kRehearsalPath);
  call.headers = request_headers(options_, "application/json");
  call.timeout = std::chrono::ceil<milliseconds>(Seconds(options_.timeout));
  call.connect_timeout = call.timeout;
  call.ca_file = options_.ca_file;
  for (const Item& item : group_) {
    call.body += call.body.empty() ? '[' : ',';
    call.body += item.text;
  }
  call.body += ']';
  for (;;) {
    http::CallAnswer answer;
    sender_.send_all({call}, [&answer](std::size_t, http::CallAnswer came) {
      answer = std::move(came);
      return true;
    });
    const bool later = answer.status == 0 || answer.status == 429 || answer.status == 502 ||
                       answer.status == 503 || answer.status == 504;
    if (!later) {
      patience_.succeeded();
      return answer;
    }
    const auto wait = patience_.wait(std::chrono::steady_clock::now(), answer.retry_after);
    if (!wait || interrupted()) {
      fail(kNotFinished, words_of(answer) + "; given up");
      return std::nullopt;
    }
    status_.say(words_of(answer) + "; trying again in " +
                duration_text(std::max(1.0, Seconds(*wait).count())));
    ::poll(nullptr, 0, static_cast<int>(wait->count()));
  }
}

void Rehearsal::drop(const std::vector<Verdict>& refused) {
  std::vector<Item> left;
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const auto found = std::find_if(refused.begin(), refused.end(),
                                    [i](const Verdict& verdict) { return verdict.index == i; });
    if (found == refused.end()) {
      left.push_back(std::move(group_[i]));
    } else {
      refuse(group_[i], found->code, found->msg);
    }
  }
  group_ = std::move(left);
}

bool Rehearsal::take_problems(const http::CallAnswer& answer) {
  std::vector<Verdict> refused;
  {
    const auto parsed = codec::parse_json(answer.body);
    simdjson::dom::array items;
    if (parsed && parsed->at_key("items").get(items) == simdjson::SUCCESS) {
      for (const simdjson::dom::element element : items) {
        simdjson::dom::object object;
        std::uint64_t index = 0;
        if (element.get(object) != simdjson::SUCCESS) continue;
        if (object["index"].get(index) != simdjson::SUCCESS || index >= group_.size()) continue;
        refused.push_back(
            {static_cast<std::size_t>(index), words_in(object, "code"), words_in(object, "msg")});
      }
    }
  }
  if (answer.status != 400 || refused.empty()) {
    fail(answer.status >= 500 ? kNotFinished : kBadCall, words_of(answer));
    return false;
  }
  drop(refused);
  return true;
}

bool Rehearsal::take(const http::CallAnswer& answer) {
  std::vector<Verdict> refused;
  std::uint64_t duplicate = 0;
  bool complete = false;
  {
    const auto parsed = codec::parse_json(answer.body);
    simdjson::dom::array items;
    simdjson::dom::object total;
    if (parsed && parsed->at_key("items").get(items) == simdjson::SUCCESS &&
        parsed->at_key("total").get(total) == simdjson::SUCCESS) {
      std::size_t index = 0;
      for (const simdjson::dom::element element : items) {
        simdjson::dom::object object;
        if (element.get(object) == simdjson::SUCCESS && !words_in(object, "code").empty()) {
          refused.push_back({index, words_in(object, "code"), words_in(object, "msg")});
        }
        ++index;
      }
      complete = index == group_.size();
      receivers_ += number_of(total, "receivers");
      online_ += number_of(total, "online");
      duplicate = number_of(total, "duplicate");
    }
  }
  if (!complete) {
    fail(kNotFinished,
         shown_url(options_) + " answers with what is no dry run; is it a Jindou server?");
    return false;
  }
  progress_.counts.before += duplicate;
  progress_.counts.sent += group_.size() - refused.size() - duplicate;
  drop(refused);
  group_.clear();
  return true;
}

bool Rehearsal::ask() {
  while (!group_.empty() && failure_.empty()) {
    const auto answer = post();
    if (!answer) return false;
    if (!(answer->ok() ? take(*answer) : take_problems(*answer))) return false;
  }
  return failure_.empty();
}

int Rehearsal::run() {
  bool more = true;
  while (more) {
    more = gather();
    if (interrupted()) fail(kNotFinished, "interrupted");
    // An input that cannot be read any further is asked about as far as it goes.
    const std::string gathered = std::exchange(failure_, {});
    const int code = exit_code_;
    if (!ask()) break;
    if (!gathered.empty()) {
      fail(code, gathered);
      break;
    }
    status_.update(progress_, std::chrono::steady_clock::now());
  }
  const Counts& counts = progress_.counts;
  std::string sums = "dry run: " + with_commas(counts.sent) + " would be sent to " +
                     with_commas(receivers_) + " receivers, " + with_commas(online_) +
                     " of them online; ";
  if (counts.before > 0) sums += with_commas(counts.before) + " were sent before; ";
  sums += with_commas(counts.refused) + " would be refused";
  status_.say(sums);
  if (!failure_.empty()) {
    status_.say(failure_);
    return exit_code_;
  }
  return counts.refused == 0 ? kAllSent : kSomeRefused;
}

}  // namespace

int rehearse(const SendOptions& options, ItemSource& source, RefusedFile* refused,
             StatusLine& status, Random& random) {
  return Rehearsal(options, source, refused, status, random).run();
}

}  // namespace jindou::caller
