#include "moderation/verdict_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "runtime/thread_identity.h"
#include "store/fingerprint.h"

namespace jindou::moderation {

namespace {

using partition::CheckedContent;

// Who found something, as messages and webhooks name it.
constexpr std::string_view kService = "service";
constexpr std::string_view kUnjudged = "unjudged";
// A verdict of each, with a payload.
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20;

// What was found before stays.
std::shared_ptr<Moderation> next_of(const CheckedContent& content, std::string_view found_by) {
  auto next = *content.moderation ? std::make_shared<Moderation>(**content.moderation)
                                  : std::make_shared<Moderation>();
  auto& names = next->found_by;
  if (std::find(names.begin(), names.end(), found_by) == names.end()) names.emplace_back(found_by);
  return next;
}

void refuse(const CheckedContent& content, Errc code, std::string reason,
            std::string_view found_by) {
  auto next = next_of(content, found_by);
  next->refused = true;
  next->code = code;
  next->reason = std::move(reason);
  if (!next->sent_payload) next->sent_payload = store::payload_hash(*content.payload);
  *content.moderation = std::move(next);
}

}  // namespace

VerdictService::VerdictService(const Clock& clock, OptionsSource options, std::size_t calls)
    : clock_(clock), options_(std::move(options)), calls_(calls) {}

VerdictService::~VerdictService() { stop(); }

void VerdictService::start() {
  for (std::size_t i = 0; i < calls_; ++i) threads_.emplace_back([this] { run(); });
}

void VerdictService::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    for (http::Sender* sender : senders_) sender->stop();
    work_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  std::vector<Waiting> left;
  {
    const MutexLock lock(mutex_);
    left.assign(waiting_.begin(), waiting_.end());
    waiting_.clear();
  }
  for (const Waiting& waiting : left) {
    refuse(waiting.question->contents[waiting.index], Errc::unavailable, "the server is stopping",
           kUnjudged);
  }
  finish(left);
}

void VerdictService::ask(Contents contents, std::function<void()> go) {
  const auto options = options_();
  const ServiceOptions& service = options->service;
  if (service.url.empty()) return go();  // it was switched off a moment ago
  auto question = std::make_shared<Question>();
  for (const CheckedContent& content : contents) question->bytes += content.payload->size();
  question->open = contents.size();
  question->contents = std::move(contents);
  question->go = std::move(go);
  const TimePoint now = clock_.steady();
  bool down = false;
  bool full = false;
  {
    const MutexLock lock(mutex_);
    // While it is down, what was asked before may be the trial; nothing else waits for that.
    down = stopping_ || (is_down_ && now < down_until_) || (is_down_ && trial_runs_);
    full = waiting_bytes_ > 0 && waiting_bytes_ + question->bytes > service.waiting_bytes_max;
    if (!down && !full) {
      waiting_bytes_ += question->bytes;
      for (std::size_t i = 0; i < question->contents.size(); ++i) {
        waiting_.push_back({question, i, now + service.timeout});
      }
      if (question->contents.size() > service.batch_items) {
        work_.notify_all();
      } else {
        work_.notify_one();
      }
      return;
    }
  }
  for (const CheckedContent& content : question->contents) {
    if (full && !down) {
      overloaded_.fetch_add(1, std::memory_order_relaxed);
      refuse(content, Errc::overloaded, "too much waits for moderation; retry later", kUnjudged);
    } else {
      apply_silence(content, service.refuse_when_down);
    }
  }
  question->go();
}

void VerdictService::run() {
  runtime::name_this_thread("moderation");
  http::Sender sender(1, kAnswerBytesMax);
  MutexLock lock(mutex_);
  senders_.push_back(&sender);
  while (!stopping_) {
    std::vector<Waiting> waiting = take(lock);
    if (waiting.empty()) break;
    lock.unlock();
    call(sender, std::move(waiting));
    lock.lock();
  }
  std::erase(senders_, &sender);
}

std::vector<VerdictService::Waiting> VerdictService::take(MutexLock& lock) {
  work_.wait(lock, [this]() JD_REQUIRES(mutex_) { return stopping_ || !waiting_.empty(); });
  std::vector<Waiting> taken;
  if (stopping_) return taken;
  const std::size_t most = std::min(waiting_.size(), options_()->service.batch_items);
  taken.assign(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(most));
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(most));
  return taken;
}

