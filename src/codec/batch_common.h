// What the items of one batch have in common: the table of payloads that they refer to, defaults
// for members that they lack, the stored templates that they name. And how an item gets its
// payload: its own, one of the table, or a template, with its variables filled in.
//
// An item is filled in when it has `vars`, or the defaults have: otherwise two braces in a payload
// are what they are. A stored template always is one.
#pragma once

#include <simdjson.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/payload_template.h"
#include "codec/send_item.h"
#include "codec/send_members.h"
#include "model/payload.h"

namespace jindou::codec {

// Different templates, or versions of them, that one batch may name.
inline constexpr std::size_t kTemplatesOfABatchMax = 100;

// A stored template as an item names it.
struct TemplateRef {
  TemplateRef() = default;
  TemplateRef(std::string template_name, std::uint32_t template_version)
      : name(std::move(template_name)), version(template_version) {}

  std::string name;           // a possible one (model/template_name.h)
  std::uint32_t version = 0;  // 0: the newest
  auto operator<=>(const TemplateRef&) const = default;
};

// Stored templates that were looked up. Thread-safe while nobody changes it.
class TemplateSet {
 public:
  // `payload`: as it was stored; none when there is no such template.
  void put(TemplateRef ref, const std::optional<std::string>& payload);

  struct Entry {
    std::optional<PayloadTemplate> parsed;  // none: there is no such template, or `problem`
    std::string problem;                    // as PayloadTemplate::parse() has it
  };
  // Null when it was not looked up.
  const Entry* find(const TemplateRef& ref) const;
  std::size_t size() const { return entries_.size(); }
  // Of the payloads that were put in.
  std::size_t bytes() const { return bytes_; }

 private:
  std::map<TemplateRef, Entry> entries_;
  std::size_t bytes_ = 0;
};

// Owns what it has read, so that it may be used for item after item, whatever text each is read
// from. One thread at a time.
class BatchCommon {
 public:
  // Borrows `templates`, which may grow between two items; null: there are none.
  explicit BatchCommon(const SendLimits& limits, const TemplateSet* templates = nullptr)
      : limits_(limits), templates_(templates) {}

  // Reads the members `payloads` and `defaults` of a batch; null is absent. Errors: invalid,
  // too_large, with a sentence that names the place: "payloads.a must not be empty".
  Result<void> read_payloads(simdjson::dom::element value);
  Result<void> read_defaults(simdjson::dom::element value);

  // About what both take in memory.
  std::size_t held_bytes() const { return held_bytes_; }

  const SendLimits& limits() const { return limits_; }
  bool has_defaults() const { return parser_ != nullptr; }
  const SendFields& defaults() const { return defaults_; }

  // The payload of an item, which has these members without the defaults. Problems are noted; a
  // template that nobody has looked up is none, but wanted.
  void read_payload(const SendFields& own, Payload& out, ItemProblems& problems);

  // The users of an item that names none: those of the defaults. A problem is noted when they are
  // too many, see expanded_bytes().
  void share_subscribers(std::vector<std::string>& out, ItemProblems& problems);

  // The templates that items named and that are not in the set. While there are any, what was read
  // is not complete: look them up, and read the items again.
  bool wants_templates() const { return !wanted_.empty(); }
  std::vector<TemplateRef> take_wanted();

  // Payloads that were shared or filled in for items, and lists of users that were shared, as they
  // are in memory, up to SendLimits::expanded_bytes_max; an item that goes beyond it, and each one
  // after that, is refused. A batch that comes in portions counts each by itself.
  std::size_t expanded_bytes() const { return expanded_bytes_; }
  // The most that one item may add to it.
  std::size_t expanded_bytes_of_an_item() const {
    return limits_.payload_bytes_max + default_subscribers_bytes_;
  }
  void begin_portion() {
    expanded_bytes_ = 0;
    exhausted_ = false;
  }

 private:
  // One of the table, or that of the defaults. Parsed when it is first filled in.
  struct SharedPayload {
    std::shared_ptr<const std::string> bytes;  // of all items that are not filled in
    bool was_parsed = false;
    std::optional<PayloadTemplate> parsed;
    std::string problem;  // why it is no template
  };
  // Of an item or of the defaults; views into the document and into `texts`.
  struct Variables {
    TemplateVariables list;
    std::forward_list<std::string> texts;
  };
  // How an item says what its payload is, and how the payload is called in sentences.
  struct Named {
    std::string_view field;
    std::string called;
  };

  static void collect(simdjson::dom::object object, Variables& out, ItemProblems& problems);
  void check_defaults(ItemProblems& problems);
  bool is_filled(const SendFields& own) const { return own.variables || defaults_.variables; }
  void read_shared(SharedPayload& shared, const SendFields& own, const Named& named, Payload& out,
                   ItemProblems& problems);
  void read_own(const SendFields& own, Payload& out, ItemProblems& problems);
  void read_stored(const SendFields& own, std::string_view name, std::uint32_t version,
                   Payload& out, ItemProblems& problems);
  void fill(const PayloadTemplate& parsed, const SendFields& own, const Named& named, Payload& out,
            ItemProblems& problems);
  void count(std::size_t bytes, ItemProblems& problems);
  // Of an item whose payload is not made because `exhausted_`.
  void refuse_further(ItemProblems& problems) const;
  void add_exhaustion(ItemProblems& problems) const;

  SendLimits limits_;
  const TemplateSet* templates_;
  std::map<std::string, SharedPayload, std::less<>> payloads_;
  std::unique_ptr<simdjson::dom::parser> parser_;  // of the defaults
  SendFields defaults_;
  SharedPayload default_payload_;
  std::vector<std::string> default_subscribers_;
  std::size_t default_subscribers_bytes_ = 0;
  Variables default_variables_;
  Variables variables_;             // of the item being read
  PayloadTemplate::Values values_;  // what it is filled in with
  std::set<TemplateRef> wanted_;
  std::size_t held_bytes_ = 0;
  std::size_t expanded_bytes_ = 0;
  bool exhausted_ = false;  // an item went beyond the limit
};

}  // namespace jindou::codec
