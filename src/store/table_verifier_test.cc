// A flipped bit in a table is found though nobody reads it, and by whoever does read it; what is
// merged away is forgotten.
#include "store/table_verifier.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "store/damaged_store_fixture.h"

namespace jindou::store {
namespace {

class VerifiedTables : public DamagedStore {
 protected:
  void write_table() {
    commit(200);
    ASSERT_TRUE(database_->db().Flush(rocksdb::FlushOptions()).ok());
  }
  void wait_for_walk(const TableVerifier& verifier) {
    for (int i = 0; i < 1000; ++i) {
      std::string metrics;
      verifier.append_metrics(metrics);
      if (metrics.find("walks_total 0\n") == std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "no walk came to its end";
  }
  VerifierOptions fast_{std::uint64_t{1} << 30, std::chrono::milliseconds(1)};
};

TEST_F(VerifiedTables, WholeOnesHaveNothingToSay) {
  open();
  write_table();
  write_table();
  TableVerifier verifier(*database_, random_, fast_);
  wait_for_walk(verifier);
  verifier.stop();
  EXPECT_EQ(database_->damage().sentence(), "");
  std::string metrics;
  verifier.append_metrics(metrics);
  EXPECT_EQ(metrics.find("jindou_tables_verified_bytes_total 0\n"), std::string::npos);
}

TEST_F(VerifiedTables, AFlippedBitIsFoundWithoutAReader) {
  open();
  write_table();
  const std::string table = newest(".sst");
  flip(table, 1000);
  TableVerifier verifier(*database_, random_, fast_);
  wait_for_walk(verifier);
  verifier.stop();
  EXPECT_EQ(database_->damage().count(), 1U);
  const std::string name = std::filesystem::path(table).filename().string();
  EXPECT_NE(database_->damage().sentence().find(name), std::string::npos);
  database_->damage().keep_only({});
  EXPECT_EQ(database_->damage().sentence(), "");
}

TEST_F(VerifiedTables, AReaderThatRunsIntoItTellsToo) {
  open();
  write_table();
  const std::string table = newest(".sst");
  close();
  // Among the rows, not where the state of the partition is.
  flip(table, 30'000);
  open();
  const auto read = database_->scan(Table::main, "row", "rox", [](auto, auto) { return true; });
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Errc::storage);
  const std::string name = std::filesystem::path(table).filename().string();
  EXPECT_NE(database_->damage().sentence().find(name), std::string::npos);
}

TEST_F(VerifiedTables, NothingIsReadWhenItIsOff) {
  open();
  TableVerifier verifier(*database_, random_, {0, std::chrono::milliseconds(1)});
  verifier.stop();
}

}  // namespace
}  // namespace jindou::store
