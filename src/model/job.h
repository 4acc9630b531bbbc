// A job: many messages that are sent in the background, in the order in which they were given, some
// at a time (docs/decisions/0028-jobs.md). What is known of one, and what may be done with it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "model/caller.h"
#include "model/ids.h"
#include "model/message.h"
#include "model/reason.h"

namespace jindou {

// An id of a job is 32 lower-case hex digits: twelve of the millisecond in which it was made, so
// that ids sort by age, and twenty that nobody can guess.
inline constexpr std::size_t kJobIdBytes = 32;
std::string make_job_id(std::int64_t now_ms, Random& random);
bool is_job_id(std::string_view text);
// The millisecond in which it was made; empty: it is no id of a job.
std::optional<std::int64_t> job_id_ms(std::string_view id);

inline constexpr std::size_t kJobNameBytesMax = 128;
// Of the reason for the state of a job; what is longer is cut.
inline constexpr std::size_t kJobReasonBytesMax = 512;
// A chunk of input has at most so many items and, unless it is a single item, so many bytes.
inline constexpr std::size_t kJobChunkItemsMax = 1000;
inline constexpr std::size_t kJobChunkBytesMax = std::size_t{256} << 10;

// The values are stored: none is ever used for something else.
enum class JobState : std::uint8_t {
  uploading = 0,  // its input is still being given
  ready = 1,      // complete; begins when its time has come
  running = 2,
  paused = 3,
  done = 4,       // every item was tried
  cancelled = 5,  // for good
  failed = 6,     // stopped before its end; the reason says why
};
inline constexpr JobState kLastJobState = JobState::failed;
std::string_view job_state_name(JobState state);
// Nothing happens to it by itself any more.
constexpr bool is_ended(JobState state) {
  return state == JobState::done || state == JobState::cancelled || state == JobState::failed;
}
// Its items are sent, now or when its time has come.
constexpr bool is_runnable(JobState state) {
  return state == JobState::ready || state == JobState::running;
}

enum class JobAction : std::uint8_t {
  seal,    // the input is complete
  start,   // its time has come
  pause,   // no more items are sent until it is resumed
  resume,  // it becomes ready
  cancel,
  fail,    // it cannot go on
  retry,   // another pass over the items that failed and, unless these alone are meant, the rest
  finish,  // the last item was tried
};
inline constexpr JobAction kLastJobAction = JobAction::finish;
std::string_view job_action_name(JobAction action);
// The state afterwards, which may be the one before: it was done already. Empty: this cannot be
// done in that state.
std::optional<JobState> next_job_state(JobState state, JobAction action);

// What a job does with its items. The values are stored: none is ever used for something else.
enum class JobKind : std::uint8_t {
  send = 0,
  recall = 1,  // of messages that another job has sent
  edit = 2,
  batch = 3,  // nothing: it is a batch that a request has sent, kept with what became of it
};
inline constexpr JobKind kLastJobKind = JobKind::batch;
std::string_view job_kind_name(JobKind kind);

// The part of each day in which a job sends, by the clock of `zone`, or by one that is `offset_min`
// minutes ahead of UTC: while it shows a time from the minute `from_min` of the day to before
// `to_min`, which may be past midnight. Where a clock is set forward over a part of the window that
// part is left out, and where it is set back into the window a part of it comes twice.
struct DailyWindow {
  static constexpr std::uint32_t kDayMin = 24 * 60;
  std::uint32_t from_min = 0;
  std::uint32_t to_min = 0;  // as from_min: there is no window, it sends at any time
  std::int32_t offset_min = 0;
  std::string zone = {};  // a name of the IANA (base/time_zone.h); empty: offset_min counts

