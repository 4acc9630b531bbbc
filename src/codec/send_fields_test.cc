// The table of members: names are found, and docs/api.md shows it.
#include "codec/send_fields.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace jindou::codec {
namespace {

TEST(SendFields, EveryNameIsFoundAndNoOther) {
  for (const SendField& field : send_fields()) {
    const SendField* found = find_send_field(field.name);
    ASSERT_NE(found, nullptr) << field.name;
    EXPECT_EQ(found->member, field.member) << field.name;
    EXPECT_EQ(find_send_field(std::string(field.name) + "x"), nullptr);
    EXPECT_EQ(find_send_field(field.name.substr(1)), nullptr);
  }
  EXPECT_EQ(find_send_field(""), nullptr);
  EXPECT_EQ(find_send_field(std::string(100'000, 'p')), nullptr);
}

std::string documentation() {
  std::ifstream in(JINDOU_SOURCE_DIR "/docs/api.md", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(SendFields, TheDocumentationShowsTheTable) {
  EXPECT_NE(documentation().find("\n" + send_fields_markdown() + "\n"), std::string::npos)
      << "put this into docs/api.md, under POST /message/sendbatch:\n"
      << send_fields_markdown();
}

}  // namespace
}  // namespace jindou::codec
