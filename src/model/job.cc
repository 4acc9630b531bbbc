#include "model/job.h"

#include <array>
#include <charconv>
#include <numeric>

#include "base/time_zone.h"

namespace jindou {
namespace {

constexpr std::size_t kTimeDigits = 12;
constexpr std::size_t kRandomBytes = 10;
constexpr std::string_view kHexDigits = "0123456789abcdef";

using Next = std::optional<JobState>;
constexpr std::size_t kStates = static_cast<std::size_t>(kLastJobState) + 1;
constexpr std::size_t kActions = static_cast<std::size_t>(kLastJobAction) + 1;

constexpr Next kNo;
constexpr JobState kReady = JobState::ready;
constexpr JobState kRunning = JobState::running;
constexpr JobState kPaused = JobState::paused;
constexpr JobState kDone = JobState::done;
constexpr JobState kCancelled = JobState::cancelled;
constexpr JobState kFailed = JobState::failed;

// By state; the columns: seal, start, pause, resume, cancel, fail, retry, finish.
constexpr std::array<std::array<Next, kActions>, kStates> kTransitions = {{
    {{kReady, kNo, kNo, kNo, kCancelled, kFailed, kNo, kNo}},               // uploading
    {{kNo, kRunning, kPaused, kReady, kCancelled, kFailed, kNo, kDone}},    // ready
    {{kNo, kRunning, kPaused, kRunning, kCancelled, kFailed, kNo, kDone}},  // running
    {{kNo, kNo, kPaused, kReady, kCancelled, kFailed, kNo, kDone}},         // paused
    {{kNo, kNo, kNo, kNo, kNo, kNo, kReady, kNo}},                          // done
    {{kNo, kNo, kNo, kNo, kCancelled, kNo, kNo, kNo}},                      // cancelled
    {{kNo, kNo, kNo, kNo, kNo, kFailed, kReady, kNo}},                      // failed
}};

}  // namespace

std::string make_job_id(std::int64_t now_ms, Random& random) {
  std::string id(kTimeDigits, '0');
  auto rest = static_cast<std::uint64_t>(now_ms);
  for (std::size_t digit = kTimeDigits; digit > 0; --digit) {
    id[digit - 1] = kHexDigits[rest & 0xf];
    rest >>= 4;
  }
  id += random.hex(kRandomBytes);
  return id;
}

bool is_job_id(std::string_view text) {
  return text.size() == kJobIdBytes && text.find_first_not_of(kHexDigits) == std::string_view::npos;
}

std::optional<std::int64_t> job_id_ms(std::string_view id) {
  if (!is_job_id(id)) return std::nullopt;
  std::int64_t ms = 0;
  std::from_chars(id.data(), id.data() + kTimeDigits, ms, 16);
  return ms;
}

std::string_view job_state_name(JobState state) {
  switch (state) {
    case JobState::uploading: return "uploading";
    case JobState::ready: return "ready";
    case JobState::running: return "running";
    case JobState::paused: return "paused";
    case JobState::done: return "done";
    case JobState::cancelled: return "cancelled";
    case JobState::failed: return "failed";
  }
  return "unknown";
}

std::string_view job_action_name(JobAction action) {
  switch (action) {
    case JobAction::seal: return "seal";
    case JobAction::start: return "start";
    case JobAction::pause: return "pause";
    case JobAction::resume: return "resume";
    case JobAction::cancel: return "cancel";
    case JobAction::fail: return "fail";
    case JobAction::retry: return "retry";
    case JobAction::finish: return "finish";
  }
  return "unknown";
}

namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMs = DailyWindow::kDayMin * kMinuteMs;
// More changes of a clock than the longest time that a window is not seen by: a window of a few
// minutes that a clock is set forward over is there on the next day.
constexpr int kClockChangesMax = 8;

// By a clock that stays as it is.
std::int64_t opens_by_clock_in_ms(const DailyWindow& window, std::int64_t wall_ms,
                                  std::int64_t ahead_ms) {
  // Of the day, by its own clock; a wall clock before 1970 has a day, too.
  const std::int64_t now = ((wall_ms + ahead_ms) % kDayMs + kDayMs) % kDayMs;
  const std::int64_t from = window.from_min * kMinuteMs;
  const std::int64_t since = (now - from + kDayMs) % kDayMs;
  const std::int64_t length = ((window.to_min * kMinuteMs) - from + kDayMs) % kDayMs;
  return since < length ? 0 : kDayMs - since;
}

}  // namespace

