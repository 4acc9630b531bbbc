// The first connections of an order, out of the parts of several shards, against sorting them all.
#include "gateway/connection_survey.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace jindou::gateway {
namespace {

using presence::ConnectionInfo;
using presence::ConnectionPage;
using presence::ConnectionQuery;

ConnectionInfo connection(std::uint64_t id, std::uint64_t in_msgs = 0) {
  ConnectionInfo info;
  info.id = static_cast<SessionId>(id);
  info.traffic.in_msgs = in_msgs;
  return info;
}

std::vector<std::uint64_t> ids(const ConnectionPage& page) {
  std::vector<std::uint64_t> out;
  for (const ConnectionInfo& info : page.connections) out.push_back(raw(info.id));
  return out;
}

using Ids = std::vector<std::uint64_t>;

TEST(PageBuilder, KeepsTheFirstByIdUnlessAnOrderIsGiven) {
  ConnectionQuery query;
  query.keep = 3;
  PageBuilder builder(query);
  for (std::uint64_t id = 1000; id > 0; --id) builder.add(connection(id));
  const ConnectionPage page = builder.take();
  EXPECT_EQ(ids(page), (Ids{1, 2, 3}));
  EXPECT_EQ(page.total, 1000U);
}

TEST(PageBuilder, CountsWithoutKeepingAny) {
  ConnectionQuery query;
  query.keep = 0;
  PageBuilder builder(query);
  for (std::uint64_t id = 1; id <= 200; ++id) builder.add(connection(id));
  const ConnectionPage page = builder.take();
  EXPECT_TRUE(page.connections.empty());
  EXPECT_EQ(page.total, 200U);
}

TEST(ConnectionSurvey, GivesTheFirstOfAllShardsInTheOrderAskedForAndTiesById) {
  for (const std::size_t keep : {1U, 7U, 100U, 5000U}) {
    ConnectionQuery query;
    query.keep = keep;
    query.before = [](const ConnectionInfo& a, const ConnectionInfo& b) {
      return a.traffic.in_msgs > b.traffic.in_msgs;
    };
    ConnectionPage got;
    int calls = 0;
    ConnectionSurvey survey(query, 3, [&](ConnectionPage page) {
      got = std::move(page);
      ++calls;
    });
    std::mt19937 random(7);
    std::vector<ConnectionInfo> all;
    std::uint64_t next_id = 0;
    for (int shard = 0; shard < 3; ++shard) {
      EXPECT_EQ(calls, 0);
      PageBuilder builder(survey.query());
      for (int i = 0; i < 700; ++i) {
        all.push_back(connection(++next_id, random() % 50));
        builder.add(all.back());
      }
      survey.add_shard(builder.take());
    }
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(got.total, all.size());
    std::stable_sort(all.begin(), all.end(), query.before);
    all.resize(std::min(keep, all.size()));
    ConnectionPage expected;
    expected.connections = all;
    EXPECT_EQ(ids(got), ids(expected)) << keep;
  }
}

}  // namespace
}  // namespace jindou::gateway
