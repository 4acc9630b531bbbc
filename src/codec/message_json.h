// The bodies of POST /message/send and POST /message/sendbatch: JSON in, checked values out. Which
// members there are is told by send_fields.h.
// Formats and sizes are checked here; whether the sender may send is the core's business.
//
// Common rules: types are strict (an integer is no string, no fraction, not negative); null means
// absent; unknown members are ignored; a member given twice is refused, because two parsers would
// not agree which one counts; 0/1 flags also take true and false, and only 1 switches on.
//
// Pure. Thread-safe: the parser belongs to the calling thread (json_reader.h), results own their
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "codec/send_item.h"

namespace jindou::codec {

// The older object form of sendbatch: one message for many persons, each in a channel of its own.
struct LegacyBatch {
  LegacyBatch() = default;

  // What every receiver gets, but for the channel: without channel_id and subscribers.
  BatchItem message;
  // No blanks, no repeats, at least one; not yet checked as uids, because a bad one is reported in
  // the answer and does not stop the others.
  std::vector<std::string> subscribers;
};

// One of: items, all of them good; the object form; every bad item and member found (never empty);
// or what is wrong with the body as a whole (invalid or too_large).
using BatchBody =
    std::variant<std::vector<BatchItem>, LegacyBatch, std::vector<ItemProblem>, Error>;

// The form is chosen by the first character: '[' or '{'.
BatchBody parse_batch(std::string_view body, const SendLimits& limits);

// One item by itself: a line of NDJSON. Or what is wrong with it, the first thing that is found;
// its index is 0. `text` is the line without its end.
std::variant<BatchItem, ItemProblem> parse_item(std::string_view text, const SendLimits& limits);

// POST /message/send. The first problem in the order of the API's contract is reported. from_uid is
// the system account when the caller named none; with subscribers and sync_once channel_id is empty
// and channel_type may be none.
Result<BatchItem> parse_send(std::string_view body, const SendLimits& limits);

}  // namespace jindou::codec
