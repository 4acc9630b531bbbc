// /templates: storing, reading, deleting; and batches that name templates.
#include "api/routes_fixture.h"

namespace jindou::api {
namespace {

class TemplateRoutesTest : public RoutesTest {
 protected:
  Answer store(const std::string& name, const std::string& payload) {
    return post("/templates", R"({"name":")" + name + R"(","payload":)" + payload + "}");
  }
  Answer get(const std::string& target) { return call(Verb::get, target); }
  Answer remove(const std::string& target) { return call(Verb::delete_, target); }
  Answer batch(const std::string& item) {
    return post("/message/sendbatch",
                R"([{"from_uid":"u1","channel_id":"g1","channel_type":2,)" + item + "}]");
  }
};

TEST_F(TemplateRoutesTest, AreStoredInVersions) {
  Answer answer = store("hi", R"({"t":"Hi {{name}} {{ad}}"})");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, R"({"status":200,"name":"hi","version":1,"variables":["name","ad"]})");
  EXPECT_TRUE(has(store("hi", R"("eA==")").body, "\"version\":2,\"variables\":[]"));
  EXPECT_TRUE(has(store("bye", R"("eA==")").body, "\"version\":1"));
  EXPECT_EQ(get("/templates").body, R"({"templates":[{"name":"bye","version":1,"versions":[1]},)"
                                    R"({"name":"hi","version":2,"versions":[1,2]}],"more":0})");
  EXPECT_EQ(get("/templates?limit=1").body,
            R"({"templates":[{"name":"bye","version":1,"versions":[1]}],"more":1})");
  EXPECT_TRUE(has(get("/templates?after=bye").body, R"([{"name":"hi")"));
  EXPECT_TRUE(has(get("/templates/hi").body, R"("version":2,"created_at":)"));
  EXPECT_TRUE(
      has(get("/templates/hi").body, R"("payload":"eA==","variables":[],"versions":[1,2]})"));
  EXPECT_TRUE(has(get("/templates/hi?version=1").body, R"("variables":["name","ad"])"));
}

TEST_F(TemplateRoutesTest, AreDeletedWholeOrByVersion) {
  for (int i = 0; i < 3; ++i) store("hi", R"("eA==")");
  EXPECT_EQ(remove("/templates/hi?version=3").body, R"({"status":200})");
  EXPECT_TRUE(has(get("/templates/hi").body, R"("version":2)"));
  EXPECT_EQ(get("/templates/hi?version=3").status, 404U);
  EXPECT_EQ(remove("/templates/hi?version=3").status, 404U);
  EXPECT_TRUE(has(store("hi", R"("eA==")").body, "\"version\":4"));
  EXPECT_EQ(remove("/templates/hi").status, 200U);
  EXPECT_EQ(get("/templates/hi").status, 404U);
  EXPECT_TRUE(has(remove("/templates/hi").body, R"(there is no template \"hi\"")"));
  EXPECT_TRUE(has(remove("/templates/hi?version=1").body,
                  R"(there is no template \"hi\" with the version 1")"));
  EXPECT_TRUE(has(store("hi", R"("eA==")").body, "\"version\":5"));
}

TEST_F(TemplateRoutesTest, CheckWhatTheyAreGiven) {
  const auto told = [](const Answer& answer) {
    return std::to_string(answer.status) + " " +
           answer.body.substr(0, answer.body.find("\",\"error\""));
  };
  EXPECT_EQ(told(post("/templates", R"({"payload":{}})")),
            R"(400 {"status":400,"msg":"name is required)");
  EXPECT_EQ(told(store("a b", "{}")),
            R"(400 {"status":400,"msg":"name must have only letters, digits, '.', '_' and '-')");
  EXPECT_EQ(told(post("/templates", R"({"name":"a"})")),
            R"(400 {"status":400,"msg":"payload is required)");
  EXPECT_TRUE(has(store("a", R"({"t":"{{name"})").body, R"(payload has \"{{\" at byte 6 without)"));
  EXPECT_TRUE(has(get("/templates/a%20b").body, "the name in the path must have only"));
  EXPECT_TRUE(has(get("/templates/a?version=x").body, "version must be a number from 1"));
  EXPECT_TRUE(has(remove("/templates/a?version=4294967296").body, "version must be a number"));
  EXPECT_EQ(get("/templates?limit=1001").status, 400U);
  EXPECT_EQ(get("/templates?after=%2F").status, 400U);
  EXPECT_EQ(get("/templates").body, R"({"templates":[],"more":0})");
}

TEST_F(TemplateRoutesTest, BatchesNameThem) {
  store("hi", R"({"t":"Hi {{name}}"})");
  store("hi", R"({"t":"Hello {{name}}"})");
  EXPECT_EQ(batch(R"("template":"hi","vars":{"name":"A"})").status, 200U);
  EXPECT_TRUE(has(get("/channel/last_message?channel_type=2&channel_id=g1").body,
                  "eyJ0IjoiSGVsbG8gQSJ9"));  // {"t":"Hello A"}
  EXPECT_EQ(batch(R"("template":"hi","template_version":1,"vars":{"name":"A"})").status, 200U);
  EXPECT_TRUE(has(get("/channel/last_message?channel_type=2&channel_id=g1").body,
                  "eyJ0IjoiSGkgQSJ9"));  // {"t":"Hi A"}
  EXPECT_TRUE(has(batch(R"("template":"hi")").body,
                  R"(item 0: vars has no \"name\", which template \"hi\" names at byte 12)"));
  remove("/templates/hi?version=1");
  const Answer gone = batch(R"("template":"hi","template_version":1,"client_msg_no":"n")");
  EXPECT_EQ(gone.status, 400U);
  EXPECT_TRUE(has(gone.body, R"("index":0,"field":"template","client_msg_no":"n",)"
                             R"("code":"not_found","msg":"template \"hi\" has no version 1")"))
      << gone.body;
  remove("/templates/hi");
  EXPECT_TRUE(has(batch(R"("template":"hi")").body, R"(template \"hi\" does not exist)"));
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":2}");
}

// A reading ends at the last problem that is told; the next one, which knows the first template,
// has fewer to tell and gets to the second.
TEST_F(TemplateRoutesTest, AreLookedUpUntilNoneIsWanted) {
  store("a", R"("MDEyMzQ1Njc4OQ==")");  // 0123456789
  store("b", R"("eA==")");
  ApiOptions options;
  options.send.problems_max = 2;
  options.send.expanded_bytes_max = 5;
  configure(options);
  const std::string to = R"({"from_uid":"u1","channel_id":"g1","channel_type":2,)";
  const std::string lacks = to + R"("payload":["{{n}}"],"vars":{}},)";
  const Answer answer = post("/message/sendbatch", "[" + to + R"("template":"a"},)" + lacks +
                                                       lacks + to + R"("template":"b"}])");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_TRUE(has(answer.body, "api.maxExpandedBytes")) << answer.body;
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":0}");
}

}  // namespace
}  // namespace jindou::api
