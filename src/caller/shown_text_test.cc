#include "caller/shown_text.h"

#include <gtest/gtest.h>

#include <array>

namespace jindou::caller {
namespace {

TEST(ShownText, NothingIsLeftThatATerminalObeys) {
  EXPECT_EQ(printable("a\x1b[2J\x7f\n"), "a?[2J??");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J \xc2\xa0 \xc3\xbc 筋斗"),
            "?2J \xc2\xa0 \xc3\xbc 筋斗");
  EXPECT_EQ(printable("\xc2"), "\xc2");
}

TEST(ShownText, AnObjectHasALineForEachMember) {
  EXPECT_EQ(lines_of(R"({"id":"j1","items":5,"commit_ms":{"p50":3},"name":"a\nb"})"),
            "id: j1\nitems: 5\ncommit_ms: {\"p50\":3}\nname: a?b\n");
  constexpr std::array<std::string_view, 2> kLeftOut = {"b", "d"};
  EXPECT_EQ(lines_of(R"({"a":1,"b":[1,2],"c":""})", kLeftOut), "a: 1\nc: \n");
  EXPECT_EQ(lines_of("no JSON"), "no JSON\n");
}

TEST(ShownText, ColumnsHaveTheirNamesOnceAndGrow) {
  Columns columns({"ID", "NAME"});
  EXPECT_EQ(columns.text({}), "");
  EXPECT_EQ(columns.text({{"1", "a"}, {"234", ""}}), "ID   NAME\n1    a\n234\n");
  EXPECT_EQ(columns.text({{"5", "b"}}), "5    b\n");
  EXPECT_EQ(columns.text({{"56789", "c"}}), "56789  c\n");
}

}  // namespace
}  // namespace jindou::caller
