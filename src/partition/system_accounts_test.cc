#include "partition/system_accounts.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "partition/core_fixture.h"

namespace jindou::partition {
namespace {

// A store in which something happens whenever it has been scanned.
class Interrupted final : public store::Reader {
 public:
  Interrupted(const store::Reader& reader, std::function<void()> behind_a_scan)
      : reader_(reader), behind_a_scan_(std::move(behind_a_scan)) {}
  std::unique_ptr<store::Cursor> open_cursor(store::Table table) const override {
    return reader_.open_cursor(table);
  }
  Result<bool> get(store::Table table, std::string_view key, std::string& value) const override {
    return reader_.get(table, key, value);
  }
  Result<void> scan(store::Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override {
    auto scanned = reader_.scan(table, lower, upper, visit);
    behind_a_scan_();
    return scanned;
  }
  Result<void> scan_backward(store::Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override {
    return reader_.scan_backward(table, lower, upper, visit);
  }

 private:
  const store::Reader& reader_;
  std::function<void()> behind_a_scan_;
};

class StoredAccounts : public Core {};

TEST_F(StoredAccounts, AChangeWhileTheyAreReadIsNotLost) {
  const PartitionMap map(database_->partitions());
  ChangeSystemAccounts add;
  add.uids = {"robot"};
  SystemAccounts accounts;
  int scans = 0;
  const Interrupted reader(*database_, [&] {
    if (++scans > 1) return;
    // As a commit is followed that was applied behind the scan.
    ASSERT_TRUE(change(add).has_value());
    accounts.follow({{"robot", true}});
  });
  const store::PartitionReaders readers(reader, map);
  ASSERT_TRUE(accounts.load(readers.of_system_accounts()).has_value());
  EXPECT_EQ(accounts.list(), std::vector<std::string>{"robot"});
  EXPECT_EQ(scans, 2);
}

}  // namespace
}  // namespace jindou::partition
