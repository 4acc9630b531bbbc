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

#include <cstddef>
#include <cstdint>
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

  // The index in names() of one that `variables` has not; names().size(): they have all. Of two
  // with one name the first counts.
  std::size_t find_missing(std::span<const TemplateVariable> variables) const;
  // Where the variable is named first: in bytes of the payload, from 0.
  std::size_t first_place_of(std::size_t name) const;

  // Appends the payload with its places filled in. False: it would have more than `bytes_max`
  // bytes; then `out` has a part of it, that much at most and what one place takes. Precondition:
  // nothing is missing.
  bool fill(std::span<const TemplateVariable> variables, std::size_t bytes_max,
            std::string& out) const;

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
  bool json_ = false;
};

}  // namespace jindou::codec