  bool is_set() const { return from_min != to_min; }
  // Milliseconds from that wall clock on until it is open; 0: it is. Errors: as zone_offset().
  Result<std::int64_t> opens_in_ms(std::int64_t wall_ms) const;
  bool operator==(const DailyWindow&) const = default;
};

// What was asked for; told when the job is begun.
struct JobOptions {
  std::string name;  // for people; at most kJobNameBytesMax
  // Who asked for it.
  CallerIdentity::Kind caller_kind = CallerIdentity::Kind::open;
  std::string caller_name;            // at most kJobNameBytesMax
  std::uint64_t rate = 0;             // items in a second; 0: as fast as it goes
  std::int64_t not_before_ms = 0;     // wall clock; 0: at once
  bool stops_on_refusal = false;      // on_error=stop
  std::uint64_t canary_items = 0;     // pauses behind so many; 0: does not
  std::uint32_t refused_ppm_max = 0;  // stops when more of a million are refused; 0: does not
  DailyWindow window;
  JobKind kind = JobKind::send;
  // Of one that recalls or edits: the job that has sent the messages, and who wants it, as the
  // caller says; may be empty.
  std::string source;
  std::string operator_uid;
  bool operator==(const JobOptions&) const = default;
};

// Of its items by what has become of them, each in one of these but `items`; the rest is still to
// be tried.
struct JobCounts {
  std::uint64_t items = 0;
  std::uint64_t accepted = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  std::uint64_t unreadable = 0;  // that were no messages when they were read: never tried
  std::uint64_t decided() const { return accepted + duplicate + refused + unknown + unreadable; }
  // What another pass would try again.
  std::uint64_t failed() const { return refused + unknown; }
  bool operator==(const JobCounts&) const = default;
};

// Whom its messages have reached, as far as their fan-out has told. Each message counts once, when
// its fan-out has ended; what a process had not told of when it was killed is in none of these.
struct JobReach {
  std::uint64_t messages = 0;   // that were counted
  std::uint64_t receivers = 0;  // of these messages together, their senders not among them
  std::uint64_t pushed = 0;     // of these, who was online and had the message pushed to him

  bool empty() const { return messages == 0 && receivers == 0 && pushed == 0; }
  // Who finds the message when he comes. What counts the pushes may be ahead of what counts the
  // receivers: the two need not be on one node.
  std::uint64_t left_offline() const { return receivers - std::min(receivers, pushed); }
  JobReach& operator+=(const JobReach& other) {
    messages += other.messages;
    receivers += other.receivers;
    pushed += other.pushed;
    return *this;
  }
  bool operator==(const JobReach&) const = default;
};

// How long items took, from when the core was given them until their results were durable: how many
// of them, by steps that grow with the time.
class ItemTimes {
 public:
  static constexpr std::size_t kSteps = 32;
  // The longest time that belongs to a step, in milliseconds: 1, 2, 3, 4, 6, 8, 12, 16 … The last
  // step, of 65,536, takes everything that is longer too.
  static std::uint64_t end_of(std::size_t step);

  void add(std::uint64_t ms, std::uint64_t items);
  std::uint64_t items() const;
  // Milliseconds within which so much (above 0, up to 1) of the items were done, rounded up to the
  // end of a step; 0 when there are none.
  std::uint64_t within(double share) const;

  // How they are stored.
  const std::array<std::uint64_t, kSteps>& counts() const { return counts_; }
  void set_count(std::size_t step, std::uint64_t items) { counts_.at(step) = items; }
  bool operator==(const ItemTimes&) const = default;

