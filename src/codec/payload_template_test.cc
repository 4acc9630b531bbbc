// Variables come out where they were asked for, and never as more than they are.
#include "codec/payload_template.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "codec/json_reader.h"

namespace jindou::codec {
namespace {

const std::vector<TemplateVariable> kVariables = {
    {"name", "Ann", true},
    {"quote", "a\"b\\c\n", true},
    {"n", "7", false},
    {"yes", "true", false},
    {"list", "[1,\"x\"]", false},
    {"empty", "", true},
    {"\u59d3\u540d", "\u5b89", true},
};

std::string filled(std::string_view payload, std::size_t bytes_max = 1000) {
  const auto parsed = PayloadTemplate::parse(payload);
  if (!parsed) return "error: " + parsed.error().detail();
  TemplateVariables variables;
  for (const TemplateVariable& variable : kVariables) variables.add(variable);
  PayloadTemplate::Values values;
  parsed->find_values(variables, TemplateVariables(), values);
  const auto null = std::find(values.begin(), values.end(), nullptr);
  if (null != values.end()) {
    const auto missing = static_cast<std::size_t>(null - values.begin());
    return "missing: " + parsed->names()[missing] + " at " +
           std::to_string(parsed->first_place_of(missing));
  }
  std::string out;
  if (!parsed->fill(values, bytes_max, out)) return "too large";
  return out;
}

TEST(PayloadTemplate, PlainTextTakesPlainText) {
  EXPECT_EQ(filled("Hello {{name}}!"), "Hello Ann!");
  EXPECT_EQ(filled("{{name}}{{ n }}{{\tyes}}"), "Ann7true");
  EXPECT_EQ(filled("{{quote}}"), "a\"b\\c\n");
  EXPECT_EQ(filled("{{list}} {{empty}}."), "[1,\"x\"] .");
  EXPECT_EQ(filled("{{\u59d3\u540d}}"), "\u5b89");
  EXPECT_EQ(filled("no place } } }} { {"), "no place } } }} { {");
  EXPECT_EQ(filled("\xff{{name}}\xfe"),
            "\xff"
            "Ann"
            "\xfe");
  // What only looks like JSON is none.
  EXPECT_EQ(filled("[{{name}}] said \"{{quote}}\""), "[Ann] said \"a\"b\\c\n\"");
  EXPECT_EQ(filled("{\"a\":01,\"b\":\"{{quote}}\"}"), "{\"a\":01,\"b\":\"a\"b\\c\n\"}");
}

TEST(PayloadTemplate, StringsOfJsonTakeEscapedText) {
  EXPECT_EQ(filled(R"({"text":"Hi {{name}}, {{quote}}"})"), R"({"text":"Hi Ann, a\"b\\c\n"})");
  EXPECT_EQ(filled(R"({"text":"{{n}} {{yes}} {{list}}"})"), R"({"text":"7 true [1,\"x\"]"})");
  EXPECT_EQ(filled(R"({"\"{{name}}":"\\{{quote}}"})"), R"({"\"Ann":"\\a\"b\\c\n"})");
  EXPECT_EQ(filled(R"("{{quote}}")"), R"("a\"b\\c\n")");
}

TEST(PayloadTemplate, ElsewhereJsonTakesValues) {
  EXPECT_EQ(filled(R"({"n":{{n}},"s":{{quote}},"y":{{yes}},"l":{{list}}})"),
            R"({"n":7,"s":"a\"b\\c\n","y":true,"l":[1,"x"]})");
  EXPECT_EQ(filled(R"([{{name}},{"a":{"b":{{empty}}}}])"), R"(["Ann",{"a":{"b":""}}])");
  // The grammar decides, not what our parser can count.
  EXPECT_EQ(filled(R"({"id":123456789012345678901234567890,"s":"{{quote}}"})"),
            R"({"id":123456789012345678901234567890,"s":"a\"b\\c\n"})");
}

TEST(PayloadTemplate, AValueDoesNotGrowTogetherWithWhatIsBesideIt) {
  for (const char* payload :
       {"[1{{n}}]", "[{{n}}1]", "[{{n}}{{n}}]", "[-{{n}}]", "[\"a\"{{n}}]", "[tr{{yes}}]"}) {
    const auto parsed = PayloadTemplate::parse(payload);
    ASSERT_TRUE(parsed.has_value()) << payload;
    EXPECT_FALSE(parsed->is_json()) << payload;
  }
  // A name of a member is a string.
  EXPECT_FALSE(PayloadTemplate::parse(R"({ {{name}}:1})")->is_json());
  // An escape may not hang over into a place.
  EXPECT_FALSE(PayloadTemplate::parse(R"(["\{{name}}"])")->is_json());
  EXPECT_FALSE(PayloadTemplate::parse(R"(["\u00{{n}}"])")->is_json());
  // One place alone is text, as a number or a word is.
  EXPECT_FALSE(PayloadTemplate::parse("{{name}}")->is_json());
}

