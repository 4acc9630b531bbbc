#include "caller/item_form.h"

#include <gtest/gtest.h>

#include "codec/json_reader.h"

namespace jindou::caller {
namespace {

ItemForm form_of(const SendOptions& options) {
  auto form = ItemForm::create(options);
  EXPECT_TRUE(form) << form.error().detail();
  return *form;
}

Item from_line(const ItemForm& form, std::string_view line, std::uint64_t row = 1) {
  Item item;
  item.row = row;
  form.from_line(line, item);
  return item;
}

// With the number in it replaced by "#".
std::string without_number(std::string text) {
  const auto at = text.find("\"jd");
  if (at != std::string::npos) text.replace(at, 36, "\"#\"");
  EXPECT_TRUE(codec::parse_json(text)) << text;
  return text;
}

TEST(ItemForm, LinesArePassedOnWithANumber) {
  const ItemForm form = form_of({});
  EXPECT_EQ(without_number(from_line(form, R"({"a":1.50, "b" : {"c":"}"}} )").text),
            R"({"a":1.50,"b" : {"c":"}"},"client_msg_no":"#"})");
  EXPECT_EQ(from_line(form, R"({"client_msg_no":"n","a":1})").text,
            R"({"client_msg_no":"n","a":1})");
  EXPECT_EQ(without_number(from_line(form, R"({"client_msg_no":null,"a":1})").text),
            R"({"a":1,"client_msg_no":"#"})");
  EXPECT_EQ(without_number(from_line(form, R"({"a":1,"client_msg_no":""})").text),
            R"({"a":1,"client_msg_no":"#"})");
  EXPECT_EQ(without_number(from_line(form, "{}").text), R"({"client_msg_no":"#"})");
  for (const char* text : {"[1]", "{\"a\"", "text"}) {
    const Item item = from_line(form, text);
    EXPECT_EQ(item.text, text);
    EXPECT_EQ(item.original, text);
    EXPECT_EQ(item.problem, "");
  }
}

TEST(ItemForm, AHeadIsNoneOfTheLines) {
  const ItemForm form = form_of({});
  for (const char* text : {R"({"defaults":{"from_uid":"u1"}})", R"({"payloads":{}})"}) {
    const Item item = from_line(form, text);
    EXPECT_EQ(item.text, "");
    EXPECT_EQ(item.original, text);
    EXPECT_TRUE(item.is_head);
    EXPECT_NE(item.problem.find("are not taken from a file"), std::string::npos) << item.problem;
  }
}

TEST(ItemForm, NumbersAreOfTheRowAndWhatIsSent) {
  const auto number = [](const SendOptions& options, std::string_view line, std::uint64_t row) {
    const std::string text = from_line(form_of(options), line, row).text;
    return text.substr(text.find("\"jd"), 36);
  };
  const std::string one = number({}, R"({"a":1})", 1);
  EXPECT_EQ(one.size(), 36U);
  EXPECT_EQ(number({}, R"({"a":1})", 1), one);
  EXPECT_NE(number({}, R"({"a":1})", 2), one);
  EXPECT_NE(number({}, R"({"a":2})", 1), one);
  SendOptions options;
  options.id = "again";
  EXPECT_NE(number(options, R"({"a":1})", 1), one);
  options = {};
  options.from = "system";
  EXPECT_NE(number(options, R"({"a":1})", 1), one);
  // A golden one: a new version finishes what an older one began.
  EXPECT_EQ(one, "\"jd83485aaca012c8f964f78dad8b9345a9\"");
}

TEST(ItemForm, OptionsFillInWhatIsAbsent) {
  SendOptions options;
  options.from = "sys\"tem";
  options.channel_type = 2;
  options.payload = "{\"text\":\n\"{{n}}\"}";
  const ItemForm form = form_of(options);
  EXPECT_EQ(without_number(from_line(form, R"({"channel_id":"g"})").text),
            R"({"channel_id":"g","from_uid":"sys\"tem","channel_type":2,)"
            R"("payload":{"text": "{{n}}"},"client_msg_no":"#"})");
  const std::string own = R"({"from_uid":"u","channel_type":1,"template":"t","client_msg_no":"n"})";
  EXPECT_EQ(from_line(form, own).text, own);
  EXPECT_EQ(without_number(
                from_line(form, R"({"sender_uid":"u","channel_type":1,"payload_ref":"p"})").text),
            R"({"sender_uid":"u","channel_type":1,"payload_ref":"p","client_msg_no":"#"})");
  EXPECT_EQ(
      from_line(form, R"({"from_uid":"","channel_type":null,"payload":null,"client_msg_no":"n"})")
          .text,
      R"({"client_msg_no":"n","from_uid":"sys\"tem","channel_type":2,)"
      R"("payload":{"text": "{{n}}"}})");
}

TEST(ItemForm, PayloadsThatAreNoJsonGoAsBytes) {
  SendOptions options;
  options.payload = "Hi {{name}}";
  EXPECT_EQ(without_number(from_line(form_of(options), "{}").text),
            R"({"payload":"SGkge3tuYW1lfX0=","client_msg_no":"#"})");
  options.payload = R"({"n":{{n}}})";
  EXPECT_EQ(without_number(from_line(form_of(options), "{}").text),
            R"({"payload":"eyJuIjp7e259fX0=","client_msg_no":"#"})");
  options.payload = "";
  options.template_name = "welcome";
  EXPECT_EQ(without_number(from_line(form_of(options), "{}").text),
            R"({"template":"welcome","client_msg_no":"#"})");
  options.template_name = "";
  options.payload = "Hi {{name";
  const auto form = ItemForm::create(options);
  ASSERT_FALSE(form);
  EXPECT_TRUE(form.error().detail().starts_with("--payload has")) << form.error().detail();
}

TEST(ItemForm, RefusedLinesAreSentAgain) {
  const ItemForm form = form_of({});
  const Item item = from_line(form, R"({"refused":{"line":3,"code":"x","msg":"y"},"a":1})");
  EXPECT_EQ(without_number(item.text), R"({"a":1,"client_msg_no":"#"})");
  EXPECT_EQ(item.original, R"({"a":1})");
  const Item same = from_line(form, R"({"a":1})");
  EXPECT_EQ(item.text, same.text);
  const Item broken = from_line(form, R"({"refused":{"line":3,"text":"{"}})");
  EXPECT_EQ(broken.text, "");
  EXPECT_NE(broken.problem, "");
  EXPECT_EQ(broken.original, R"({"refused":{"line":3,"text":"{"}})");
}

using Fields = std::vector<std::string_view>;

SendOptions csv_options() {
  SendOptions options;
  options.from = "system";
  options.channel_type = 1;
  options.payload = "Hi {{name}}";
  return options;
}

Item from_record(const ItemForm& form, const Fields& fields, std::uint64_t row = 1) {
  Item item;
  item.row = row;
  form.from_record(fields, "text", item);
  return item;
}

TEST(ItemForm, RecordsBecomeItems) {
  ItemForm form = form_of(csv_options());
  ASSERT_TRUE(form.set_columns(
      {"name", "channel_id", "channel_type", "from_uid", "client_msg_no", "unused"}));
  EXPECT_EQ(without_number(from_record(form, {"A \"B\"", "u1", "", "", "", "x"}).text),
            R"({"channel_id":"u1","channel_type":1,"from_uid":"system",)"
            R"("payload":"SGkge3tuYW1lfX0=","vars":{"name":"A \"B\""},"client_msg_no":"#"})");
  EXPECT_EQ(from_record(form, {"", "g1", "2", "ann", "n1", ""}).text,
            R"({"channel_id":"g1","channel_type":2,"from_uid":"ann",)"
            R"("payload":"SGkge3tuYW1lfX0=","vars":{"name":""},"client_msg_no":"n1"})");
  EXPECT_EQ(from_record(form, {"a", "b", "", "", "", "x"}, 7).text,
            from_record(form, {"a", "b", "", "", "", "y"}, 7).text);
}

TEST(ItemForm, TheLastSeqOfARecordIsANumber) {
  ItemForm form = form_of(csv_options());
  ASSERT_TRUE(form.set_columns({"name", "channel_id", "client_msg_no", "if_last_seq"}));
  EXPECT_EQ(from_record(form, {"a", "u1", "n1", "7"}).text,
            R"({"channel_id":"u1","channel_type":1,"from_uid":"system","if_last_seq":7,)"
            R"("payload":"SGkge3tuYW1lfX0=","vars":{"name":"a"},"client_msg_no":"n1"})");
  EXPECT_EQ(from_record(form, {"a", "u1", "n1", ""}).text.find("if_last_seq"), std::string::npos);
  EXPECT_EQ(from_record(form, {"a", "u1", "n1", "7x"}).problem,
            "if_last_seq is \"7x\"; it is a number within 0..4294967295");
}

TEST(ItemForm, ColumnsOfATemplateAreAllVariables) {
  SendOptions options = csv_options();
  options.payload = "";
  options.template_name = "welcome";
  ItemForm form = form_of(options);
  ASSERT_TRUE(form.set_columns({"channel_id", "a", "b"}));
  EXPECT_NE(from_record(form, {"u", "1", "2"}).text.find(R"("vars":{"a":"1","b":"2"})"),
            std::string::npos);
}

// Golden ones: a new version finishes what an older one began.
TEST(ItemForm, NumbersOfRecordsStayTheSame) {
  SendOptions options = csv_options();
  options.id = "x";
  ItemForm form = form_of(options);
  ASSERT_TRUE(form.set_columns({"name", "channel_id", "client_msg_no", "unused"}));
  EXPECT_TRUE(from_record(form, {"A \"B\"", "u1", "", "z"}, 3)
                  .text.ends_with(R"("client_msg_no":"jdca625e674869ccedccb4cab237b9c1fe"})"));
  options = {};
  options.template_name = "welcome";
  form = form_of(options);
  ASSERT_TRUE(form.set_columns({"channel_id", "channel_type", "from_uid", "a"}));
  EXPECT_TRUE(from_record(form, {"g1", "2", "ann", "1"})
                  .text.ends_with(R"("client_msg_no":"jd5d00484dd438d3709556711185991613"})"));
}

TEST(ItemForm, RowsThatAreNoItems) {
  ItemForm form = form_of(csv_options());
  ASSERT_TRUE(form.set_columns({"channel_id", "name", "channel_type"}));
  EXPECT_EQ(from_record(form, {"u"}).problem, "the row has 1 field, the first row names 3 columns");
  EXPECT_EQ(from_record(form, {"u", "a", "2", "x"}).problem,
            "the row has 4 fields, the first row names 3 columns");
  EXPECT_EQ(from_record(form, {"u", "a", "2x"}).problem,
            "channel_type is \"2x\"; it is a number within 1..255");
  EXPECT_NE(from_record(form, {"u", "a", "256"}).problem, "");
  Item item;
  form.from_record({"u", "\xb0\xa1", "1"}, "u,\xb0\xa1,1", item);
  EXPECT_EQ(item.problem, "the row is not in UTF-8; save the file as CSV in UTF-8");
  for (const Item& wrong : {from_record(form, {"u"}), item}) {
    EXPECT_EQ(wrong.text, "");
    EXPECT_EQ(wrong.code, "invalid");
  }
}

TEST(ItemForm, ColumnsThatMakeNoItems) {
  const auto problem = [](const SendOptions& options, const Fields& names) {
    ItemForm form = form_of(options);
    const auto set = form.set_columns(names);
    return set ? std::string() : set.error().detail();
  };
  const SendOptions options = csv_options();
  EXPECT_EQ(problem(options, {"channel_id", "name"}), "");
  EXPECT_NE(problem(options, {"id", "name"}).find("no column has the name channel_id"),
            std::string::npos);
  EXPECT_EQ(problem(options, {"channel_id", "name", "name"}), "two columns have the name \"name\"");
  EXPECT_NE(
      problem(options, {"channel_id", "first name"}).find("\"first name\" cannot be a variable"),
      std::string::npos);
  EXPECT_EQ(problem(options, {"channel_id"}),
            "--payload names {{name}}, and no column for variables has that name");
  EXPECT_NE(problem(options, {"channel_id", "name", "\xff"}).find("UTF-8"), std::string::npos);
  EXPECT_NE(problem(options, {"channel_id", "name", "template"}).find("with --payload, --template"),
            std::string::npos);
  SendOptions bare = options;
  bare.from = "";
  EXPECT_NE(problem(bare, {"channel_id", "name"}).find("--from"), std::string::npos);
  bare = options;
  bare.channel_type = 0;
  EXPECT_NE(problem(bare, {"channel_id", "name"}).find("--channel-type"), std::string::npos);
  bare = options;
  bare.payload = "";
  EXPECT_NE(problem(bare, {"channel_id", "name"}).find("--template or --payload"),
            std::string::npos);
}

TEST(ItemForm, RefusedRowsAreSentAgain) {
  ItemForm form = form_of(csv_options());
  ASSERT_TRUE(
      form.set_columns({"refused_line", "refused_code", "refused_msg", "channel_id", "name"}));
  const Item again = from_record(form, {"7", "denied", "why", "u", "a,b"});
  EXPECT_EQ(again.original, "u,\"a,b\"");
  EXPECT_EQ(form.refused_columns(), "refused_line,refused_code,refused_msg,channel_id,name");
  ItemForm first = form_of(csv_options());
  ASSERT_TRUE(first.set_columns({"channel_id", "name"}));
  EXPECT_EQ(from_record(first, {"u", "a,b"}).text, again.text);
  EXPECT_EQ(first.refused_columns(), form.refused_columns());
}

}  // namespace
}  // namespace jindou::caller