bool VerdictService::may_call(TimePoint now) {
  if (!is_down_) return true;
  if (trial_runs_ || now < down_until_) return false;
  trial_runs_ = true;
  return true;
}

void VerdictService::call(http::Sender& sender, std::vector<Waiting> waiting) {
  const auto options = options_();
  const ServiceOptions& service = options->service;
  const TimePoint now = clock_.steady();
  // The oldest stands first: what is over was over before the rest.
  const auto due = std::partition_point(waiting.begin(), waiting.end(),
                                        [now](const auto& each) { return each.until <= now; });
  std::vector<Waiting> late(waiting.begin(), due);
  waiting.erase(waiting.begin(), due);
  if (!late.empty()) decide(late, nullptr, service);
  if (waiting.empty()) return;
  bool may = false;
  {
    const MutexLock lock(mutex_);
    may = !service.url.empty() && may_call(now);
  }
  if (!may) {
    decide(waiting, nullptr, service);
    return;
  }
  Contents contents;
  for (const Waiting& each : waiting) contents.push_back(each.question->contents[each.index]);
  http::Call request;
  request.url = service.url;
  request.body = question_of(contents);
  request.headers = {"Content-Type: application/json"};
  // The one that is to be answered first says how long.
  request.timeout =
      std::max(std::chrono::milliseconds(1),
               std::chrono::duration_cast<std::chrono::milliseconds>(waiting.front().until - now));
  request.connect_timeout = request.timeout;
  request.ca_file = service.ca_file;
  http::CallAnswer answer;
  sender.send_all({request}, [&answer](std::size_t, http::CallAnswer received) {
    answer = std::move(received);
    return true;
  });
  const TimePoint after = clock_.steady();
  note_time(after - now);
  std::string why = answer.error;
  Result<std::vector<Verdict>> verdicts = Error(Errc::unavailable);
  if (answer.status == 200) {
    verdicts = parse_verdicts(answer.body, contents.size(), service.payload_bytes_max);
    if (!verdicts) why = verdicts.error().detail();
  } else if (answer.status != 0) {
    why = fmt::format("status {}", answer.status);
  }
  if (!verdicts) observe::log_warn("moderation", "the service gave no verdicts: {}", why);
  note_call(verdicts.has_value(), after, service);
  decide(waiting, verdicts ? &*verdicts : nullptr, service);
}

void VerdictService::note_call(bool answered, TimePoint now, const ServiceOptions& options) {
  (answered ? answered_ : failed_).fetch_add(1, std::memory_order_relaxed);
  const MutexLock lock(mutex_);
  const bool was_down = is_down_;
  trial_runs_ = false;
  if (answered) {
    failures_ = 0;
    is_down_ = false;
    if (was_down) observe::log_info("moderation", "the service answers again");
    return;
  }
  ++failures_;
  if (!was_down && failures_ < options.breaker_failures) return;
  is_down_ = true;
  down_until_ = now + options.breaker_pause;
  if (!was_down) {
    observe::log_error("moderation", "the service counts as down after {} calls: what is sent {}",
                       failures_, options.refuse_when_down ? "is refused" : "goes through");
  }
}

void VerdictService::decide(const std::vector<Waiting>& waiting,
                            const std::vector<Verdict>* verdicts, const ServiceOptions& options) {
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const CheckedContent& content = waiting[i].question->contents[waiting[i].index];
    if (verdicts == nullptr) {
      apply_silence(content, options.refuse_when_down);
    } else {
      apply(content, (*verdicts)[i]);
    }
  }
  finish(waiting);
}

void VerdictService::finish(const std::vector<Waiting>& waiting) {
  std::vector<QuestionPtr> done;
  {
    const MutexLock lock(mutex_);
    for (const Waiting& each : waiting) {
      JD_ASSERT(each.question->open > 0);
      if (--each.question->open > 0) continue;
      JD_ASSERT(waiting_bytes_ >= each.question->bytes);
      waiting_bytes_ -= each.question->bytes;
      done.push_back(each.question);
    }
  }
  for (const QuestionPtr& question : done) std::exchange(question->go, nullptr)();
}