TEST(PayloadTemplate, TwoBracesAreWrittenAsFour) {
  EXPECT_EQ(filled("a {{{{ b }} c"), "a {{ b }} c");
  EXPECT_EQ(filled("{{{{{{name}}}}"), "{{Ann}}");
  EXPECT_EQ(filled("{{{{{{{{"), "{{{{");
  EXPECT_EQ(filled(R"({"a":"{{{{x}} {{name}}"})"), R"({"a":"{{x}} Ann"})");
}

TEST(PayloadTemplate, SaysWhereAPlaceIsWrong) {
  EXPECT_EQ(filled("Hello {{name"),
            "error: has \"{{\" at byte 6 without \"}}\" behind it; two braces that are no place "
            "for a variable are written \"{{{{\"");
  EXPECT_TRUE(
      filled("{{name}} {{}}")
          .starts_with(
              "error: has \"{{\" at byte 9 with a name of a variable that must not be empty"));
  for (const char* name : {"{name", "a b", "a\"b", "a\\b", "a{b"}) {
    EXPECT_TRUE(filled("{{" + std::string(name) + "}}")
                    .starts_with("error: has \"{{\" at byte 0 with a name of a variable that must "
                                 "not have spaces, braces, quotes or backslashes"))
        << name;
  }
  EXPECT_TRUE(filled("{{a\x01}}").find("control characters") != std::string::npos);
  EXPECT_TRUE(filled("{{" + std::string(64, 'x') + "}}").starts_with("missing: x"));
  EXPECT_TRUE(filled("{{" + std::string(65, 'x') + "}}").find("64 bytes") != std::string::npos);
  EXPECT_EQ(filled("{{name}} {{other}} {{other}}"), "missing: other at 9");
}

TEST(PayloadTemplate, HasABoundedNumberOfVariables) {
  std::string payload;
  for (std::size_t i = 0; i < kVariablesMax; ++i) payload += "{{v" + std::to_string(i) + "}}";
  EXPECT_EQ(PayloadTemplate::parse(payload)->names().size(), kVariablesMax);
  EXPECT_TRUE(PayloadTemplate::parse(payload + "{{v0}}").has_value());
  EXPECT_EQ(filled(payload + "{{one_more}}"), "error: names more than 100 variables");
}

TEST(PayloadTemplate, EndsAtItsBound) {
  EXPECT_EQ(filled("Hello {{name}}!", 10), "Hello Ann!");
  EXPECT_EQ(filled("Hello {{name}}!", 9), "too large");
  // With its escapes it is longer.
  EXPECT_EQ(filled(R"(["{{quote}}"])", 13), R"(["a\"b\\c\n"])");
  EXPECT_EQ(filled(R"(["{{quote}}"])", 12), "too large");
  EXPECT_EQ(filled("text", 3), "too large");
}

TEST(PayloadTemplate, OfTwoVariablesWithOneNameTheFirstCounts) {
  TemplateVariables own;
  TemplateVariables defaults;
  own.add({"a", "own", true});
  EXPECT_TRUE(own.has("a"));
  EXPECT_FALSE(own.has("b"));
  defaults.add({"a", "default", true});
  defaults.add({"b", "default", true});
  const auto parsed = PayloadTemplate::parse("{{a}} {{b}}");
  PayloadTemplate::Values values;
  parsed->find_values(own, defaults, values);
  std::string out;
  EXPECT_TRUE(parsed->fill(values, 100, out));
  EXPECT_EQ(out, "own default");
}

// Whatever their names hash to, each is found, and none that there is not.
TEST(PayloadTemplate, AsManyVariablesAsThereMayBe) {
  std::vector<std::string> names;
  std::string payload;
  std::string expected;
  TemplateVariables variables;
  for (std::size_t i = 0; i < kVariablesMax; ++i) names.push_back("n" + std::to_string(i * i));
  for (const std::string& name : names) {
    variables.add({name, name, true});
    payload += "{{" + name + "}}";
    expected += name;
  }
  for (int i = 0; i < 1000; ++i) {
    const std::string other = "m" + std::to_string(i);
    EXPECT_EQ(variables.find(other, NameTable::hash_of(other)), nullptr);
  }
  const auto parsed = PayloadTemplate::parse(payload);
  PayloadTemplate::Values values;
  parsed->find_values(variables, TemplateVariables(), values);
  std::string out;
  EXPECT_TRUE(parsed->fill(values, 10'000, out));
  EXPECT_EQ(out, expected);
}

}  // namespace
}  // namespace jindou::codec
