// Routes whose path has a parameter, and methods beside GET and POST.
#include "api/router.h"

#include "api/routes_fixture.h"
#include "codec/json_writer.h"

namespace jindou::api {
namespace {

Task<void> answer_name(Services&, Request& request, Response& response) {
  codec::JsonWriter json(response.body);
  json.string(path_parameter(request));
  co_return;
}
Task<void> answer_all(Services&, Request&, Response& response) {
  codec::JsonWriter json(response.body);
  json.string("all");
  co_return;
}

Task<void> answer_part(Services&, Request& request, Response& response) {
  codec::JsonWriter json(response.body);
  json.string(std::string(path_parameter(request, "/things/")) + "'s part");
  co_return;
}

Task<void> answer_two(Services&, Request& request, Response& response) {
  codec::JsonWriter json(response.body);
  json.string(std::string(second_path_parameter(request, "/pairs/")) + " of " +
              std::string(path_parameter(request, "/pairs/")));
  co_return;
}

bool streams_each_time(const Request&) { return true; }

constexpr Route kRoutes[] = {
    {Verb::get, "/things", answer_all, Auth::open, ""},
    {Verb::get, "/things/{name}", answer_name, Auth::open, ""},
    {Verb::delete_, "/things/{name}", answer_name, Auth::open, ""},
    {Verb::get, "/things/all", answer_all, Auth::open, ""},
    {Verb::post, "/things/{name}/part", answer_part, Auth::open, ""},
    {Verb::get, "/pairs/{a}/{b}", answer_two, Auth::open, ""},
    {Verb::get, "/pairs/{a}/{b}/part", answer_two, Auth::open, ""},
    {Verb::get, "/there/{name}", answer_all, Auth::open, "", Ports::manager},
    {Verb::get, "/there/{name}/part", answer_all, Auth::open, "", Ports::manager},
    {.method = Verb::get,
     .path = "/lines",
     .handler = answer_all,
     .auth = Auth::open,
     .summary = "",
     .streams = streams_each_time},
};

class RouterTest : public RoutesTest {
 protected:
  void SetUp() override {
    RoutesTest::SetUp();
    router_ = std::make_unique<Router>(*services_, kRoutes, Port::api);
  }
  std::string get(const std::string& target) { return call(Verb::get, target).body; }
};

TEST_F(RouterTest, WhatARouteAnswersIsCountedFromTheStart) {
  const std::string text = metrics_.render();
  for (const char* route : {"/things", "/things/{name}", "/pairs/{a}/{b}/part"}) {
    for (const char* status : {"200", "429", "500", "503"}) {
      EXPECT_TRUE(has(text, "\njindou_http_requests_total{route=\"" + std::string(route) +
                                "\",status=\"" + status + "\"} 0\n"))
          << route << ' ' << status;
    }
  }
  EXPECT_FALSE(has(text, "route=\"/there")) << "of the other port";
}

TEST_F(RouterTest, HowLongAStreamLastsIsNoTimeOfARequest) {
  get("/lines");
  get("/things");
  const std::string text = metrics_.render();
  for (const char* route : {"/lines", "/things"}) {
    EXPECT_TRUE(has(text, "\njindou_http_requests_total{route=\"" + std::string(route) +
                              "\",status=\"200\"} 1\n"))
        << route;
  }
  EXPECT_FALSE(has(text, "jindou_http_request_seconds_count{route=\"/lines\""));
  EXPECT_TRUE(has(text, "\njindou_http_request_seconds_count{route=\"/things\"} 1\n"));
  EXPECT_TRUE(has(text, "\njindou_http_stream_seconds_count 1\n"));
}

TEST_F(RouterTest, ALastPartMayBeAny) {
  EXPECT_EQ(get("/things/a"), "\"a\"");
  EXPECT_EQ(get("/things/a.b-c?x=1/2"), "\"a.b-c\"");
  EXPECT_EQ(get("/things/%20"), "\"%20\"");
  EXPECT_EQ(call(Verb::delete_, "/things/a").body, "\"a\"");
  EXPECT_EQ(get("/things"), "\"all\"");
  // A path of its own goes first.
  EXPECT_EQ(get("/things/all"), "\"all\"");
}

TEST_F(RouterTest, ThePartBeforeTheLastMayBeAny) {
  EXPECT_EQ(call(Verb::post, "/things/a/part").body, "\"a's part\"");
  EXPECT_EQ(call(Verb::post, "/things/part/part?x=/").body, "\"part's part\"");
  EXPECT_EQ(call(Verb::get, "/things/a/part").status, 405U);
  // The last part of another route.
  EXPECT_EQ(get("/things/part"), "\"part\"");
}

TEST_F(RouterTest, TwoPartsInARowMayBeAny) {
  EXPECT_EQ(get("/pairs/a/b"), "\"b of a\"");
  EXPECT_EQ(get("/pairs/a/part"), "\"part of a\"");
  EXPECT_EQ(get("/pairs/a/b/part?x=/y"), "\"b of a\"");
  EXPECT_EQ(get("/pairs/a%2Fc/b/part"), "\"b of a%2Fc\"");
  for (const char* path : {"/pairs/a", "/pairs/a/", "/pairs//b", "/pairs/a//part", "/pairs//b/part",
                           "/pairs/a/b/c", "/pairs/a/b/c/part", "/pairs/a/b/"}) {
    EXPECT_EQ(call(Verb::get, path).status, 404U) << path;
  }
}

TEST_F(RouterTest, OtherPartsMayNot) {
  for (const char* path : {"/things/", "/things/a/b", "/things/a/", "/other/a", "/things//a",
                           "/things//part", "/things/a/b/part", "/things/a/part/", "/part", "/"}) {
    EXPECT_EQ(call(Verb::get, path).status, 404U) << path;
  }
}

TEST_F(RouterTest, MethodsAreNamed) {
  const Answer answer = call(Verb::post, "/things/a", "{}");
  EXPECT_EQ(answer.status, 405U);
  EXPECT_EQ(answer.headers, "Allow: OPTIONS, GET, HEAD, DELETE\r\n");
  EXPECT_TRUE(has(answer.body, "this path answers GET, HEAD, DELETE only")) << answer.body;
}

TEST_F(RouterTest, PathsOfTheOtherPort) {
  for (const char* path : {"/there/x", "/there/x/part"}) {
    EXPECT_TRUE(has(get(path), "the manager port (manager.addr) serves it")) << path;
  }
}

}  // namespace
}  // namespace jindou::api
