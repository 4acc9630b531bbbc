#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <memory>
#include <string>

#include "base/varint.h"
#include "store/damaged_store_fixture.h"
#include "store/index_progress.h"

namespace jindou::store {
namespace {

class Upgrade : public DamagedStore {
 protected:
  // Writes the identity anew, with that format.
  void set_format(char format) {
    std::string value;
    ASSERT_TRUE(database_->get(Table::main, store_identity_key(), value).value());
    value[0] = format;
    ASSERT_TRUE(database_->db().Put({}, store_identity_key(), value).ok());
  }
};

TEST_F(Upgrade, ProgressOfTheIndexMovesToItsTable) {
  open();
  // What format 1 wrote: format, position, id bound, indexed to, stamp.
  std::string state("\x01", 1);
  for (const std::uint64_t field : {5ULL, 65'536ULL, 1234ULL, 1'700'000'000'000'000'000ULL}) {
    append_varint(state, field);
  }
  ASSERT_TRUE(database_->db().Put({}, partition_state_key(PartitionId{1}), state).ok());
  set_format(1);
  close();
  open();
  EXPECT_EQ(load_index_progress({*database_, PartitionId{1}}).value(), 1234U);
  EXPECT_EQ(load_index_progress({*database_, PartitionId{0}}).value(), 0U);
  std::string value;
  ASSERT_TRUE(database_->get(Table::main, store_identity_key(), value).value());
  EXPECT_EQ(value[0], kStoreFormat);
  // Once: what the table says since then counts.
  ASSERT_TRUE(database_->db().Put({}, partition_state_key(PartitionId{0}), state).ok());
  close();
  open();
  EXPECT_EQ(load_index_progress({*database_, PartitionId{0}}).value(), 0U);
}

// There is no way back from an upgrade: what else may keep the server from starting comes first.
TEST_F(Upgrade, AStartThatFailsForTheFileOfTheClusterLeavesTheFormat) {
  open();
  set_format(3);
  close();
  options_.identity_file = "/no/such/directory/identity";
  EXPECT_FALSE(Database::open(options_, random_).has_value());
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::OpenForReadOnly({}, options_.directory, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::string value;
  ASSERT_TRUE(db->Get({}, store_identity_key(), &value).ok());
  EXPECT_EQ(value[0], 3);
}

TEST_F(Upgrade, ANewerFormatIsRefusedWithWhatToDo) {
  open();
  set_format(kStoreFormat + 1);
  close();
  const auto refused = Database::open(options_, random_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().text().find("format 6"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().text().find("newer version"), std::string::npos);
}

}  // namespace
}  // namespace jindou::store
