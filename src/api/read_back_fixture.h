// What was stored is read back with GET, by requests that must succeed or must fail. For tests.
#pragma once

#include <string>

#include "api/job_routes_fixture.h"

namespace jindou::api {

class ReadBackTest : public JobRoutesTest {
 protected:
  void must_post(const std::string& path, const std::string& body) {
    const Answer answer = post(path, body);
    ASSERT_EQ(answer.status, 200U) << path << ' ' << answer.body;
  }
  // The id of the message.
  std::string sent(const std::string& body) {
    const Answer answer = post("/message/send", body);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return text_of(answer.body, "message_idstr");
  }
  // Five messages of u1, n1 to n5. The id of n3.
  std::string sent_five(const std::string& channel_id, const std::string& channel_type) {
    std::string third;
    for (const std::string number : {"1", "2", "3", "4", "5"}) {
      const std::string id =
          sent(R"({"from_uid":"u1","channel_id":")" + channel_id + R"(","channel_type":)" +
               channel_type + R"(,"payload":"aGk=","client_msg_no":"n)" + number + "\"}");
      if (number == "3") third = id;
    }
    return third;
  }
  std::string read(const std::string& target) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, 200U) << target << ' ' << answer.body;
    return answer.body;
  }
  // What it says why.
  std::string refused(const std::string& target, unsigned status = 400) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, status) << target << ' ' << answer.body;
    return text_of(answer.body, "msg");
  }
};

}  // namespace jindou::api