void VerdictService::apply(const CheckedContent& content, const Verdict& verdict) {
  if (!content.is_rehearsal) {
    verdicts_[static_cast<std::size_t>(verdict.action)].fetch_add(1, std::memory_order_relaxed);
  }
  if (verdict.action == Verdict::Action::allow) return;
  if (verdict.action == Verdict::Action::refuse) {
    refuse(content, Errc::denied, verdict.reason, kService);
    return;
  }
  if (*content.payload == verdict.payload) return;
  auto next = next_of(content, kService);
  next->replaced = true;
  if (!next->sent_payload) next->sent_payload = store::payload_hash(*content.payload);
  *content.payload = Payload(verdict.payload);
  *content.moderation = std::move(next);
}

void VerdictService::apply_silence(const CheckedContent& content, bool refuse_it) {
  if (refuse_it) {
    if (!content.is_rehearsal) refused_unjudged_.fetch_add(1, std::memory_order_relaxed);
    refuse(content, Errc::unavailable, "moderation does not answer; retry later", kUnjudged);
    return;
  }
  if (!content.is_rehearsal) passed_unjudged_.fetch_add(1, std::memory_order_relaxed);
  auto next = next_of(content, kUnjudged);
  next->flagged = true;
  *content.moderation = std::move(next);
}

void VerdictService::note_time(std::chrono::nanoseconds took) {
  const double seconds = std::chrono::duration<double>(took).count();
  const auto bucket = std::lower_bound(kBuckets.begin(), kBuckets.end(), seconds);
  took_[static_cast<std::size_t>(bucket - kBuckets.begin())].fetch_add(1);
  took_ns_.fetch_add(static_cast<std::uint64_t>(took.count()));
}

void VerdictService::append_metrics(std::string& out) const {
  const auto put = std::back_inserter(out);
  const auto head = [&](std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(put, "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  };
  std::size_t bytes = 0;
  bool down = false;
  {
    const MutexLock lock(mutex_);
    bytes = waiting_bytes_;
    down = is_down_;
  }
  const bool asked = !options_()->service.url.empty();
  head("jindou_moderation_verdicts_total", "counter", "Verdicts of the service, by action.");
  constexpr std::array<std::string_view, 3> kActions{"allow", "refuse", "replace"};
  for (std::size_t i = 0; i < kActions.size(); ++i) {
    fmt::format_to(put, "jindou_moderation_verdicts_total{{action=\"{}\"}} {}\n", kActions[i],
                   verdicts_[i].load());
  }
  head("jindou_moderation_unjudged_total", "counter",
       "Messages and edits without a verdict of the service, by what became of them.");
  fmt::format_to(put,
                 "jindou_moderation_unjudged_total{{outcome=\"pass\"}} {}\n"
                 "jindou_moderation_unjudged_total{{outcome=\"refuse\"}} {}\n"
                 "jindou_moderation_unjudged_total{{outcome=\"overloaded\"}} {}\n",
                 passed_unjudged_.load(), refused_unjudged_.load(), overloaded_.load());
  head("jindou_moderation_calls_total", "counter", "Calls of the service, by result.");
  fmt::format_to(put,
                 "jindou_moderation_calls_total{{result=\"ok\"}} {}\n"
                 "jindou_moderation_calls_total{{result=\"failed\"}} {}\n",
                 answered_.load(), failed_.load());
  head("jindou_moderation_call_seconds", "histogram", "How long a call of the service takes.");
  std::uint64_t calls = 0;
  for (std::size_t i = 0; i < kBuckets.size(); ++i) {
    calls += took_[i].load();
    fmt::format_to(put, "jindou_moderation_call_seconds_bucket{{le=\"{}\"}} {}\n", kBuckets[i],
                   calls);
  }
  calls += took_[kBuckets.size()].load();
  fmt::format_to(put,
                 "jindou_moderation_call_seconds_bucket{{le=\"+Inf\"}} {0}\n"
                 "jindou_moderation_call_seconds_sum {1}\n"
                 "jindou_moderation_call_seconds_count {0}\n",
                 calls, static_cast<double>(took_ns_.load()) / 1e9);
  observe::append_sample(out, "jindou_moderation_service_down", "gauge",
                         "1 while the service counts as down and is not asked.",
                         asked && down ? 1 : 0);
  observe::append_sample(out, "jindou_moderation_waiting_bytes", "gauge",
                         "Payloads that wait for a verdict.", static_cast<double>(bytes));
}

}  // namespace jindou::moderation
