// The members of an object that sends a message, read with their types, and the checks that all
// bodies have in common. For message_json.cc and what stands beside it.
//
// Absent, null and empty are the same to every rule.
#pragma once

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/send_fields.h"
#include "codec/send_item.h"
#include "model/id_rules.h"

namespace jindou::codec {

// Takes the problems of one body. The item's index and client_msg_no are added when the item is
// done, because its client_msg_no may come after the member that is wrong.
class ItemProblems {
 public:
  explicit ItemProblems(std::size_t most) : most_(most) {}
  // `inside`: the member of the body whose members are read: "defaults".
  ItemProblems(std::size_t most, std::string_view inside) : most_(most), inside_(inside) {}

  void add(std::string_view field, std::string_view text, Errc code = Errc::invalid) {
    if (full()) return;
    ItemProblem& problem = list_.emplace_back();
    problem.field = inside_;
    if (!inside_.empty() && !field.empty()) problem.field += '.';
    problem.field += field;
    problem.text = problem.field.empty() ? std::string("the message") : problem.field;
    problem.text += ' ';
    problem.text += text;
    problem.code = code;
  }
  void finish_item(std::size_t index, std::string_view client_msg_no) {
    for (; done_ < list_.size(); ++done_) {
      list_[done_].index = index;
      // Echoed in the answer, so an oversized one is not.
      if (client_msg_no.size() <= kClientMsgNoBytesMax) list_[done_].client_msg_no = client_msg_no;
    }
  }
  std::size_t count() const { return list_.size(); }
  bool full() const { return list_.size() >= most_; }
  bool empty() const { return list_.empty(); }
  Error first() const { return Error(list_.front().code, list_.front().text); }
  std::vector<ItemProblem> take() { return std::move(list_); }

 private:
  std::vector<ItemProblem> list_;
  std::size_t done_ = 0;
  std::size_t most_;
  std::string inside_;
};

// Sets of members, a bit for each.
constexpr std::uint32_t bit_of(SendMember member) { return 1U << static_cast<unsigned>(member); }
static_assert(kSendMembers <= 32);

// The members of one object with the right types, not yet checked any further. Absent, null and
// empty are the same thing to every rule, so there is no third state. Borrows from the parsed
// document.
struct SendFields {
  std::optional<simdjson::dom::element> payload;
  std::optional<simdjson::dom::array> subscribers;
  std::optional<simdjson::dom::object> variables;
  std::array<std::string_view, kSendMembers> texts{};
  std::array<std::uint32_t, kSendMembers> numbers{};
  std::uint32_t given = 0;  // of the numbers and flags, which are there
  std::uint32_t on = 0;     // of the flags, wherever they stand, which are
  std::uint32_t bad = 0;    // has been complained about, so is not checked further

  std::string_view text(SendMember member) const { return texts[static_cast<unsigned>(member)]; }
  // 0 when absent.
  std::uint32_t number(SendMember member) const { return numbers[static_cast<unsigned>(member)]; }
  bool is_given(SendMember member) const { return (given & bit_of(member)) != 0; }
  bool flag(SendMember member) const { return (on & bit_of(member)) != 0; }
  bool good(SendMember member) const { return (bad & bit_of(member)) == 0; }

  // Whether it says what the payload is.
  bool chooses_payload() const {
    return payload || !text(SendMember::payload_ref).empty() ||
           !text(SendMember::template_name).empty();
  }
  // Takes each member that is not there from `defaults`: each flag of the header by itself. Not
  // what the payload is, not the variables, and not the list of subscribers.
  void take_missing(const SendFields& defaults);
};

// Reads what is there. What has a wrong type or is there twice is a problem, and `bad`.
void read_send_fields(simdjson::dom::object object, SendFields& fields, ItemProblems& problems);

enum class UidCheck : bool { here, by_caller };

// Copies the list without blanks and repeats. A list of nothing but blanks is a problem and not an
// empty list: empty means "everybody", which is the last thing its author had in mind. `places`, if
// any, gets the place in the list of each, from 0; of one that is repeated the first.
void read_subscribers(simdjson::dom::array list, const SendLimits& limits, UidCheck check,
                      std::vector<std::string>& out, ItemProblems& problems,
                      std::vector<std::size_t>* places = nullptr);

// About what such a list takes in memory.
std::size_t memory_of(const std::vector<std::string>& uids);

// A uid or channel id that has to be there.
void read_id(std::string_view text, std::string_view name, std::string& out,
             ItemProblems& problems);

// All that no form requires: flags, labels, client_msg_no, expire, setting.
void read_optional_members(const SendFields& fields, const SendLimits& limits, BatchItem& item,
                           ItemProblems& problems);

}  // namespace jindou::codec
