// Versions of templates count up and are never used again; what there is can be read.
#include "partition/templates.h"

#include <gtest/gtest.h>

#include "observe/metrics.h"
#include "partition/record_reader.h"
#include "partition/simulation/lone_partition.h"

namespace jindou::partition {
namespace {

using simulation::LonePartition;
using simulation::MemoryStore;

class TemplatesTest : public ::testing::Test {
 protected:
  RecordReader reader() const {
    return RecordReader(store::PartitionReaders(world_->memory, PartitionMap(1)));
  }
  void restart(const PartitionOptions& options = {}) {
    const MemoryStore kept = world_->memory;
    world_ = std::make_unique<LonePartition>(kept, options);
  }
  std::optional<Errc> put(const std::string& name, std::uint64_t version,
                          const std::string& payload = "p") {
    return world_->run(StoreTemplate{name, version, payload, 7});
  }
  std::optional<Errc> remove(const std::string& name, std::uint64_t version = 0) {
    return world_->run(DeleteTemplate{name, version});
  }
  std::uint64_t next(const std::string& name) const {
    return reader().load_next_template_version(name).value();
  }
  // "3: payload"; empty: there is none.
  std::string read(const std::string& name, std::uint64_t version = 0) const {
    const auto found = reader().load_template_version(name, version).value();
    return found ? std::to_string(found->version) + ": " + found->payload : "";
  }

  std::unique_ptr<LonePartition> world_ = std::make_unique<LonePartition>(MemoryStore());
};

TEST_F(TemplatesTest, VersionsCountUp) {
  EXPECT_EQ(next("a"), 1U);
  EXPECT_FALSE(put("a", 1, "one"));
  EXPECT_FALSE(put("a", 2, "two"));
  EXPECT_FALSE(put("b", 1, "other"));
  EXPECT_EQ(next("a"), 3U);
  EXPECT_EQ(read("a"), "2: two");
  EXPECT_EQ(read("a", 1), "1: one");
  EXPECT_EQ(read("a", 3), "");
  EXPECT_EQ(read("c"), "");
  const auto first = reader().load_template_version("a", 1).value();
  EXPECT_EQ(first->created_at, 7);
  EXPECT_EQ(first->versions, (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(TemplatesTest, HowManyThereAreIsTold) {
  observe::Metrics metrics;
  observe::Gauge& stored = metrics.templates;
  EXPECT_FALSE(put("a", 1));
  EXPECT_FALSE(put("b", 1));
  {
    const store::PartitionReader rows(world_->memory, PartitionId{0});
    Templates templates(PartitionId{0}, {}, &stored);
    const Templates others(PartitionId{1}, {}, &stored);
    ASSERT_TRUE(templates.open(rows));
    EXPECT_EQ(stored.Value(), 2);
    Txn txn(1);
    const auto point = txn.save();
    EXPECT_TRUE(templates.evaluate(StoreTemplate{"c", 1, "p", 7}, txn));
    EXPECT_TRUE(templates.evaluate(StoreTemplate{"c", 2, "p", 7}, txn));
    EXPECT_EQ(stored.Value(), 3);
    txn.roll_back(point);
    EXPECT_EQ(stored.Value(), 2);
    EXPECT_TRUE(templates.evaluate(DeleteTemplate{"a", 0}, txn));
    EXPECT_EQ(stored.Value(), 1);
    // What was not stored is there again.
    ASSERT_TRUE(templates.open(rows));
    EXPECT_EQ(stored.Value(), 2);
  }
  // The partition is another node's.
  EXPECT_EQ(stored.Value(), 0);
}

TEST_F(TemplatesTest, WhoeverWasSlowerIsTold) {
  EXPECT_FALSE(put("a", 1));
  for (const std::uint64_t version : {0U, 1U, 3U}) {
    EXPECT_EQ(put("a", version), Errc::conflict) << version;
  }
  EXPECT_EQ(put("b", 2), Errc::conflict);
  EXPECT_EQ(read("a"), "1: p");
  EXPECT_EQ(read("b"), "");
}

TEST_F(TemplatesTest, NumbersAreNeverUsedAgain) {
  for (const std::uint64_t version : {1U, 2U, 3U}) EXPECT_FALSE(put("a", version));
  EXPECT_FALSE(remove("a", 3));
  EXPECT_EQ(read("a"), "2: p");
  EXPECT_EQ(next("a"), 4U);
  EXPECT_EQ(remove("a", 3), Errc::not_found);
  restart();
  EXPECT_EQ(put("a", 3), Errc::conflict);
  EXPECT_FALSE(put("a", 4));
  EXPECT_FALSE(remove("a"));
  EXPECT_EQ(read("a", 1), "");
  EXPECT_EQ(remove("a"), Errc::not_found);
  EXPECT_EQ(remove("a", 1), Errc::not_found);
  // Nobody remembers whose numbers they were, so no new template gets them.
  EXPECT_EQ(next("a"), 5U);
  EXPECT_EQ(next("b"), 5U);
  restart();
  EXPECT_EQ(put("a", 1), Errc::conflict);
  EXPECT_FALSE(put("a", 5, "again"));
  EXPECT_EQ(read("a"), "5: again");
}

TEST_F(TemplatesTest, WithItsLastVersionATemplateIsGone) {
  EXPECT_FALSE(put("a", 1));
  EXPECT_FALSE(remove("a", 1));
  EXPECT_EQ(read("a"), "");
  EXPECT_EQ(next("a"), 2U);
  // Only the floor is left.
  std::size_t rows = 0;
  for (const auto& [key, value] : world_->rows()) {
    if (key.size() >= 3 && static_cast<unsigned char>(key[2]) >= 0x60) ++rows;
  }
  EXPECT_EQ(rows, 1U);
}

TEST_F(TemplatesTest, ThereAreAsManyAsThereMayBe) {
  PartitionOptions options;
  options.templates.per_partition_max = 2;
  options.templates.versions_max = 2;
  restart(options);
  EXPECT_FALSE(put("a", 1));
  EXPECT_FALSE(put("a", 2));
  EXPECT_EQ(put("a", 3), Errc::too_large);
  EXPECT_FALSE(remove("a", 1));
  EXPECT_FALSE(put("a", 3));
  EXPECT_FALSE(put("b", 1));
  EXPECT_EQ(put("c", 1), Errc::too_large);
  EXPECT_FALSE(remove("b"));
  EXPECT_FALSE(put("c", 2));
}

TEST_F(TemplatesTest, AreListedByName) {
  for (const char* name : {"b", "a-1", "a", "B", "c"}) EXPECT_FALSE(put(name, 1));
  EXPECT_FALSE(put("b", 2));
  const auto names = [this](std::string_view after, std::size_t count) {
    std::string out;
    const auto found = reader().load_templates(after, count).value();
    for (const TemplateInfo& info : found) {
      out += info.name + std::to_string(info.versions.size()) + " ";
    }
    return out;
  };
  EXPECT_EQ(names("", 10), "B1 a1 a-11 b2 c1 ");
  EXPECT_EQ(names("", 2), "B1 a1 ");
  EXPECT_EQ(names("a", 2), "a-11 b2 ");
  EXPECT_EQ(names("b", 10), "c1 ");
  EXPECT_EQ(names("c", 10), "");
}

}  // namespace
}  // namespace jindou::partition
