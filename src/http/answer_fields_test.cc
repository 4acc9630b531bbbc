#include "http/answer_fields.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

namespace jindou::http {
namespace {

// The names that the header field `field` lists.
std::set<std::string> listed_in_cors(std::string_view field) {
  std::string_view text = cors_fields();
  text.remove_prefix(text.find(std::string(field) + ": ") + field.size() + 2);
  text = text.substr(0, text.find("\r\n"));
  std::set<std::string> names;
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find(", "));
    text.remove_prefix(std::min(text.size(), name.size() + 2));
    names.emplace(name);
  }
  return names;
}

TEST(AnswerFields, PagesSeeWhatACallerActsOn) {
  const auto exposed = listed_in_cors("Access-Control-Expose-Headers");
  for (const char* name : {"RateLimit", "RateLimit-Policy", "Batch-Advice", "Location",
                           "Retry-After", "Idempotency-Replay", "X-Batch-Failed", "ETag", "Allow",
                           "Preference-Applied", "Trace-Id"}) {
    EXPECT_TRUE(exposed.contains(name)) << name;
  }
  // Browsers ignore the wildcard with credentials.
  EXPECT_FALSE(exposed.contains("*"));
  for (const std::string& name : exposed) {
    ASSERT_NE(find_answer_field(name), nullptr) << name;
    EXPECT_EQ(find_answer_field(name)->seen, SeenByPages::named) << name;
  }
}

TEST(AnswerFields, PagesMaySendWhatRequestsAreToldToHave) {
  const auto allowed = listed_in_cors("Access-Control-Allow-Headers");
  for (const char* name :
       {"Content-Type", "Content-Encoding", "token", "Authorization", "Idempotency-Key", "Prefer",
        "Last-Event-ID", "Jindou-Strict", "traceparent", "tracestate"}) {
    EXPECT_TRUE(allowed.contains(name)) << name;
  }
}

TEST(AnswerFields, ACorsFieldIsAnAnswerFieldToo) {
  EXPECT_EQ(unknown_answer_field(cors_fields()), "");
}

TEST(AnswerFields, NamesTheFirstFieldThatIsNotInTheTable) {
  EXPECT_EQ(unknown_answer_field(""), "");
  EXPECT_EQ(unknown_answer_field("retry-after: 1\r\nX-New: a: b\r\nX-Other: 2\r\n"), "X-New");
}

}  // namespace
}  // namespace jindou::http
