// Whole files are read as they were written; of a damaged one the reader names the place and finds
// every record that does not touch it.
#include "store/log_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/log_test_writer.h"

namespace jindou::store {
namespace {

struct Read {
  std::vector<std::string> records;
  std::vector<std::uint64_t> offsets;
  std::vector<LogDamage> damage;
};

Read read_all(const std::string& bytes) {
  LogFileReader reader([&bytes](std::uint64_t offset) -> Result<std::string_view> {
    if (offset >= bytes.size()) return std::string_view();
    return std::string_view(bytes).substr(offset, kLogBlockBytes);
  });
  Read read;
  for (;;) {
    const auto step = reader.next();
    EXPECT_TRUE(step.has_value());
    if (!step || *step == LogFileReader::Step::end) return read;
    if (*step == LogFileReader::Step::damage) {
      read.damage.push_back(reader.damage());
      continue;
    }
    read.records.emplace_back(reader.record().bytes);
    read.offsets.push_back(reader.record().offset);
  }
}

// Of many sizes, some longer than a block, some ending right at one.
std::vector<std::string> many_records() {
  std::vector<std::string> records;
  for (const std::size_t size : {0, 1, 100, 32754, 7, 32761, 200'000, 50, 32740, 9, 4}) {
    records.emplace_back(size, static_cast<char>('a' + records.size()));
  }
  return records;
}

std::string written(const std::vector<std::string>& records) {
  LogTestWriter writer;
  for (const auto& record : records) writer.add(record);
  return writer.bytes();
}

TEST(LogFile, ReadsWhatWasWritten) {
  const auto records = many_records();
  const Read read = read_all(written(records));
  EXPECT_EQ(read.records, records);
  EXPECT_TRUE(read.damage.empty());
}

TEST(LogFile, AnEmptyFileHasNoRecords) {
  const Read read = read_all("");
  EXPECT_TRUE(read.records.empty());
  EXPECT_TRUE(read.damage.empty());
}

TEST(LogFile, FindsTheRecordsBehindDamage) {
  std::vector<std::string> records;
  for (int i = 0; i < 200; ++i) records.push_back("record " + std::to_string(i));
  const std::string good = written(records);
  const Read whole = read_all(good);
  for (std::size_t at = 0; at < good.size(); at += 13) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    const Read read = read_all(bad);
    ASSERT_GE(read.damage.size(), 1U) << at;
    // One record is lost, and it is the one that the place belongs to.
    ASSERT_EQ(read.records.size(), records.size() - 1) << at;
    EXPECT_LE(read.damage[0].record_offset, at);
    EXPECT_FALSE(read.damage[0].reason.empty());
    for (std::size_t i = 0; i < read.records.size(); ++i) {
      if (whole.offsets[i] == read.damage[0].record_offset) break;
      EXPECT_EQ(read.records[i], records[i]);
    }
  }
}

TEST(LogFile, DamageWithinALongRecordNamesItsBeginning) {
  const std::vector<std::string> records = {"before", std::string(100'000, 'x'), "behind"};
  std::string bytes = written(records);
  bytes[70'000] = 'y';
  const Read read = read_all(bytes);
  EXPECT_EQ(read.records, (std::vector<std::string>{"before", "behind"}));
  ASSERT_EQ(read.damage.size(), 1U);
  EXPECT_EQ(read.damage[0].record_offset, read.offsets[0] + 7 + 6);
  EXPECT_EQ(read.damage[0].offset, 2 * kLogBlockBytes);
  EXPECT_EQ(read.damage[0].reason, "checksum mismatch");
}

TEST(LogFile, AnEndWithinARecordIsDamageThere) {
  const std::string good = written(many_records());
  for (const std::size_t cut :
       {std::size_t{1}, std::size_t{6}, std::size_t{8}, std::size_t{40'000}, good.size() - 1}) {
    const Read read = read_all(good.substr(0, cut));
    ASSERT_EQ(read.damage.size(), 1U) << cut;
    EXPECT_EQ(read.damage[0].reason, "the file ends within a record");
  }
  // The first record is empty.
  EXPECT_TRUE(read_all(good.substr(0, 7)).damage.empty());
}

TEST(LogFile, PartsWithoutTheRestAreDamage) {
  LogTestWriter writer;
  writer.add_fragment('\3', "middle of nothing");
  writer.add_fragment('\2', "begins");
  writer.add("whole");
  const Read read = read_all(writer.bytes());
  EXPECT_EQ(read.records, (std::vector<std::string>{"whole"}));
  ASSERT_EQ(read.damage.size(), 2U);
  EXPECT_EQ(read.damage[0].reason, "a record without its beginning");
  EXPECT_EQ(read.damage[1].reason, "a record without its end");
}

TEST(LogFile, ZerosAreDamage) {
  std::string bytes = written({"one", "two"});
  bytes.append(3 * kLogBlockBytes, '\0');
  const Read read = read_all(bytes);
  EXPECT_EQ(read.records.size(), 2U);
  ASSERT_FALSE(read.damage.empty());
  EXPECT_EQ(read.damage[0].reason, "zeros where a record should begin");
}

}  // namespace
}  // namespace jindou::store
