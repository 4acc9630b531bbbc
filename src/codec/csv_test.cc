#include "codec/csv.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jindou::codec {
namespace {

using CsvFound = CsvReader::Found;
using CsvFields = std::vector<std::string>;

struct Read {
  std::vector<CsvFields> records;
  std::vector<std::string> texts;
  std::vector<std::uint64_t> lines;
  std::string fault;  // "line: what"
};

Read read(std::string_view text, std::size_t piece, CsvLimits limits = {}) {
  CsvReader reader(limits);
  Read all;
  const auto add = [&](CsvFound found) {
    if (found == CsvFound::record) {
      all.records.emplace_back(reader.fields().begin(), reader.fields().end());
      all.texts.emplace_back(reader.text());
      all.lines.push_back(reader.line());
    } else if (found == CsvFound::fault) {
      all.fault = std::to_string(reader.line()) + ": " + reader.fault();
    }
    return found != CsvFound::none;
  };
  while (!text.empty()) {
    // A copy that ends with the piece, so that a sanitizer sees who reads beyond.
    const std::string copy(text.substr(0, piece));
    text.remove_prefix(copy.size());
    std::string_view rest = copy;
    while (add(reader.next(rest))) {
    }
    EXPECT_TRUE(rest.empty());
  }
  add(reader.finish());
  EXPECT_EQ(reader.finish(), CsvFound::none);
  return all;
}

void expect_rows(std::string_view text, const std::vector<CsvFields>& wanted) {
  for (std::size_t piece = 1; piece <= text.size() + 1; ++piece) {
    const Read all = read(text, piece);
    EXPECT_EQ(all.records, wanted) << text << " in pieces of " << piece;
    EXPECT_EQ(all.fault, "") << text;
  }
}

void expect_fault(std::string_view text, std::size_t records, std::string_view beginning,
                  CsvLimits limits = {}) {
  for (std::size_t piece = 1; piece <= text.size() + 1; ++piece) {
    const Read all = read(text, piece, limits);
    EXPECT_EQ(all.records.size(), records) << text << " in pieces of " << piece;
    EXPECT_TRUE(std::string_view(all.fault).starts_with(beginning)) << all.fault;
  }
}

TEST(Csv, RecordsAndFields) {
  expect_rows("", {});
  expect_rows("a", {{"a"}});
  expect_rows("a,b\nc,d\n", {{"a", "b"}, {"c", "d"}});
  expect_rows("a,b\r\nc,d\r\n", {{"a", "b"}, {"c", "d"}});
  expect_rows("a,b\r\nc,d", {{"a", "b"}, {"c", "d"}});
  expect_rows(",\n,,\na,\n", {{"", ""}, {"", "", ""}, {"a", ""}});
  expect_rows(" a , b\n", {{" a ", " b"}});
  expect_rows("a\rb\n", {{"a\rb"}});
  expect_rows("a,\r\n,\r", {{"a", ""}, {"", ""}});
}

TEST(Csv, FieldsInQuotes) {
  expect_rows("\"a,b\",\"c\"\n", {{"a,b", "c"}});
  expect_rows("\"say \"\"hi\"\"\",\"\"\"\"\n", {{"say \"hi\"", "\""}});
  expect_rows("\"two\nlines\",\"crlf\r\ninside\"\r\nx,y\r\n",
              {{"two\nlines", "crlf\r\ninside"}, {"x", "y"}});
  expect_rows("\"\"\n", {{""}});
  expect_rows("\"a\"", {{"a"}});
  expect_rows("\"a\"\r", {{"a"}});
}

TEST(Csv, EmptyLinesAreNone) {
  expect_rows("\n\r\na\n\n\nb\r\n\r\n", {{"a"}, {"b"}});
  expect_rows("\n", {});
  expect_rows(" \n", {{" "}});
}

TEST(Csv, AByteOrderMarkInFront) {
  expect_rows("\xef\xbb\xbf\"a\",b\n", {{"a", "b"}});
  expect_rows("\xef\xbb\xbf", {});
  expect_rows("\xef\xbb", {{"\xef\xbb"}});
  expect_rows("\xef\xbbx,y\n", {{"\xef\xbbx", "y"}});
  expect_rows("a\n\xef\xbb\xbf,\n", {{"a"}, {"\xef\xbb\xbf", ""}});
}

TEST(Csv, LinesAndTexts) {
  for (std::size_t piece = 1; piece < 30; ++piece) {
    const Read all = read("h\n\n\"a\nb\",c\r\n\"d\"\ne", piece);
    EXPECT_EQ(all.lines, (std::vector<std::uint64_t>{1, 3, 5, 6}));
    EXPECT_EQ(all.texts, (std::vector<std::string>{"h", "\"a\nb\",c", "\"d\"", "e"}));
  }
}

TEST(Csv, QuotesInTheWrongPlaceEndIt) {
  expect_fault("a\n5\" pipe,x\nb\n", 1, "2: there is a quote inside of a field");
  expect_fault("a\n\n\"b\" ,x\nc\n", 1, "3: there is something between the closing quote");
  expect_fault("\"a\"\rb\n", 0, "1: there is something between");
  expect_fault("a\nb,\"c\nd\ne\n", 1, "2: the quote that opens a field here is never closed");
}

TEST(Csv, Limits) {
  const CsvLimits limits{10, 3};
  EXPECT_EQ(read("123456789\n1,2,3\n", 4, limits).records.size(), 2U);
  expect_fault("a\n1234567890\nb\n", 1, "2: the record is longer than 10 bytes", limits);
  expect_fault(
      "a\n1,\"\n4567890\"\nb\n", 1,
      "2: the record is longer than 10 bytes; the quote that line 2 opens may lack its end",
      limits);
  expect_fault("a\n1,2,3,4\n", 1, "2: the record has more than 3 fields", limits);
}

TEST(Csv, WhatIsWrittenIsReadAgain) {
  const CsvFields fields{"", "a", "a,b", "say \"hi\"", "two\r\nlines", " blank ", "\"", "\r"};
  std::string text;
  for (const std::string& field : fields) {
    if (!text.empty() || &field != &fields.front()) text += ',';
    append_csv_field(text, field);
  }
  expect_rows(text + "\n", {fields});
}

}  // namespace
}  // namespace jindou::codec
