// What the listener of the chat demo answers, without sockets: files with their headers, the
// redirect that names the API, refusals.
#include "pages/demo_site.h"

#include <gtest/gtest.h>

#include <array>

#include "http/answer_fields.h"

namespace jindou::pages {
namespace {

constexpr std::array<PageFile, 2> kFiles = {{
    {"/chatdemo", "text/html; charset=utf-8", "W/\"page\"", false, "<html>", {}},
    {"/assets/a.js", "text/javascript; charset=utf-8", "W/\"script\"", true, "a script", "zipped"},
}};

class DemoSiteTest : public testing::Test {
 protected:
  // The whole answer; nothing is left to handle().
  http::Response get(const std::string& target, std::string_view header = {},
                     std::string_view value = {}, http::Verb verb = http::Verb::get) {
    http::Request request;
    request.set_line(verb, "GET", target, 11);
    request.add_header(http::Field::host, "Host", host_);
    if (header == "Accept-Encoding")
      request.add_header(http::Field::accept_encoding, header, value);
    if (header == "If-None-Match") request.add_header(http::Field::if_none_match, header, value);
    http::Response response;
    EXPECT_FALSE(site_.admit(request, response));
    EXPECT_EQ(http::unknown_answer_field(response.extra_headers), "") << target;
    return response;
  }
  static bool has(const http::Response& response, std::string_view line) {
    return response.extra_headers.find(std::string(line) + "\r\n") != std::string::npos;
  }

  std::string host_ = "im.example.com:5172";
  std::string api_url_ = "http://{}:5001";
  observe::Metrics metrics_;
  DemoSite site_{kFiles,
                 [this](std::string_view asked) {
                   std::string out = api_url_;
                   const auto at = out.find("{}");
                   if (at != std::string::npos) out.replace(at, 2, asked);
                   return out;
                 },
                 metrics_};
};

TEST_F(DemoSiteTest, TheRootLeadsToThePageAndSaysWhereTheApiIs) {
  const http::Response response = get("/");
  EXPECT_EQ(response.status, 302U);
  EXPECT_TRUE(has(response, "Location: chatdemo?apiurl=http%3A%2F%2Fim.example.com%3A5001"));
  EXPECT_TRUE(has(response, "Cache-Control: no-store"));
}

TEST_F(DemoSiteTest, ThePageWithoutAnAddressOfTheApiIsGivenOne) {
  EXPECT_EQ(get("/chatdemo").status, 302U);
  EXPECT_EQ(get("/chatdemo?apiurl=http://a").status, 200U);
}

TEST_F(DemoSiteTest, TheAddressOfTheApiIsToldWhateverTheLinkSays) {
  const http::Response response = get("/api.json?apiurl=http://evil.example");
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, R"({"url":"http://im.example.com:5001"})");
  EXPECT_TRUE(has(response, "Cache-Control: no-store"));
}

TEST_F(DemoSiteTest, WithoutAnApiThePageIsServedAsItIs) {
  api_url_.clear();
  EXPECT_TRUE(has(get("/"), "Location: chatdemo"));
  EXPECT_EQ(get("/chatdemo").status, 200U);
}

TEST_F(DemoSiteTest, AHostCannotAddALineToTheHeader) {
  host_ = "a\r\nSet-Cookie: b&c";
  const http::Response response = get("/");
  EXPECT_TRUE(has(response, "Location: chatdemo?apiurl=http%3A%2F%2Fa%0D%0ASet-Cookie%3A5001"));
}

TEST_F(DemoSiteTest, ThePageIsServedWithAPolicyAndLookedUpAgainEachTime) {
  const http::Response response = get("/chatdemo?apiurl=");
  EXPECT_EQ(response.body, "<html>");
  EXPECT_EQ(response.content_type, "text/html; charset=utf-8");
  EXPECT_TRUE(has(response, "ETag: W/\"page\""));
  EXPECT_TRUE(has(response, "Cache-Control: no-cache"));
  EXPECT_TRUE(has(response, "X-Content-Type-Options: nosniff"));
  EXPECT_NE(response.extra_headers.find("Content-Security-Policy: default-src 'none'"),
            std::string::npos);
}

TEST_F(DemoSiteTest, AssetsAreKeptForeverAndZippedForThoseWhoTakeIt) {
  const http::Response plain = get("/assets/a.js");
  EXPECT_EQ(plain.body, "a script");
  EXPECT_TRUE(has(plain, "Cache-Control: public, max-age=31536000, immutable"));
  EXPECT_TRUE(has(plain, "Vary: Accept-Encoding"));
  const http::Response zipped = get("/assets/a.js", "Accept-Encoding", "deflate, gzip, br");
  EXPECT_EQ(zipped.body, "zipped");
  EXPECT_TRUE(has(zipped, "Content-Encoding: gzip"));
  EXPECT_EQ(get("/assets/a.js", "Accept-Encoding", "gzip;q=0").body, "a script");
  EXPECT_EQ(get("/chatdemo?apiurl=", "Accept-Encoding", "gzip").body, "<html>");
}

TEST_F(DemoSiteTest, WhoHasTheFileIsToldSo) {
  const http::Response response = get("/assets/a.js", "If-None-Match", "W/\"script\"");
  EXPECT_EQ(response.status, 304U);
  EXPECT_TRUE(response.body.empty());
  EXPECT_EQ(get("/assets/a.js", "If-None-Match", "W/\"other\"").status, 200U);
}

TEST_F(DemoSiteTest, NothingElseIsThere) {
  for (const char* path :
       {"/index.html", "/assets/", "/assets/a.js/", "/../etc/passwd", "/route"}) {
    EXPECT_EQ(get(path).status, 404U) << path;
  }
}

TEST_F(DemoSiteTest, OnlyReadingIsPossible) {
  EXPECT_EQ(get("/chatdemo?apiurl=", {}, {}, http::Verb::head).status, 200U);
  const http::Response response = get("/chatdemo", {}, {}, http::Verb::post);
  EXPECT_EQ(response.status, 405U);
  EXPECT_TRUE(has(response, "Allow: GET, HEAD"));
}

TEST_F(DemoSiteTest, WithoutFilesEveryPathSaysHowThePageIsBuilt) {
  DemoSite empty(
      {}, [](std::string_view) { return "http://localhost:5001"; }, metrics_);
  for (const char* path : {"/", "/chatdemo", "/chatdemo?apiurl=a", "/assets/a.js"}) {
    http::Request request;
    request.set_line(http::Verb::get, "GET", path, 11);
    http::Response response;
    EXPECT_FALSE(empty.admit(request, response));
    EXPECT_EQ(response.status, 404U) << path;
    EXPECT_EQ(response.content_type, "text/plain; charset=utf-8") << path;
    EXPECT_NE(response.body.find("make chat"), std::string::npos) << path;
  }
}

}  // namespace
}  // namespace jindou::pages