 private:
  std::array<std::uint64_t, kSteps> counts_{};
};

struct Job {
  std::string id;
  JobState state = JobState::uploading;
  JobOptions options;
  JobCounts counts;
  JobReach reach;                 // of one that sends
  bool sealed = false;            // all of its input is there
  std::uint64_t input_bytes = 0;  // stored
  // Indices count the items of the whole job from 0.
  std::uint64_t cursor = 0;   // the next item of this pass; never goes back within one
  std::uint64_t chunk = 0;    // first item of the chunk that the cursor is in
  std::uint64_t reached = 0;  // furthest cursor of all passes: before it every item was tried
  std::uint32_t pass = 1;     // another one with each retry
  // The pass is over what was refused or is unknown: it ends at `reached`, and what was never tried
  // stays so. Not of a job that has ended.
  bool only_failed = false;
  // Wall clock, milliseconds; 0: not yet.
  std::int64_t created_ms = 0;
  std::int64_t changed_ms = 0;  // last; never goes back
  std::int64_t sealed_ms = 0;
  std::int64_t started_ms = 0;  // first
  std::int64_t ended_ms = 0;
  std::string reason;  // of its state, for people; may be empty
  ItemTimes times;     // of all results that were recorded, of all passes
  // Of one that is sent: who runs it, or did until it was stopped, by a number that he has made for
  // himself (partition::ChangeJob); 0: nobody, or nobody has said so.
  std::uint64_t runner = 0;
  // Nothing of it is on its way. Said by who ran it when he had heard of all that he had sent, and
  // nobody has begun to run it since; then there is no runner. False: it may be that nobody can say
  // so any more.
  bool settled = false;

  // Whether it is for certain that nothing of it is on its way. Of a kept batch nobody knows.
  bool is_settled() const { return settled || (options.kind != JobKind::batch && started_ms == 0); }
  // Whether all input is there that there will ever be. What a request has sent of a batch stays,
  // also when not all of it could be kept; of an upload that was cut off nothing is of use.
  bool has_all_input() const {
    return sealed || (options.kind == JobKind::batch && is_ended(state));
  }
  bool operator==(const Job&) const = default;
};

// What is told of a message that was refused beside code and reason. Bounded by whoever makes it.
struct RefusalWords {
  // Of the text, and of all names together; what is longer is cut, names are left out.
  static constexpr std::size_t kBytesMax = 256;

  SendResult::Cause cause = SendResult::Cause::other;
  std::string text;                   // of moderation; empty: cause, code and reason say it
  std::vector<std::string> found_by;  // as Moderation::found_by

  std::size_t bytes() const;
  bool operator==(const RefusalWords&) const = default;
};
using RefusalWordsPtr = std::shared_ptr<const RefusalWords>;

// What has become of one item.
struct JobResult {
  // The values are stored: none is ever used for something else.
  enum class State : std::uint8_t {
    pending = 0,
    accepted = 1,
    duplicate = 2,
    refused = 3,
    unknown = 4,
    unreadable = 5,  // no message, which was found when it was read; never changes
  };
  State state = State::pending;
  Reason reason = Reason::unknown;    // of a message that was refused
  Errc code = Errc::unknown_outcome;  // meaningful when it is neither pending nor ok()
  MessageId message_id{};
  MessageSeq message_seq{};
  RefusalWordsPtr words;       // null: there are none
  std::uint64_t last_seq = 0;  // of the log, with Reason::last_seq_differs

  bool ok() const { return state == State::accepted || state == State::duplicate; }
  // Whether a pass that comes to it tries it.
  bool is_to_try() const { return !ok() && state != State::unreadable; }
  bool operator==(const JobResult& other) const;
};
inline constexpr JobResult::State kLastJobResultState = JobResult::State::unreadable;
JobResult job_result_of(const SendResult& result);

// Why an item of the input is no message. Not inside of JobItem: clang does not take its default
// values there, where the class that it is optional in is not complete.
struct JobItemRefusal {
  Errc code = Errc::invalid;
  std::string text;  // a sentence
};

// One item of the input: a message, or why there is none.
struct JobItem {
  // With what its sender says, its channel and whether its client_msg_no is his; nothing else. Of a
  // job that recalls or edits: channel, sender and client_msg_no of the message that was sent, and
  // the payload that it is to have.
  SendCommand message;
  // Of such a job: the message. 0: what became of it was not known; the one with that
  // client_msg_no, if there is one.
  MessageId revised{};
  using Refusal = JobItemRefusal;
  std::optional<Refusal> refusal;  // then there is no message
};

}  // namespace jindou
