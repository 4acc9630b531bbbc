#include "model/template_name.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou {
namespace {

TEST(TemplateName, IsWhatAPathTakesWithoutEscapes) {
  for (const char* name : {"a", "7", "Welcome-2.de_AT", "0-", "a.."}) {
    EXPECT_EQ(template_name_problem(name), "") << name;
  }
  EXPECT_EQ(template_name_problem(std::string(64, 'x')), "");
  EXPECT_EQ(template_name_problem(std::string(65, 'x')), "must not be longer than 64 bytes");
  EXPECT_EQ(template_name_problem(""), "must not be empty");
  for (const char* name : {".a", "-a", "_a", "/a"}) {
    EXPECT_EQ(template_name_problem(name), "must begin with a letter or digit") << name;
  }
  for (const char* name : {"a b", "a/b", "a{b", "a%20", "a\u00e4", "a?"}) {
    EXPECT_EQ(template_name_problem(name), "must have only letters, digits, '.', '_' and '-'")
        << name;
  }
}

}  // namespace
}  // namespace jindou
