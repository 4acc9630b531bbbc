// A payload with places for variables, "{{name}}": parsed once, filled in for each message.
//
// In a payload that is JSON (an object, an array or a string) a place inside a string takes the
// text of its variable with JSON's escapes, and a place anywhere else takes it as a JSON value: a
// number, true, a string with quotes. In any other payload a place takes the text as it is. The
// text of a variable is the content of a string, and of anything else its compact JSON. So what is
// JSON without its variables is JSON with them, whatever they hold.
//
// "{{{{" stands for two braces that begin no place; "}}" without a place before it is text.
// A name has 1 to 64 bytes and none of space, control characters, braces, quotes and backslashes;
// spaces around it do not count.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::codec {

// Of one template, and of one message.
inline constexpr std::size_t kVariablesMax = 100;
inline constexpr std::size_t kVariableNameBytesMax = 64;

// What a place takes. A view: of texts that outlive it.
struct TemplateVariable {
  std::string_view name;
  std::string_view text;   // the content of a string, or compact JSON
  bool is_string = false;  // else `text` is a JSON value, too
};

// Places of names in a list of at most kVariablesMax, found in one or two looks. It does not have
// the names: who asks tells where they are.
class NameTable {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  static std::size_t hash_of(std::string_view name) { return std::hash<std::string_view>()(name); }
  // `name_at(place)`: the name that was added with it.
  template <class NameAt>
  std::size_t find(std::string_view name, std::size_t hash, NameAt name_at) const {
    for (std::size_t slot = hash % kSlots; slots_[slot] != 0; slot = (slot + 1) % kSlots) {
      const std::size_t place = slots_[slot] - std::size_t{1};
      if (name_at(place) == name) return place;
    }
    return kNone;
  }
  // Precondition: it has fewer than kVariablesMax, and not this one.
  void add(std::size_t hash, std::size_t place) {
    std::size_t slot = hash % kSlots;
    while (slots_[slot] != 0) slot = (slot + 1) % kSlots;
    slots_[slot] = static_cast<std::uint8_t>(place + 1);
  }
  void clear() { slots_ = {}; }

 private:
  // Never full, so that each look ends.
  static constexpr std::size_t kSlots = 256;
  static_assert(kVariablesMax < kSlots);
  std::array<std::uint8_t, kSlots> slots_{};  // place + 1; 0: free
};

// The variables of one message, or of the defaults; at most kVariablesMax.
class TemplateVariables {
 public:
  // Precondition: it has fewer than kVariablesMax, and none of that name.
  void add(const TemplateVariable& variable);
  bool has(std::string_view name) const { return find(name, NameTable::hash_of(name)) != nullptr; }
  // Null: there is none of that name. `hash`: of the name.
  const TemplateVariable* find(std::string_view name, std::size_t hash) const;
  void clear() {
    list_.clear();
    table_.clear();
  }

 private:
  std::vector<TemplateVariable> list_;
  NameTable table_;
};

// Why `name` is no name of a variable, as the rest of a sentence; empty: it is one.
std::string_view variable_name_problem(std::string_view name);

// Immutable once it is parsed; thread-safe.
class PayloadTemplate {
 public:
  // Errors: invalid, as the rest of a sentence that begins with what the payload is called: "has
  // \"{{\" at byte 7 without \"}}\" behind it". Cost: linear.
  static Result<PayloadTemplate> parse(std::string_view payload);

  // Whether there is no place in it.
  bool is_fixed() const { return places_.empty(); }
  bool is_json() const { return json_; }
  // Each once, in the order in which they are first named.
  std::span<const std::string> names() const { return names_; }

  // What takes each of names(), in their order. Views into what it was found in.
  using Values = std::vector<const TemplateVariable*>;
  // Of two variables with one name that of `own` counts. Null: neither has it.
  void find_values(const TemplateVariables& own, const TemplateVariables& defaults,
                   Values& values) const;
  // Where the variable is named first: in bytes of the payload, from 0.
  std::size_t first_place_of(std::size_t name) const;

  // Appends the payload with its places filled in. False: it would have more than `bytes_max`
  // bytes; then `out` has a part of it, that much at most and what one place takes. Precondition:
  // nothing is missing.
  bool fill(const Values& values, std::size_t bytes_max, std::string& out) const;

 private:
  enum class Form : std::uint8_t { text, escaped, value };
  struct Place {
    std::uint32_t text_end = 0;  // of the text before it, in text_
    std::uint32_t name = 0;
    std::uint32_t offset = 0;  // in the payload
    Form form = Form::text;
  };
  class Parser;

  PayloadTemplate() = default;
  void append(const TemplateVariable& variable, Form form, std::string& out) const;

  std::string text_;  // what stands between the places
  std::vector<Place> places_;
  std::vector<std::string> names_;
  std::vector<std::size_t> hashes_;  // of them
  bool json_ = false;
};

}  // namespace jindou::codec
