#include "jobs/turn.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "base/assert.h"

namespace jindou::jobs {
namespace {

// A ratio of refusals counts from so many items on.
constexpr std::uint64_t kRatioItemsMin = 100;
constexpr double kMillion = 1e6;
// Of a message beside its payload, and of a uid of a list: see CommandRouter.
constexpr std::size_t kItemOverheadBytes = 512;
constexpr std::size_t kUidOverheadBytes = 64;

std::size_t weight_of(const SendCommand& message) {
  std::size_t bytes = kItemOverheadBytes + message.payload.size();
  for (const std::string& uid : message.subscribers) bytes += uid.size() + kUidOverheadBytes;
  return bytes;
}

std::optional<std::uint64_t> first_refused(const Turn& turn) {
  std::optional<std::uint64_t> first = turn.stopped_at;
  for (const auto& [index, result] : turn.results) {
    if (result.state == JobResult::State::refused && (!first || index < *first)) first = index;
  }
  return first;
}

// Of all that were tried, each as it is by now. While a pass is still at items that an earlier one
// has tried, the counts have what it has not come to yet as it was then: nothing is judged before
// it is behind them.
bool refuses_too_many(const Turn& turn, const Job& job) {
  if (job.options.refused_ppm_max == 0 || turn.to < job.reached) return false;
  std::uint64_t refused = job.counts.refused - turn.refused_before;
  for (const auto& entry : turn.results) {
    if (entry.second.state == JobResult::State::refused) ++refused;
  }
  const std::uint64_t sent =
      job.counts.decided() - job.counts.unreadable - turn.decided_before + turn.results.size();
  return sent >= kRatioItemsMin && static_cast<double>(refused) * kMillion >
                                       static_cast<double>(sent) * job.options.refused_ppm_max;
}

// Behind the last item that the core has taken.
std::uint64_t tried_to(const Turn& turn) {
  std::uint64_t to = turn.from;
  for (const auto& entry : turn.results) to = std::max(to, entry.first + 1);
  for (const Turn::Open& open : turn.open) {
    if (open.last) to = std::max(to, open.index + 1);
  }
  return to;
}

// Whether the job is to wait behind its canary: nothing behind that was ever tried, in whatever
// pass. One that has failed at the last item of it waits there, too, when it is tried again.
bool has_canary_before_it(const Job& job) { return job.reached <= job.options.canary_items; }

// Whether the job goes on behind the turn.
void decide_stop(const Turn& turn, const Job& job, partition::AdvanceJob& record) {
  if (job.options.stops_on_refusal) {
    if (const auto refused = first_refused(turn)) {
      record.stop = JobAction::fail;
      record.reason = "item " + std::to_string(*refused) +
                      " was refused, and on_error is stop: what follows it was not sent";
      return;
    }
  }
  if (refuses_too_many(turn, job)) {
    record.stop = JobAction::fail;
    record.reason = "more items were refused than max_refused allows";
    return;
  }
  const std::uint64_t canary = job.options.canary_items;
  if (has_canary_before_it(job) && turn.to == canary && turn.to < job.counts.items) {
    record.stop = JobAction::pause;
    record.reason = "the first " + std::to_string(canary) +
                    " items were sent (canary); the others are sent when the job is resumed";
  }
}

}  // namespace

std::string item_number(std::string_view job, std::uint64_t index) {
  return std::string(job) + '-' + std::to_string(index);
}

bool may_pass(const SendResult& result) {
  return !result.ok() &&
         (result.state == SendResult::State::unknown || errc_retriable(result.code));
}

SendResult send_result_of(const JobResult& result) {
  SendResult out;
  switch (result.state) {
    case JobResult::State::accepted: out.state = SendResult::State::accepted; break;
    case JobResult::State::duplicate: out.state = SendResult::State::duplicate; break;
    case JobResult::State::refused: out.state = SendResult::State::refused; break;
    case JobResult::State::unreadable: out.state = SendResult::State::refused; break;
    case JobResult::State::pending:
    case JobResult::State::unknown: break;
  }
  out.message_id = result.message_id;
  out.message_seq = result.message_seq;
  out.reason = result.reason;
  out.code = result.code;
  out.last_seq = result.last_seq;
  if (result.words == nullptr) return out;
  out.cause = result.words->cause;
  if (!result.words->text.empty() || !result.words->found_by.empty()) {
    Moderation moderation;
    moderation.refused = true;
    moderation.code = result.code;
    moderation.reason = result.words->text;
    moderation.found_by = result.words->found_by;
    out.moderation = std::make_shared<const Moderation>(std::move(moderation));
  }
  return out;
}

Turn plan_turn(const Job& job, const partition::JobChunk& chunk, const TurnLimits& limits) {
  JD_ASSERT(job.cursor >= chunk.first && job.cursor < chunk.first + chunk.items.size());
  Turn turn;
  turn.pass = job.pass;
  turn.from = job.cursor;
  std::uint64_t end = chunk.first + chunk.items.size();
  if (job.only_failed) end = std::min(end, job.reached);
  std::uint64_t index = job.cursor;
  for (; index < end && turn.open.size() < limits.items_max; ++index) {
    // Here the job waits to be resumed, or was.
    const bool is_canary_over = index == job.options.canary_items && has_canary_before_it(job);
    if (is_canary_over && index > turn.from) break;
    const std::size_t place = index - chunk.first;
    const JobItem& item = chunk.items[place];
    if (item.refusal) {
      // A pass that comes to it again goes on behind it.
      if (!job.options.stops_on_refusal || index < job.reached) continue;
      turn.stopped_at = index++;
      break;
    }
    const JobResult& before = chunk.results[place];
    if (!before.is_to_try()) continue;
    const std::size_t bytes = weight_of(item.message);
    if (!turn.open.empty() && turn.bytes + bytes > limits.bytes_max) break;
    turn.bytes += bytes;
    if (before.state != JobResult::State::pending) ++turn.decided_before;
    if (before.state == JobResult::State::refused) ++turn.refused_before;
    Turn::Open open;
    open.index = index;
    open.own_number = !item.message.idempotent;
    open.fleeting = item.message.flags.no_persist;
    turn.open.push_back(open);
    if (!job.options.stops_on_refusal) continue;
    // One at a time: none behind it may be sent when it fails.
    ++index;
    break;
  }
  turn.to = index;
  return turn;
}

std::vector<SendCommand> messages_of(const Turn& turn, std::string_view job,
                                     partition::JobChunk chunk, const CallerPtr& caller) {
  std::vector<SendCommand> messages;
  messages.reserve(turn.open.size());
  const auto id = std::make_shared<const std::string>(job);
  for (const Turn::Open& open : turn.open) {
    SendCommand& message = messages.emplace_back(
        std::move(chunk.items.at(static_cast<std::size_t>(open.index - chunk.first)).message));
    if (open.own_number) message.client_msg_no = item_number(job, open.index);
    message.idempotent = true;
    message.bulk = true;
    message.origin = Origin::http;
    message.caller = caller;
    message.job = id;
  }
  return messages;
}

void take_results(Turn& turn, const std::vector<SendResult>& results) {
  JD_ASSERT(results.size() == turn.open.size());
  std::vector<Turn::Open> open;
  for (std::size_t i = 0; i < results.size(); ++i) {
    Turn::Open& item = turn.open[i];
    const SendResult& result = results[i];
    // What is not stored and may have been sent would be sent twice.
    const bool is_final =
        !may_pass(result) || (item.fleeting && result.state == SendResult::State::unknown);
    if (!is_final) {
      item.last = result;
      open.push_back(item);
      continue;
    }
    JobResult recorded = job_result_of(result);
    // Nobody else uses the number: it was sent by this job.
    if (item.own_number && recorded.state == JobResult::State::duplicate) {
      recorded.state = JobResult::State::accepted;
    }
    turn.results.emplace_back(item.index, recorded);
  }
  turn.open = std::move(open);
}

std::optional<partition::AdvanceJob> record_of(const Turn& turn, const Job& job) {
  partition::AdvanceJob record;
  record.job = job.id;
  record.pass = turn.pass;
  record.from = turn.from;
  record.to = turn.to;
  const bool ended = is_ended(job.state);
  if (!turn.open.empty()) {
    record.to = ended ? tried_to(turn) : turn.open.front().index;
    if (record.to == record.from) return std::nullopt;
  }
  for (const auto& entry : turn.results) {
    if (entry.first < record.to) record.results.push_back(entry);
  }
  for (const Turn::Open& open : turn.open) {
    if (open.index >= record.to) break;
    const SendResult last =
        open.last.value_or(SendResult::refuse(Reason::system_error, Errc::overloaded));
    record.results.emplace_back(open.index, job_result_of(last));
  }
  std::sort(record.results.begin(), record.results.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  if (turn.open.empty() && !ended) decide_stop(turn, job, record);
  return record;
}

}  // namespace jindou::jobs
