// Writes JSON to the end of a caller's string. Whatever it is given, what comes out is valid UTF-8:
// bytes of strings that are not become U+FFFD.
//
// Not thread-safe; borrows the string, which must outlive it. Nothing is checked against JSON's
// grammar beyond commas: the caller pairs begin and end, and gives every member of an object a key.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace jindou::codec {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  // Containers as a value: of the document, of an array, or after key().
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name) {
    comma();
    quoted(name);
    out_.push_back(':');
    comma_due_ = false;
  }

  void string(std::string_view text) {
    comma();
    quoted(text);
    comma_due_ = true;
  }
  // Signed and unsigned integers up to 64 bits, printed exactly.
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) void number(Integer value) {
    comma();
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out_.append(digits, end);
    comma_due_ = true;
  }
  // An integer as a string, for ids that callers must not read as a floating-point number.
  void number_string(std::uint64_t value);
  void boolean(bool value) { literal(value ? "true" : "false"); }
  void null() { literal("null"); }
  // The bytes as a string of standard base64.
  void base64(std::string_view bytes);
  // A value that is JSON already.
  void raw(std::string_view json) { literal(json); }

  // One member of an object. 0/1 flags of the HTTP API are written with flag().
  void string(std::string_view name, std::string_view text) {
    key(name);
    string(text);
  }
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) void number(std::string_view name, Integer value) {
    key(name);
    number(value);
  }
  void number_string(std::string_view name, std::uint64_t value) {
    key(name);
    number_string(value);
  }
  void boolean(std::string_view name, bool value) {
    key(name);
    boolean(value);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    number(value ? 1 : 0);
  }
  void base64(std::string_view name, std::string_view bytes) {
    key(name);
    base64(bytes);
  }
  void begin_object(std::string_view name) {
    key(name);
    begin_object();
  }
  void begin_array(std::string_view name) {
    key(name);
    begin_array();
  }
  // An array with an object for each of `entries`, whose members `write(*this, entry)` writes.
  template <class Entries, class Write>
  void objects(std::string_view name, const Entries& entries, Write write) {
    begin_array(name);
    for (const auto& entry : entries) {
      begin_object();
      write(*this, entry);
      end_object();
    }
    end_array();
  }

 private:
  // A comma is due after every value; a key or an opening bracket takes it back. So one flag does
  // for any depth.
  void comma() {
    if (comma_due_) out_.push_back(',');
  }
  void open(char bracket) {
    comma();
    out_.push_back(bracket);
    comma_due_ = false;
  }
  void close(char bracket) {
    out_.push_back(bracket);
    comma_due_ = true;
  }
  void literal(std::string_view text) {
    comma();
    out_.append(text);
    comma_due_ = true;
  }
  void quoted(std::string_view text);

  std::string& out_;
  bool comma_due_ = false;
};

// Appends `text` as a JSON string with its quotes.
void json_append_string(std::string& out, std::string_view text);
// The same without them: what stands inside a string.
void json_append_escaped(std::string& out, std::string_view text);

}  // namespace jindou::codec
