// The tables of docs/api.md are those that bodies are read by.
#include "bodies/documentation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include "bodies/all_bodies.h"

namespace jindou::bodies {
namespace {

std::string page() {
  std::ifstream in(JINDOU_SOURCE_DIR "/docs/api.md", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// What stands under a heading, up to the next one that is not below it.
std::string under(const std::string& page, std::string_view heading) {
  const auto begin = page.find("\n" + std::string(heading) + "\n");
  if (begin == std::string::npos) return {};
  const auto first = begin + heading.size() + 2;
  std::size_t end = page.size();
  const std::size_t depth = heading.find(' ');
  for (std::size_t level = 1; level <= depth; ++level) {
    end = std::min(end, page.find("\n" + std::string(level, '#') + " ", first));
  }
  return page.substr(first, end - first);
}

TEST(Documentation, ShowsTheTables) {
  const std::string text = page();
  for (const Section& section : sections()) {
    const std::string table = members_markdown(section.bodies);
    const std::string there = "\n" + under(text, section.heading) + "\n";
    EXPECT_NE(there.find("\n\n" + table + "\n"), std::string::npos)
        << "put this into docs/api.md, under " << section.heading << ":\n"
        << table;
  }
}

TEST(Documentation, OneTablePerPath) {
  std::set<std::string_view> paths;
  for (const Section& section : sections()) {
    for (const PathBody& body : section.bodies) {
      EXPECT_TRUE(paths.insert(body.path).second) << body.path;
      EXPECT_EQ(find_body(body.path)->fields.data(), body.fields.data());
      EXPECT_FALSE(body.fields.empty()) << body.path;
    }
  }
  EXPECT_EQ(find_body("/message/send"), nullptr);
}

TEST(Documentation, NoMemberTwice) {
  for (const Section& section : sections()) {
    for (const PathBody& body : section.bodies) {
      std::set<std::string_view> names;
      for (const Field& field : body.fields) {
        EXPECT_TRUE(names.insert(field.name).second) << body.path << " " << field.name;
      }
    }
  }
}

TEST(Documentation, NumbersHaveTheirRules) {
  const auto row = [](Field field) {
    field.name = "n";
    field.type = FieldType::number;
    field.meaning = "how many";
    return shown_type(field) + " | " + told(field);
  };
  EXPECT_EQ(row({}), "integer | how many");
  EXPECT_EQ(row({.required = true}), "integer, not 0 | how many");
  EXPECT_EQ(row({.most = 255}), "0–255 | how many");
  EXPECT_EQ(row({.least = -1, .most = 10'000}), "-1 to 10,000 | how many");
  EXPECT_EQ(row({.most = 200, .standard = 50}), "0–200 | how many; 50 unless given");
  EXPECT_EQ(row({.cap = 1'234'567, .forgiving = true}),
            "integer | how many; more than 1,234,567 counts as 1,234,567");
  EXPECT_EQ(row({.standard = 100, .cap = 500, .forgiving = true}),
            "integer | how many; 100 unless given or below 1, more than 500 counts as 500");
}

TEST(Documentation, ListsOfTypesTellTheirBound) {
  Field row{.name = "t", .type = FieldType::types, .meaning = "which"};
  EXPECT_EQ(shown_type(row), "(0–255)[]");
  row.entries_max = 1000;
  EXPECT_EQ(shown_type(row), "(0–255)[], ≤ 1,000");
}

TEST(Documentation, PathsWithOneTableShareItsLines) {
  static constexpr std::array kOne = {Field{.name = "a", .meaning = "one | two"}};
  static constexpr std::array kTwo = {
      Field{.name = "b", .type = FieldType::flag, .meaning = "it", .required = true},
      Field{.name = "c", .meaning = "that", .bytes_max = 1024}};
  const std::array same = {PathBody{"/x", kOne}, PathBody{"/y", kOne}};
  EXPECT_EQ(members_markdown(same),
            "| member | type | required | meaning |\n| --- | --- | --- | --- |\n"
            "| `a` | string | no | one \\| two |\n");
  const std::array different = {PathBody{"/x", kOne}, PathBody{"/y", kOne}, PathBody{"/z", kTwo}};
  EXPECT_EQ(members_markdown(different),
            "| body of | member | type | required | meaning |\n"
            "| --- | --- | --- | --- | --- |\n"
            "| `/x`, `/y` | `a` | string | no | one \\| two |\n"
            "| `/z` | `b` | 0/1 | yes | it |\n"
            "| | `c` | string, ≤ 1,024 bytes | no | that |\n");
}

}  // namespace
}  // namespace jindou::bodies