Result<std::int64_t> DailyWindow::opens_in_ms(std::int64_t wall_ms) const {
  if (!is_set()) return 0;
  if (zone.empty()) return opens_by_clock_in_ms(*this, wall_ms, offset_min * kMinuteMs);
  std::int64_t at = wall_ms;
  for (int changes = 0;; ++changes) {
    JD_TRY(const ZoneOffset offset, zone_offset(zone, at));
    const std::int64_t wait = opens_by_clock_in_ms(*this, at, offset.ahead_ms);
    if (at + wait < offset.until_ms || changes == kClockChangesMax) return at + wait - wall_ms;
    at = offset.until_ms;
  }
}

std::string_view job_kind_name(JobKind kind) {
  switch (kind) {
    case JobKind::send: return "send";
    case JobKind::recall: return "recall";
    case JobKind::edit: return "edit";
    case JobKind::batch: return "batch";
  }
  return "unknown";
}

std::optional<JobState> next_job_state(JobState state, JobAction action) {
  return kTransitions[static_cast<std::size_t>(state)][static_cast<std::size_t>(action)];
}

namespace {

// Not in the middle of a character.
std::string_view cut_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

RefusalWordsPtr words_of(const SendResult& result) {
  if (result.cause == SendResult::Cause::other && !result.moderation) return nullptr;
  auto words = std::make_shared<RefusalWords>();
  words->cause = result.cause;
  if (result.moderation) {
    words->text = cut_text(result.moderation->reason, RefusalWords::kBytesMax);
    std::size_t bytes = 0;
    for (const std::string& name : result.moderation->found_by) {
      bytes += name.size();
      if (bytes > RefusalWords::kBytesMax) break;
      words->found_by.push_back(name);
    }
  }
  return words;
}

}  // namespace

std::size_t RefusalWords::bytes() const {
  std::size_t bytes = sizeof(RefusalWords) + text.size();
  for (const std::string& name : found_by) bytes += sizeof(name) + name.size();
  return bytes;
}

bool JobResult::operator==(const JobResult& other) const {
  const bool same_words = words == other.words || (words && other.words && *words == *other.words);
  return same_words && state == other.state && reason == other.reason && code == other.code &&
         message_id == other.message_id && message_seq == other.message_seq &&
         last_seq == other.last_seq;
}

JobResult job_result_of(const SendResult& result) {
  JobResult out;
  switch (result.state) {
    case SendResult::State::accepted: out.state = JobResult::State::accepted; break;
    case SendResult::State::duplicate: out.state = JobResult::State::duplicate; break;
    case SendResult::State::refused: out.state = JobResult::State::refused; break;
    case SendResult::State::unknown: out.state = JobResult::State::unknown; break;
  }
  if (out.ok()) {
    out.message_id = result.message_id;
    out.message_seq = result.message_seq;
  } else {
    out.reason = result.reason;
    out.code = result.code;
    if (result.state == SendResult::State::refused) out.words = words_of(result);
    out.last_seq = result.last_seq;
  }
  return out;
}

// Powers of two, and between them one and a half of each.
std::uint64_t ItemTimes::end_of(std::size_t step) {
  if (step == 0) return 1;
  return step % 2 == 1 ? std::uint64_t{1} << ((step + 1) / 2) : std::uint64_t{3} << (step / 2 - 1);
}

void ItemTimes::add(std::uint64_t ms, std::uint64_t items) {
  std::size_t step = 0;
  while (step + 1 < kSteps && end_of(step) < ms) ++step;
  counts_[step] += items;
}

std::uint64_t ItemTimes::items() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

std::uint64_t ItemTimes::within(double share) const {
  const auto wanted = static_cast<double>(items()) * share;
  std::uint64_t seen = 0;
  for (std::size_t step = 0; step < kSteps; ++step) {
    seen += counts_[step];
    if (seen > 0 && static_cast<double>(seen) >= wanted) return end_of(step);
  }
  return 0;
}

}  // namespace jindou
