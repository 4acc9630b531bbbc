// The texts of a payload that people read, and where they stand in it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jindou::moderation {

// Reused from one payload to the next; not thread-safe.
class PayloadTexts {
 public:
  // A part of text(), in bytes.
  struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  // The payload stays until the next call, and so do `members`. In JSON the texts are all strings
  // that are values of the named members, at any depth, with everything below these; "*" names all.
  // What is no JSON is one text. Bytes that are neither JSON nor UTF-8 have none.
  void read(std::string_view payload, std::span<const std::string> members);

  // All of them in lower case (text_case.h), with a line feed between two. Escapes of JSON are
  // taken off.
  std::string_view text() const { return text_; }

  // The payload with an asterisk for each character in the ranges, which are ascending and do not
  // touch; what is around them stays byte for byte.
  std::string masked(std::span<const Range> ranges) const;

 private:
  struct Piece {
    std::size_t raw_begin = 0;   // in the payload, without quotes
    std::size_t text_begin = 0;  // in text_
    std::size_t text_end = 0;
    // Where the places of its bytes begin in places_; kPlain: they are those of the payload.
    std::size_t places_begin = 0;
  };

  bool read_json(std::span<const std::string> members);
  void add_piece(std::size_t raw_begin, std::size_t raw_end, bool escaped);
  // Where a byte of the text stands in the payload; of an escape, where it begins.
  std::size_t raw_place(const Piece& piece, std::size_t at) const;

  std::string_view payload_;
  std::string text_;
  std::string plain_;  // of one piece, without escapes
  std::vector<Piece> pieces_;
  std::vector<std::uint32_t> places_;  // of pieces with escapes, by byte, and the end
  std::vector<char> open_;             // of each object or array around, what it is
};

}  // namespace jindou::moderation
