// Routes of jobs, with somebody who runs them. For tests.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/routes_fixture.h"
#include "api/scripted_stream.h"
#include "jobs/runner.h"
#include "partition/owned_partitions.h"

namespace jindou::api {

inline constexpr const char* kAsync = "/message/sendbatch?async=true";
// A job that waits.
inline constexpr const char* kLater = "/message/sendbatch?async=true&not_before=99999999999";

class JobRoutesTest : public RoutesTest {
 protected:
  void SetUp() override {
    RoutesTest::SetUp();
    for (const PartitionId id : PartitionMap(4).ids()) owned_.begin(id);
    jobs::RunnerDeps deps{
        .readers = {*database_, PartitionMap(4)},
        .clock = clock_,
        .random = random_,
        .owned = owned_,
        .changed = changed_jobs_,
        .post_send =
            [this](std::vector<SendCommand>&& commands, partition::SendDone done) {
              return core_->post_send(std::move(commands), std::move(done));
            },
        .post_change =
            [this](partition::Change change, std::function<void(Result<void>)> done) {
              return core_->post_change(std::move(change), std::move(done));
            },
        .post_all =
            [this](std::vector<partition::Command> commands, partition::Transaction::Done done) {
              return core_->post_all(std::move(commands), std::move(done));
            },
        .history = *history_,
        .options =
            [] {
              jobs::RunnerOptions options;
              // Longer than any test: none waits for it.
              options.send_timeout = std::chrono::minutes(10);
              return options;
            },
        .find_key = [](std::string_view) { return ApiKeyPtr(); },
    };
    runner_ = std::make_unique<jobs::Runner>(std::move(deps));
    runner_->start();
  }
  void TearDown() override {
    runner_.reset();
    RoutesTest::TearDown();
  }

  Answer get(const std::string& target) { return call(Verb::get, target); }
  static std::string text_of(const std::string& json, const std::string& member) {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    EXPECT_EQ(parser.parse(json).get(root), simdjson::SUCCESS) << json;
    std::string_view text;
    EXPECT_EQ(root[member].get(text), simdjson::SUCCESS) << json;
    return std::string(text);
  }
  static std::uint64_t number_of(const std::string& json, const std::string& member) {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    EXPECT_EQ(parser.parse(json).get(root), simdjson::SUCCESS) << json;
    std::uint64_t number = 0;
    EXPECT_EQ(root[member].get(number), simdjson::SUCCESS) << json;
    return number;
  }
  // Of a request that was answered 202.
  static std::string id_of(const Answer& answer) {
    EXPECT_EQ(answer.status, 202U) << answer.body;
    const std::string id = text_of(answer.body, "id");
    EXPECT_TRUE(has(answer.headers, "Location: /jobs/" + id + "\r\n")) << answer.headers;
    return id;
  }
  std::string job(const std::string& id) {
    const Answer answer = get("/jobs/" + id);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return answer.body;
  }
  std::string wait_for(const std::string& id, const std::string& state) {
    for (int i = 0; i < 12'000; ++i) {
      const std::string found = job(id);
      if (text_of(found, "state") == state) return found;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << job(id);
    return job(id);
  }
  Answer act(const std::string& id, const std::string& action) {
    return call(Verb::post, "/jobs/" + id + "/" + action);
  }
  Answer upload(ScriptedStream& stream, const std::string& target = kAsync) {
    return call(Verb::post, target, "", "", {{"Content-Type", "application/x-ndjson"}}, &stream);
  }
  std::string results(const std::string& id, const std::string& query = "") {
    ScriptedStream stream({});
    const Answer answer = call(Verb::get, "/jobs/" + id + "/results" + query, "", "", {}, &stream);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return stream.written();
  }
  std::size_t jobs_listed() {
    const std::string body = get("/jobs").body;
    std::size_t count = 0;
    for (std::size_t at = 0; (at = body.find("\"id\"", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  partition::OwnedPartitions owned_{4};
  std::unique_ptr<jobs::Runner> runner_;
};

}  // namespace jindou::api
