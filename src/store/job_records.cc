#include "store/job_records.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/time_zone.h"
#include "base/varint.h"

namespace jindou::store {

namespace {

constexpr char kJobFormat = 1;

// Bits of an item of the input.
constexpr std::uint64_t kRefused = 0x01;
constexpr std::uint64_t kJobIdempotent = 0x02;
constexpr std::uint64_t kJobNoPersist = 0x04;
constexpr std::uint64_t kJobRedDot = 0x08;
constexpr std::uint64_t kJobSyncOnce = 0x10;
constexpr std::uint64_t kJobTopic = 0x20;
constexpr std::uint64_t kJobStream = 0x40;
constexpr std::uint64_t kJobSubscribers = 0x80;
constexpr std::uint64_t kExpire = 0x100;
constexpr std::uint64_t kSetting = 0x200;
constexpr std::uint64_t kJobRevised = 0x400;
constexpr std::uint64_t kSamePayload = 0x800;  // as the item before; with kJobRevised only
constexpr std::uint64_t kIfLastSeq = 0x1000;
constexpr std::uint64_t kJobUnlisted = 0x2000;
constexpr std::uint64_t kJobMessageBits = 0x3ffe;

// Bits of a job.
constexpr std::uint64_t kSealed = 0x01;
constexpr std::uint64_t kStopsOnRefusal = 0x02;
constexpr std::uint64_t kTimes = 0x04;
constexpr std::uint64_t kRevises = 0x08;
constexpr std::uint64_t kWindow = 0x10;
constexpr std::uint64_t kZone = 0x20;    // of the window, by its name; with kWindow only
constexpr std::uint64_t kRunner = 0x40;  // 0 of one that is settled; without it nobody has said so
constexpr std::uint64_t kReach = 0x80;
constexpr std::uint64_t kOnlyFailed = 0x100;
constexpr std::uint64_t kJobBits = 0x1ff;

// A bit of the results of a chunk: a table of words stands in front, and each refusal names its
// own.
constexpr std::uint64_t kWords = 0x01;

// Of a window the minutes ahead of UTC are stored with this added.
constexpr std::int32_t kOffsetBase = 24 * 60;

// A place is never given to another value.
constexpr std::array kCodes = {
    Errc::invalid,    Errc::too_large,   Errc::not_found, Errc::denied,   Errc::conflict,
    Errc::overloaded, Errc::unavailable, Errc::not_owner, Errc::storage,  Errc::unknown_outcome,
    Errc::deadline,   Errc::closed,      Errc::skipped,   Errc::internal, Errc::rate_limited,
};
constexpr std::array kCallers = {
    CallerIdentity::Kind::open,    CallerIdentity::Kind::token, CallerIdentity::Kind::login,
    CallerIdentity::Kind::session, CallerIdentity::Kind::key,
};

template <class Places, class Value>
char place_of(const Places& places, Value value) {
  return static_cast<char>(std::find(places.begin(), places.end(), value) - places.begin());
}

// False for a place that there is not.
template <class Places, class Value>
bool read_place(ByteReader& reader, const Places& places, Value& value) {
  const std::size_t place = reader.read_u8();
  if (place >= places.size()) return false;
  value = places[place];
  return true;
}

void append_time(std::string& out, std::int64_t ms) {
  append_varint(out, static_cast<std::uint64_t>(ms));
}

std::int64_t read_time(ByteReader& reader) {
  return static_cast<std::int64_t>(reader.read_varint());
}

// Of the format that is known, without flags.
bool has_plain_head(ByteReader& reader) {
  const bool known = reader.read_u8() == kJobFormat;
  return reader.read_varint() == 0 && known;
}

std::string plain_head() {
  std::string out(1, kJobFormat);
  append_varint(out, 0);  // flags
  return out;
}

Error unreadable_job(std::string_view what) {
  return Error(Errc::storage, "unreadable " + std::string(what) + " of a job");
}

std::uint64_t bits_of(const SendCommand& message) {
  std::uint64_t bits = 0;
  if (message.idempotent) bits |= kJobIdempotent;
  if (message.flags.no_persist) bits |= kJobNoPersist;
  if (message.flags.red_dot) bits |= kJobRedDot;
  if (message.flags.sync_once) bits |= kJobSyncOnce;
  if (!message.topic.empty()) bits |= kJobTopic;
  if (!message.stream_no.empty()) bits |= kJobStream;
  if (!message.subscribers.empty()) bits |= kJobSubscribers;
  if (message.expire != 0) bits |= kExpire;
  if (message.setting != 0) bits |= kSetting;
  if (message.if_last_seq) bits |= kIfLastSeq;
  if (!message.sender_conversation) bits |= kJobUnlisted;
  return bits;
}

void append_message(std::string& out, const SendCommand& message, std::uint64_t more_bits = 0,
                    MessageId revised = {}) {
  const std::uint64_t bits = bits_of(message) | more_bits;
  append_varint(out, bits);
  if ((bits & kJobRevised) != 0) append_varint(out, raw(revised));
  out.push_back(static_cast<char>(raw(message.channel.type)));
  append_string(out, message.channel.id);
  append_string(out, message.from_uid);
  append_string(out, message.client_msg_no);
  if ((bits & kJobTopic) != 0) append_string(out, message.topic);
  if ((bits & kJobStream) != 0) append_string(out, message.stream_no);
  if ((bits & kJobSubscribers) != 0) {
    append_varint(out, message.subscribers.size());
    for (const std::string& uid : message.subscribers) append_string(out, uid);
  }
  if ((bits & kExpire) != 0) append_varint(out, message.expire);
  if ((bits & kSetting) != 0) out.push_back(static_cast<char>(message.setting));
  if ((bits & kIfLastSeq) != 0) append_varint(out, *message.if_last_seq);
  if ((bits & kSamePayload) == 0) append_string(out, message.payload);
}

// `before`: the item before it; null: there is none.
bool read_message(ByteReader& reader, std::uint64_t bits, JobItem& item, const JobItem* before) {
  SendCommand& message = item.message;
  const bool repeats = (bits & kSamePayload) != 0;
  const bool repeats_something = before != nullptr && !before->refusal && (bits & kJobRevised) != 0;
  if ((bits & ~kJobMessageBits) != 0 || (repeats && !repeats_something)) return false;
  if ((bits & kJobRevised) != 0) item.revised = static_cast<MessageId>(reader.read_varint());
  message.idempotent = (bits & kJobIdempotent) != 0;
  message.flags.no_persist = (bits & kJobNoPersist) != 0;
  message.flags.red_dot = (bits & kJobRedDot) != 0;
  message.flags.sync_once = (bits & kJobSyncOnce) != 0;
  message.sender_conversation = (bits & kJobUnlisted) == 0;
  message.channel.type = static_cast<ChannelType>(reader.read_u8());
  message.channel.id = std::string(reader.read_string());
  message.from_uid = std::string(reader.read_string());
  message.client_msg_no = std::string(reader.read_string());
  if ((bits & kJobTopic) != 0) message.topic = std::string(reader.read_string());
  if ((bits & kJobStream) != 0) message.stream_no = std::string(reader.read_string());
  if ((bits & kJobSubscribers) != 0) {
    for (std::uint64_t n = reader.read_varint(); n > 0 && reader.ok(); --n) {
      message.subscribers.emplace_back(reader.read_string());
    }
  }
  if ((bits & kExpire) != 0) message.expire = static_cast<std::uint32_t>(reader.read_varint());
  if ((bits & kSetting) != 0) message.setting = reader.read_u8();
  if ((bits & kIfLastSeq) != 0) {
    message.if_last_seq = static_cast<std::uint32_t>(reader.read_varint());
  }
  if (repeats) {
    message.payload = before->message.payload;
  } else if ((bits & kJobRevised) != 0) {
    // To be shared with those behind it.
    message.payload = Payload(std::make_shared<const std::string>(reader.read_string()));
  } else {
    message.payload = std::string(reader.read_string());
  }
  return reader.ok();
}

bool read_item(ByteReader& reader, JobItem& item, const JobItem* before) {
  const std::uint64_t bits = reader.read_varint();
  if (bits != kRefused) return read_message(reader, bits, item, before);
  JobItem::Refusal& refusal = item.refusal.emplace();
  const bool known = read_place(reader, kCodes, refusal.code);
  refusal.text = std::string(reader.read_string());
  return known && reader.ok();
}

// What refusals of a chunk are told in, each once.
class WordsTable {
 public:
  // Counted from 1; 0: it has none, or there was no room for them.
  std::uint64_t place_of(const RefusalWordsPtr& words) const {
    if (words == nullptr) return 0;
    const auto same = [&words](const RefusalWordsPtr& known) {
      return known == words || *known == *words;
    };
    const auto found = std::find_if(entries_.begin(), entries_.end(), same);
    return found == entries_.end() ? 0 : static_cast<std::uint64_t>(found - entries_.begin()) + 1;
  }
  void add(const RefusalWordsPtr& words) {
    if (words == nullptr || place_of(words) != 0 || entries_.size() == kRefusalWordsMax) return;
    std::string bytes;
    bytes.push_back(static_cast<char>(words->cause));
    append_string(bytes, words->text);
    append_varint(bytes, words->found_by.size());
    for (const std::string& name : words->found_by) append_string(bytes, name);
    if (bytes_.size() + bytes.size() > kRefusalWordsBytesMax) return;
    bytes_ += bytes;
    entries_.push_back(words);
  }
  bool empty() const { return entries_.empty(); }

