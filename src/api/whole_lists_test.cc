// Lists of users that have no pages: up to how many they are answered.
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "api/read_back_fixture.h"

namespace jindou::api {
namespace {

class WholeLists : public ReadBackTest {
 protected:
  void SetUp() override {
    ReadBackTest::SetUp();
    ApiOptions options;
    options.whole_list_max = 3;
    configure(options);
  }
};

TEST_F(WholeLists, TheAllowlistOfAChannel) {
  const std::string list = "/channel/whitelist?channel_id=g1&channel_type=2";
  EXPECT_EQ(read(list), "[]");
  must_post("/channel/whitelist_set",
            R"({"channel_id":"g1","channel_type":2,"uids":["c","a","b"]})");
  EXPECT_EQ(read(list), R"([{"id":1,"uid":"a"},{"id":2,"uid":"b"},{"id":3,"uid":"c"}])");
  EXPECT_EQ(read(list + "&detail=0"), R"(["a","b","c"])");
  must_post("/channel/whitelist_add", R"({"channel_id":"g1","channel_type":2,"uids":["d"]})");
  EXPECT_EQ(refused(list, 413),
            "the list has more than 3 users (api.wholeListMax): GET /channel/subscribers, "
            "/channel/denylist and /channel/allowlist read lists page by page");
  // As it says.
  EXPECT_TRUE(has(read("/channel/allowlist?channel_id=g1&channel_type=2"), R"({"uid":"d"})"));
  must_post("/channel/whitelist_remove", R"({"channel_id":"g1","channel_type":2,"uids":["a"]})");
  EXPECT_EQ(read(list + "&detail=0"), R"(["b","c","d"])");
}

TEST_F(WholeLists, OfTheV2Manager) {
  const std::string list = "/cluster/channels/g1/2/subscribers";
  must_post("/channel", R"({"channel_id":"g1","channel_type":2,"subscribers":["a","b","c"]})");
  EXPECT_EQ(read(list), R"(["a","b","c"])");
  must_post("/channel/subscriber_add",
            R"({"channel_id":"g1","channel_type":2,"subscribers":["d"]})");
  EXPECT_TRUE(has(refused(list, 413), "page by page"));
}

// As long as it is not known how long it is, it is taken for a short one.
TEST_F(WholeLists, TakeRoomForWhatTheyHold) {
  ApiOptions options;
  configure(options);
  const std::string list = "/channel/whitelist?detail=0&channel_type=2&channel_id=";
  must_post("/channel/whitelist_set", R"({"channel_id":"g1","channel_type":2,"uids":["a","b"]})");
  std::promise<void> may_read;
  std::shared_future<void> freed = may_read.get_future().share();
  ASSERT_TRUE(blocking_.post([freed] { freed.wait(); }));
  std::thread reads([&] { EXPECT_EQ(read(list + "g1"), R"(["a","b"])"); });
  while (options.read_budget->used() == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_LE(options.read_budget->used(), std::size_t{128'000});
  may_read.set_value();
  reads.join();
  // A longer one is read again.
  std::string uids;
  std::string sorted;
  for (int i = 3000; i > 1000; --i) uids += (uids.empty() ? "\"" : ",\"") + std::to_string(i) + '"';
  for (int i = 1001; i <= 3000; ++i) {
    sorted += (sorted.empty() ? "\"" : ",\"") + std::to_string(i) + '"';
  }
  must_post("/channel/whitelist_set",
            R"({"channel_id":"g2","channel_type":2,"uids":[)" + uids + "]}");
  EXPECT_EQ(read(list + "g2"), '[' + sorted + ']');
  must_post("/user/systemuids_add", R"({"uids":[)" + uids + "]}");
  EXPECT_EQ(read("/user/systemuids"), '[' + sorted + ']');
  EXPECT_EQ(options.read_budget->used(), 0U);
}

TEST_F(WholeLists, SystemAccounts) {
  must_post("/user/systemuids_add", R"({"uids":["c","a","b"]})");
  EXPECT_EQ(read("/user/systemuids"), R"(["a","b","c"])");
  EXPECT_TRUE(has(read("/manager/system-users"), R"("total":3)"));
  must_post("/user/systemuids_add", R"({"uids":["d"]})");
  EXPECT_TRUE(has(refused("/user/systemuids", 413), "more than 3 users (api.wholeListMax)"));
  EXPECT_TRUE(has(refused("/manager/system-users", 413), "raise that setting"));
}

}  // namespace
}  // namespace jindou::api
