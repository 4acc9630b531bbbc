#include "webhook/courier.h"

#include <algorithm>
#include <utility>

#include "observe/log.h"

namespace jindou::webhook {

namespace {

constexpr std::string_view kComponent = "webhook";
// What a receiver says beyond its status is of no interest; a page of error text is let through.
constexpr std::size_t kAnswerBytesMax = std::size_t{1} << 20;

// Of what came, as much as is kept with a dead letter.
constexpr std::size_t kErrorBytesMax = 200;

// Printable ASCII: the receiver has a say in it.
std::string what_came(const http::CallAnswer& answer) {
  std::string text = answer.error;
  if (text.empty()) {
    text = "status " + std::to_string(answer.status);
    if (!answer.grpc_status.empty()) text += ", gRPC status " + answer.grpc_status;
  }
  if (text.size() > kErrorBytesMax) text.resize(kErrorBytesMax);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace

Courier::Courier(std::string_view name, std::size_t parallel, const Clock& clock, Random& random,
                 EventCounters& counters)
    : name_(name),
      clock_(clock),
      counters_(counters),
      sender_(parallel, kAnswerBytesMax),
      backoff_(random) {}

void Courier::forget_receiver() {
  down_ = false;
  not_before_ = {};
  backoff_.reset();
}

void Courier::settle(Dispatch& dispatch, ToldOutcome outcome) {
  dispatch.settled = true;
  dispatch.outcome = outcome;
  dispatch.settled_at_ms = clock_.wall_ms();
}

void Courier::note_failure(Dispatch& dispatch, const http::CallAnswer& answer) {
  counters_.add_failed_attempts(1);
  ++dispatch.attempts;
  dispatch.last_error = what_came(answer);
  counters_.last_failure.note(dispatch.last_error, clock_.wall_ms());
}

void Courier::give_up(Dispatch& dispatch, store::GiveUpCause cause, std::string_view why) {
  settle(dispatch, ToldOutcome::given_up);
  dispatch.cause = cause;
  counters_.add_dead_letters(dispatch.weight);
  observe::log_warn(kComponent, "{}: {} given up, {}", name_, dispatch.weight, why);
}

void Courier::note_down(const http::CallAnswer& answer, const WebhookOptions& options) {
  const std::string why = what_came(answer);
  if (!down_) {
    observe::log_warn(kComponent, "{}: the receiver fails: {}", name_, why);
  } else {
    observe::log_debug(kComponent, "{}: the receiver still fails: {}", name_, why);
  }
  down_ = true;
  // One round is one failure, however many requests of it were under way.
  if (failed_in_this_round_) return;
  failed_in_this_round_ = true;
  const auto asked = std::min<std::chrono::milliseconds>(answer.retry_after, options.retry_max);
  const auto wait = std::max(backoff_.next(options.retry_min, options.retry_max), asked);
  not_before_ = clock_.steady() + wait;
}

void Courier::note_up() {
  if (down_) observe::log_info(kComponent, "{}: the receiver answers again", name_);
  down_ = false;
  backoff_.reset();
}

bool Courier::handle(Dispatch& dispatch, const http::CallAnswer& answer, bool http2,
                     const WebhookOptions& options) {
  switch (verdict_on(answer, http2)) {
    case Verdict::delivered:
      settle(dispatch, ToldOutcome::delivered);
      counters_.add_sent(dispatch.weight);
      if (!failed_in_this_round_) note_up();
      return true;
    case Verdict::down:
      note_failure(dispatch, answer);
      note_down(answer, options);
      return false;
    case Verdict::refused: {
      note_failure(dispatch, answer);
      if (!failed_in_this_round_) note_up();
      if (++dispatch.refusals >= std::max<std::size_t>(1, options.attempts_max)) {
        give_up(dispatch, store::GiveUpCause::refused, "refused: " + dispatch.last_error);
        return true;
      }
      // Twice as long each time; whoever refuses one letter is not in need of more jitter.
      const auto wait =
          options.retry_min * (std::int64_t{1} << std::min(dispatch.refusals - 1, 20U));
      dispatch.not_before = clock_.steady() + std::min(wait, options.retry_max);
      return true;
    }
  }
  return true;
}

void Courier::send(const std::vector<Dispatch*>& letters, const WebhookOptions& options) {
  const auto now = clock_.steady();
  if (now < not_before_) return;
  const std::int64_t now_seconds = clock_.wall_seconds();
  const std::int64_t oldest =
      now_seconds - std::chrono::duration_cast<std::chrono::seconds>(options.max_age).count();
  std::vector<Dispatch*> due;
  for (Dispatch* dispatch : letters) {
    if (dispatch->settled) continue;
    if (is_over(dispatch->expires_at, now_seconds)) {
      settle(*dispatch, ToldOutcome::expired);
      continue;
    }
    if (dispatch->newest_seconds < oldest) {
      give_up(*dispatch, store::GiveUpCause::too_old, "too old");
      continue;
    }
    if (now < dispatch->not_before) continue;
    if (down_ && !due.empty()) continue;
    if (route_of(dispatch->letter, options) == Route::none) continue;  // no longer
    due.push_back(dispatch);
  }
  failed_in_this_round_ = false;
  sender_.send_all(
      due.size(),
      [&](std::size_t index) {
        return request_of(due[index]->letter, options, clock_.wall_seconds());
      },
      [&](std::size_t index, const http::CallAnswer& answer) {
        const bool http2 = route_of(due[index]->letter, options) == Route::grpc;
        return handle(*due[index], answer, http2, options);
      });
}

}  // namespace jindou::webhook