  void append_to(std::string& out) const {
    append_varint(out, entries_.size());
    out += bytes_;
  }
  // False: these are no words that append_to() could have written.
  bool read(ByteReader& reader) {
    const std::uint64_t count = reader.read_varint();
    if (count == 0 || count > kRefusalWordsMax) return false;
    while (reader.ok() && entries_.size() < count) {
      auto words = std::make_shared<RefusalWords>();
      const std::uint8_t cause = reader.read_u8();
      if (cause > static_cast<std::uint8_t>(SendResult::kLastCause)) return false;
      words->cause = static_cast<SendResult::Cause>(cause);
      words->text = std::string(reader.read_string());
      for (std::uint64_t n = reader.read_varint(); n > 0 && reader.ok(); --n) {
        words->found_by.emplace_back(reader.read_string());
      }
      const std::size_t known = entries_.size();
      if (reader.ok()) add(words);
      // The same twice, or more than there may be.
      if (entries_.size() == known) return false;
    }
    return reader.ok();
  }
  // Null for 0. Precondition: there is such a place.
  RefusalWordsPtr at(std::uint64_t place) const {
    return place == 0 ? nullptr : entries_.at(static_cast<std::size_t>(place) - 1);
  }
  std::size_t size() const { return entries_.size(); }

 private:
  std::vector<RefusalWordsPtr> entries_;
  std::string bytes_;
};

void append_result(std::string& out, const JobResult& result, const WordsTable& words) {
  out.push_back(static_cast<char>(result.state));
  switch (result.state) {
    case JobResult::State::pending: break;
    case JobResult::State::accepted:
    case JobResult::State::duplicate:
      append_varint(out, raw(result.message_id));
      append_varint(out, raw(result.message_seq));
      break;
    case JobResult::State::refused:
    case JobResult::State::unknown:
    case JobResult::State::unreadable:
      out.push_back(place_of(kCodes, result.code));
      out.push_back(static_cast<char>(raw(result.reason)));
      if (result.state == JobResult::State::refused && !words.empty()) {
        append_varint(out, words.place_of(result.words));
      }
      if (result.reason == Reason::last_seq_differs) append_varint(out, result.last_seq);
      break;
  }
}

bool read_result(ByteReader& reader, const WordsTable& words, JobResult& result) {
  const std::uint8_t state = reader.read_u8();
  if (state > static_cast<std::uint8_t>(kLastJobResultState)) return false;
  result.state = static_cast<JobResult::State>(state);
  switch (result.state) {
    case JobResult::State::pending: return reader.ok();
    case JobResult::State::accepted:
    case JobResult::State::duplicate:
      result.message_id = static_cast<MessageId>(reader.read_varint());
      result.message_seq = static_cast<MessageSeq>(reader.read_varint());
      return reader.ok();
    case JobResult::State::refused:
    case JobResult::State::unknown:
    case JobResult::State::unreadable: break;
  }
  const bool known = read_place(reader, kCodes, result.code);
  result.reason = static_cast<Reason>(reader.read_u8());
  if (result.state == JobResult::State::refused && !words.empty()) {
    const std::uint64_t place = reader.read_varint();
    if (place > words.size()) return false;
    result.words = words.at(place);
  }
  if (result.reason == Reason::last_seq_differs) result.last_seq = reader.read_varint();
  return known && reader.ok();
}

}  // namespace

bool JobInputBuilder::add(const SendCommand& message) {
  item_.clear();
  append_message(item_, message);
  if (!add_bytes()) return false;
  payload_.reset();
  return true;
}

bool JobInputBuilder::add_revised(const SendCommand& message, MessageId id) {
  item_.clear();
  const bool repeats = payload_ && message.payload == *payload_;
  append_message(item_, message, repeats ? kJobRevised | kSamePayload : kJobRevised, id);
  if (!add_bytes()) return false;
  if (!repeats) payload_ = message.payload.str();
  return true;
}

bool JobInputBuilder::refuse(Errc code, std::string_view why) {
  item_.clear();
  append_varint(item_, kRefused);
  item_.push_back(place_of(kCodes, code));
  append_string(item_, why.substr(0, kJobReasonBytesMax));
  if (!add_bytes()) return false;
  payload_.reset();
  input_.refused.push_back({input_.items - 1, code});
  return true;
}

bool JobInputBuilder::add_bytes() {
  if (input_.items == 0) {
    input_.bytes = plain_head();
  } else if (input_.items >= kJobChunkItemsMax ||
             input_.bytes.size() + item_.size() > kJobChunkBytesMax) {
    return false;
  }
  input_.bytes += item_;
  ++input_.items;
  return true;
}

JobInput JobInputBuilder::take() {
  payload_.reset();
  return std::exchange(input_, JobInput());
}

Result<std::vector<JobItem>> decode_job_input(std::string_view bytes) {
  ByteReader reader(bytes);
  bool known = has_plain_head(reader);
  std::vector<JobItem> items;
  while (known && !reader.at_end() && items.size() < kJobChunkItemsMax) {
    const std::size_t place = items.size();
    items.emplace_back();
    known = read_item(reader, items[place], place == 0 ? nullptr : &items[place - 1]);
  }
  if (!known || !reader.ok() || !reader.at_end()) return unreadable_job("input");
  return items;
}

std::string encode(const std::vector<JobResult>& results) {
  WordsTable words;
  for (const JobResult& result : results) {
    if (result.state == JobResult::State::refused) words.add(result.words);
  }
  std::string out(1, kJobFormat);
  append_varint(out, words.empty() ? 0 : kWords);
  if (!words.empty()) words.append_to(out);
  append_varint(out, results.size());
  for (const JobResult& result : results) append_result(out, result, words);
  return out;
}

Result<std::vector<JobResult>> decode_job_results(std::string_view bytes) {
  ByteReader reader(bytes);
  bool known = reader.read_u8() == kJobFormat;
  const std::uint64_t bits = reader.read_varint();
  known = known && (bits & ~kWords) == 0;
  WordsTable words;
  if (known && (bits & kWords) != 0) known = words.read(reader);
  const std::uint64_t count = reader.read_varint();
  known = known && reader.ok() && count <= kJobChunkItemsMax;
  std::vector<JobResult> results;
  while (known && results.size() < count) {
    known = read_result(reader, words, results.emplace_back());
  }
  if (!known || !reader.ok()) return unreadable_job("results");
  return results;
}

namespace {

// Up to the last step that has any.
void append_times(std::string& out, const ItemTimes& times) {
  std::size_t steps = ItemTimes::kSteps;
  while (steps > 0 && times.counts()[steps - 1] == 0) --steps;
  append_varint(out, steps);
  for (std::size_t step = 0; step < steps; ++step) append_varint(out, times.counts()[step]);
}

bool read_times(ByteReader& reader, ItemTimes& times) {
  const std::uint64_t steps = reader.read_varint();
  if (steps > ItemTimes::kSteps) return false;
  for (std::size_t step = 0; step < steps; ++step) times.set_count(step, reader.read_varint());
  return reader.ok();
}

}  // namespace

std::string encode(const Job& job) {
  std::string out(1, kJobFormat);
  std::uint64_t bits = 0;
  if (job.sealed) bits |= kSealed;
  if (job.options.stops_on_refusal) bits |= kStopsOnRefusal;
  if (job.times.items() > 0) bits |= kTimes;
  if (job.options.kind != JobKind::send) bits |= kRevises;
  if (job.options.window.is_set()) bits |= kWindow;
  if ((bits & kWindow) != 0 && !job.options.window.zone.empty()) bits |= kZone;
  if (job.settled || job.runner != 0) bits |= kRunner;
  if (!job.reach.empty()) bits |= kReach;
  if (job.only_failed) bits |= kOnlyFailed;
  append_varint(out, bits);
  out.push_back(static_cast<char>(job.state));
  append_string(out, job.options.name);
  out.push_back(place_of(kCallers, job.options.caller_kind));
  append_string(out, job.options.caller_name);
  append_varint(out, job.options.rate);
  append_time(out, job.options.not_before_ms);
  append_varint(out, job.options.canary_items);
  append_varint(out, job.options.refused_ppm_max);
  for (const std::uint64_t count :
       {job.counts.items, job.counts.accepted, job.counts.duplicate, job.counts.refused,
        job.counts.unknown, job.counts.unreadable, job.input_bytes, job.cursor, job.chunk,
        job.reached, std::uint64_t{job.pass}}) {
    append_varint(out, count);
  }
  for (const std::int64_t ms :
       {job.created_ms, job.changed_ms, job.sealed_ms, job.started_ms, job.ended_ms}) {
    append_time(out, ms);
  }
  append_string(out, job.reason);
  if ((bits & kTimes) != 0) append_times(out, job.times);
  if ((bits & kRevises) != 0) {
    out.push_back(static_cast<char>(job.options.kind));
    append_string(out, job.options.source);
    append_string(out, job.options.operator_uid);
  }
  if ((bits & kWindow) != 0) {
    const DailyWindow& window = job.options.window;
    append_varint(out, window.from_min);
    append_varint(out, window.to_min);
    append_varint(out, static_cast<std::uint64_t>(window.offset_min + kOffsetBase));
    if ((bits & kZone) != 0) append_string(out, window.zone);
  }
  if ((bits & kRunner) != 0) append_varint(out, job.settled ? 0 : job.runner);
  if ((bits & kReach) != 0) {
    append_varint(out, job.reach.messages);
    append_varint(out, job.reach.receivers);
    append_varint(out, job.reach.pushed);
  }
  return out;
}

Result<Job> decode_job(std::string_view bytes, std::string_view id) {
  ByteReader reader(bytes);
  bool known = reader.read_u8() == kJobFormat;
  const std::uint64_t bits = reader.read_varint();
  const std::uint8_t state = reader.read_u8();
  known = known && (bits & ~kJobBits) == 0 && state <= static_cast<std::uint8_t>(kLastJobState);
  if (!known) return unreadable_job("record");
  Job job;
  job.id = std::string(id);
  job.sealed = (bits & kSealed) != 0;
  job.options.stops_on_refusal = (bits & kStopsOnRefusal) != 0;
  job.only_failed = (bits & kOnlyFailed) != 0;
  job.state = static_cast<JobState>(state);
  job.options.name = std::string(reader.read_string());
  known = read_place(reader, kCallers, job.options.caller_kind);
  job.options.caller_name = std::string(reader.read_string());
  job.options.rate = reader.read_varint();
  job.options.not_before_ms = read_time(reader);
  job.options.canary_items = reader.read_varint();
  job.options.refused_ppm_max = static_cast<std::uint32_t>(reader.read_varint());
  for (std::uint64_t* count : {&job.counts.items, &job.counts.accepted, &job.counts.duplicate,
                               &job.counts.refused, &job.counts.unknown, &job.counts.unreadable,
                               &job.input_bytes, &job.cursor, &job.chunk, &job.reached}) {
    *count = reader.read_varint();
  }
  job.pass = static_cast<std::uint32_t>(reader.read_varint());
  for (std::int64_t* ms :
       {&job.created_ms, &job.changed_ms, &job.sealed_ms, &job.started_ms, &job.ended_ms}) {
    *ms = read_time(reader);
  }
  job.reason = std::string(reader.read_string());
  if ((bits & kTimes) != 0) known = read_times(reader, job.times) && known;
  if ((bits & kRevises) != 0) {
    const std::uint8_t kind = reader.read_u8();
    known = known && kind > 0 && kind <= static_cast<std::uint8_t>(kLastJobKind);
    job.options.kind = static_cast<JobKind>(kind);
    job.options.source = std::string(reader.read_string());
    job.options.operator_uid = std::string(reader.read_string());
  }
  if ((bits & kWindow) != 0) {
    DailyWindow& window = job.options.window;
    const std::uint64_t from = reader.read_varint();
    const std::uint64_t to = reader.read_varint();
    const std::uint64_t offset = reader.read_varint();
    known = known && from < DailyWindow::kDayMin && to < DailyWindow::kDayMin && from != to &&
            offset <= 2 * kOffsetBase;
    window.from_min = static_cast<std::uint32_t>(from);
    window.to_min = static_cast<std::uint32_t>(to);
    window.offset_min = static_cast<std::int32_t>(offset) - kOffsetBase;
  }
  if ((bits & kZone) != 0) {
    const std::string_view zone = reader.read_string();
    known = known && (bits & kWindow) != 0 && !zone.empty() && zone.size() <= kTimeZoneNameBytesMax;
    job.options.window.zone = std::string(zone);
  }
  if ((bits & kRunner) != 0) {
    job.runner = reader.read_varint();
    job.settled = job.runner == 0;
  }
  if ((bits & kReach) != 0) {
    job.reach.messages = reader.read_varint();
    job.reach.receivers = reader.read_varint();
    job.reach.pushed = reader.read_varint();
  }
  const bool is_somewhere =
      job.chunk <= job.cursor && job.cursor <= job.reached && job.reached <= job.counts.items;
  if (!known || !reader.ok() || !is_somewhere) return unreadable_job("record");
  return job;
}

}  // namespace jindou::store
