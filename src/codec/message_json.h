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
#include "codec/batch_common.h"
#include "codec/json_reader.h"
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
  // Of each of them its place in the list of the caller, which may have blanks and repeats.
  std::vector<std::size_t> places;
};

// Stored templates that items name and that have to be looked up before the text is read again.
struct TemplatesWanted {
  std::vector<TemplateRef> refs;  // not empty, each once
};

// One of: items, all of them good; the older object form; every bad item and member found (never
// empty); what is to be looked up first; or what is wrong with the body as a whole (invalid,
// too_large; not_found: the object form names a template that does not exist).
using BatchBody = std::variant<std::vector<BatchItem>, LegacyBatch, std::vector<ItemProblem>,
                               TemplatesWanted, Error>;

// The form is chosen by the first character, '[' or '{', and for an object by its members: one with
// `items`, `payloads` or `defaults` is not the older form. `templates`: those that were looked up;
// null: none.
BatchBody parse_batch(const JsonText& body, const SendLimits& limits,
                      const TemplateSet* templates = nullptr);

// One item by itself, as a line of a stream has it: the same as an item of a batch whose payloads,
// defaults and templates are `common`. A text that is no JSON is a problem of the item, too, and so
// is a head (read_head) behind the first line: with defaults of the first one it might pass for an
// item.
using ItemBody = std::variant<BatchItem, std::vector<ItemProblem>, TemplatesWanted>;
ItemBody parse_item(std::string_view text, std::size_t index, BatchCommon& common);

// The first line of a stream may be the head of the others: an object with `payloads`, `defaults`,
// or both, which are read into `common` and count for all lines behind it. False: it is no head.
// Errors: invalid, too_large, with a sentence; also for a line that seems to be meant as one and is
// no JSON, because what follows would be sent without it. `common` is of no use afterwards.
Result<bool> read_head(std::string_view text, BatchCommon& common);

// The client_msg_no of an item that is not refused by parse_item() but for another reason. Empty
// when there is none, or none that an answer may repeat.
std::string find_client_msg_no(std::string_view text);

// POST /message/send: the message; what is to be looked up first; or what is wrong: the first
// problem in the order of the API's contract (invalid, too_large, not_found for a template).
using SendBody = std::variant<BatchItem, TemplatesWanted, Error>;
// from_uid is the system account when the caller named none; with subscribers and sync_once
// channel_id is empty and channel_type may be none. `templates`: as of parse_batch().
SendBody parse_send(const JsonText& body, const SendLimits& limits,
                    const TemplateSet* templates = nullptr);

}  // namespace jindou::codec
