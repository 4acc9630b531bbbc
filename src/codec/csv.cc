#include "codec/csv.h"

#include <utility>

#include "base/free_memory.h"
#include "codec/byte_order_mark.h"

namespace jindou::codec {
namespace {

// What is kept between two records; more is given back.
constexpr std::size_t kKeptBetween = std::size_t{64} << 10;

void drop(std::string& buffer) {
  if (buffer.capacity() > kKeptBetween) {
    free_memory(buffer);
  } else {
    buffer.clear();
  }
}

}  // namespace

void CsvReader::fail(std::uint64_t line, std::string what) {
  found_line_ = line;
  fault_ = std::move(what);
}

void CsvReader::begin_record() {
  returned_ = false;
  state_ = State::field_start;
  drop(bytes_);
  drop(kept_);
  ends_.clear();
  fields_.clear();
  text_ = {};
  record_bytes_ = 0;
  quoted_ = false;
  record_line_ = line_;
}

void CsvReader::end_field() {
  ends_.push_back(bytes_.size());
  state_ = State::field_start;
}

bool CsvReader::take(char c) {
  if (++record_bytes_ > limits_.record_bytes_max) {
    std::string what =
        "the record is longer than " + std::to_string(limits_.record_bytes_max) + " bytes";
    if (state_ == State::quoted) {
      what += "; the quote that line " + std::to_string(quote_line_) + " opens may lack its end";
    }
    fail(record_line_, std::move(what));
    return true;
  }
  if (c == ',' && state_ != State::quoted && state_ != State::cr_seen) {
    end_field();
    if (ends_.size() < limits_.fields_max) return false;
    fail(record_line_,
         "the record has more than " + std::to_string(limits_.fields_max) + " fields");
    return true;
  }
  if (c == '\n' && state_ != State::quoted) {
    // A CR before it belongs to the end of the line.
    const std::size_t begin = ends_.empty() ? 0 : ends_.back();
    if (state_ == State::plain && bytes_.size() > begin && bytes_.back() == '\r') bytes_.pop_back();
    ++line_;
    end_field();
    return true;
  }
  switch (state_) {
    case State::field_start:
      if (c == '"') {
        quoted_ = true;
        quote_line_ = line_;
        state_ = State::quoted;
        return false;
      }
      state_ = State::plain;
      bytes_ += c;
      return false;
    case State::plain:
      if (c != '"') {
        bytes_ += c;
        return false;
      }
      fail(line_,
           "there is a quote inside of a field that does not begin with one; write the field in "
           "quotes, and each quote in it twice");
      return true;
    case State::quoted:
      if (c == '\n') ++line_;
      if (c == '"') {
        state_ = State::quote_seen;
      } else {
        bytes_ += c;
      }
      return false;
    case State::quote_seen:
      if (c == '"') {
        bytes_ += c;
        state_ = State::quoted;
        return false;
      }
      if (c == '\r') {
        state_ = State::cr_seen;
        return false;
      }
      break;
    case State::cr_seen: break;
  }
  fail(line_,
       "there is something between the closing quote of a field and the next comma; a quote inside "
       "of a field in quotes is written twice");
  return true;
}

CsvReader::Found CsvReader::end_record(std::string_view part) {
  text_ = part;
  if (!kept_.empty()) {
    kept_ += part;
    text_ = kept_;
  }
  if (text_.ends_with('\n')) text_.remove_suffix(1);
  if (text_.ends_with('\r')) text_.remove_suffix(1);
  if (ends_.size() == 1 && bytes_.empty() && !quoted_) {
    begin_record();
    return Found::none;
  }
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    fields_.push_back(std::string_view(bytes_).substr(begin, end - begin));
    begin = end;
  }
  found_line_ = record_line_;
  returned_ = true;
  return Found::record;
}

CsvReader::Found CsvReader::next(std::string_view& piece) {
  if (!fault_.empty()) {
    piece = {};
    return Found::none;
  }
  if (returned_) begin_record();
  while (mark_possible_ && !piece.empty()) {
    if (piece.front() == kByteOrderMark[mark_bytes_]) {
      piece.remove_prefix(1);
      mark_possible_ = ++mark_bytes_ < kByteOrderMark.size();
      continue;
    }
    mark_possible_ = false;
    // It was none: the bytes that looked like one are the beginning of the first field.
    kept_ = kByteOrderMark.substr(0, mark_bytes_);
    for (const char c : kByteOrderMark.substr(0, mark_bytes_)) take(c);
  }
  std::size_t at = 0;
  while (at < piece.size()) {
    if (!take(piece[at++])) continue;
    if (!fault_.empty()) {
      piece = {};
      return Found::fault;
    }
    const Found found = end_record(piece.substr(0, at));
    piece.remove_prefix(at);
    at = 0;
    if (found == Found::record) return found;
  }
  kept_ += piece;
  piece = {};
  return Found::none;
}

CsvReader::Found CsvReader::finish() {
  if (!fault_.empty()) return Found::none;
  if (returned_) begin_record();
  if (mark_possible_) {
    mark_possible_ = false;
    kept_ = kByteOrderMark.substr(0, mark_bytes_);
    for (const char c : kByteOrderMark.substr(0, mark_bytes_)) take(c);
  }
  if (record_bytes_ == 0) return Found::none;
  if (state_ == State::quoted) {
    fail(quote_line_, "the quote that opens a field here is never closed");
    return Found::fault;
  }
  if (state_ == State::plain && bytes_.back() == '\r') bytes_.pop_back();
  end_field();
  return end_record({});
}

void append_csv_field(std::string& out, std::string_view field) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += field;
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace jindou::codec
