// Records out of a CSV text that comes in pieces, cut anywhere (RFC 4180).
//
// Fields are separated by commas; one in quotes may hold commas, line ends and, written twice,
// quotes. A record ends with LF or CRLF, the last one also with the text. Empty lines are passed
// over, and so is a byte order mark in front of the first record. Blanks belong to their field.
// Which bytes a field holds is not looked at; whoever needs UTF-8 asks for it.
//
// A quote in the wrong place ends it all: from there on nobody knows where records begin, and a
// guess would take a piece of some field for a record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jindou::codec {

struct CsvLimits {
  std::size_t record_bytes_max = std::size_t{1} << 20;  // as written, with its end
  std::size_t fields_max = 1000;                        // of one record
};

// Memory: one record twice, as its fields and, of one that does not lie in one piece, as written.
// Not thread-safe.
class CsvReader {
 public:
  explicit CsvReader(CsvLimits limits) : limits_(limits) {}

  enum class Found : std::uint8_t {
    record,
    fault,  // fault() says which; nothing is found behind it
    none,   // the piece is used up
  };
  // Takes the next record from the front of `piece`.
  Found next(std::string_view& piece);
  // What is left at the end of the text; `none` the second time.
  Found finish();

  // Of the record that was found last. Views hold as long as its last piece does, and until the
  // next call.
  const std::vector<std::string_view>& fields() const { return fields_; }
  // As it was written, without the end of its line.
  std::string_view text() const { return text_; }
  // Where it begins, or where the fault is, counted from 1.
  std::uint64_t line() const { return found_line_; }
  // What is wrong, as a sentence; empty: nothing.
  const std::string& fault() const { return fault_; }

 private:
  enum class State : std::uint8_t { field_start, plain, quoted, quote_seen, cr_seen };

  // True: the record ends with it, or there is a fault.
  bool take(char c);
  void end_field();
  void fail(std::uint64_t line, std::string what);
  void begin_record();
  // `part`: what of the record lies in the piece at hand.
  Found end_record(std::string_view part);

  const CsvLimits limits_;
  State state_ = State::field_start;
  std::string bytes_;              // the fields of the record, one behind the other
  std::vector<std::size_t> ends_;  // of the fields in them
  std::string kept_;               // of the record as written, what earlier pieces had
  std::size_t record_bytes_ = 0;
  std::size_t mark_bytes_ = 0;     // of a byte order mark that have been seen
  bool mark_possible_ = true;      // nothing else has been seen
  bool quoted_ = false;            // a field of the record was
  bool returned_ = false;          // the record was found
  std::uint64_t line_ = 1;         // of the next character
  std::uint64_t record_line_ = 1;  // where the record begins
  std::uint64_t quote_line_ = 1;   // where the field in quotes does
  std::vector<std::string_view> fields_;
  std::string_view text_;
  std::uint64_t found_line_ = 1;
  std::string fault_;
};

// Appends `field` as it has to be written between two commas: in quotes where it needs them.
void append_csv_field(std::string& out, std::string_view field);

}  // namespace jindou::codec
