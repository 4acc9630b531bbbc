// What a cursor promises, for RocksDB and for the store in memory alike.
#include <gtest/gtest.h>
#include <rocksdb/write_batch.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/random.h"
#include "store/database.h"
#include "store/memory_reader.h"
#include "store/reader.h"

namespace jindou::store {
namespace {

// A reader, and a way to put something into its main table.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual const Reader& reader() const = 0;
  virtual void put(const std::string& key, const std::string& value) = 0;
  virtual void erase(const std::string& key) = 0;
  // Makes what was put so far a file of its own, where there are files.
  virtual void flush() {}
};

class MemorySubject final : public Subject {
 public:
  const Reader& reader() const override { return store_; }
  void put(const std::string& key, const std::string& value) override {
    store_.put(Table::main, key, value);
  }
  void erase(const std::string& key) override { store_.erase(Table::main, key); }

 private:
  MemoryReader store_;
};

class DatabaseSubject final : public Subject {
 public:
  DatabaseSubject() {
    std::string name = (std::filesystem::temp_directory_path() / "jindou-cursor-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    StoreOptions options;
    options.directory = name;
    options.write_buffer_bytes = 4 << 20;
    options.block_cache_bytes = 4 << 20;
    directory_ = name;
    SystemRandom random;
    auto database = Database::open(options, random);
    EXPECT_TRUE(database.has_value());
    database_ = std::move(*database);
  }
  ~DatabaseSubject() override {
    database_.reset();
    std::filesystem::remove_all(directory_);
  }
  const Reader& reader() const override { return *database_; }
  void put(const std::string& key, const std::string& value) override {
    EXPECT_TRUE(database_->db().Put(rocksdb::WriteOptions(), key, value).ok());
  }
  void erase(const std::string& key) override {
    EXPECT_TRUE(database_->db().Delete(rocksdb::WriteOptions(), key).ok());
  }
  void flush() override { EXPECT_TRUE(database_->db().Flush(rocksdb::FlushOptions()).ok()); }

 private:
  std::string directory_;
  std::unique_ptr<Database> database_;
};

class CursorOf : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      subject_ = std::make_unique<DatabaseSubject>();
    } else {
      subject_ = std::make_unique<MemorySubject>();
    }
  }
  std::unique_ptr<Cursor> open() const { return subject_->reader().open_cursor(Table::main); }

  std::unique_ptr<Subject> subject_;
};

TEST_P(CursorOf, SeeksForwardsAndBackwards) {
  subject_->put("b", "1");
  subject_->put("d", "2");
  subject_->flush();
  subject_->put("f", "3");
  const auto cursor = open();
  ASSERT_TRUE(cursor->seek("b"));
  EXPECT_EQ(cursor->key(), "b");
  EXPECT_EQ(cursor->value(), "1");
  ASSERT_TRUE(cursor->seek("c"));
  EXPECT_EQ(cursor->key(), "d");
  ASSERT_TRUE(cursor->seek_before("d"));
  EXPECT_EQ(cursor->key(), "b");
  ASSERT_TRUE(cursor->seek_before("c"));
  EXPECT_EQ(cursor->key(), "b");
  ASSERT_TRUE(cursor->seek_before("e"));
  EXPECT_EQ(cursor->key(), "d");
  EXPECT_FALSE(cursor->seek_before("b"));
  EXPECT_TRUE(cursor->status().has_value());
}

TEST_P(CursorOf, StepsBothWaysAcrossFiles) {
  for (const char* key : {"b", "d", "f"}) subject_->put(key, key);
  subject_->flush();
  for (const char* key : {"c", "e"}) subject_->put(key, key);
  const auto cursor = open();
  std::string seen;
  for (bool at = cursor->seek("b"); at && cursor->key() < "z"; at = cursor->next()) {
    seen += cursor->key();
  }
  EXPECT_EQ(seen, "bcdef");
  seen.clear();
  for (bool at = cursor->seek_before("g"); at && cursor->key() >= "b"; at = cursor->prev()) {
    seen += cursor->key();
  }
  EXPECT_EQ(seen, "fedcb");
  ASSERT_TRUE(cursor->seek("c"));
  ASSERT_TRUE(cursor->next());
  EXPECT_EQ(cursor->key(), "d");
  ASSERT_TRUE(cursor->prev());
  ASSERT_TRUE(cursor->prev());
  EXPECT_EQ(cursor->key(), "b");
}

TEST_P(CursorOf, HasNothingBeyondTheEnds) {
  const auto empty = open();
  // The identity of a store sorts last.
  EXPECT_FALSE(empty->seek("\xff\xff\xff"));
  EXPECT_FALSE(empty->next());
  EXPECT_FALSE(empty->prev());
  EXPECT_TRUE(empty->status().has_value());
  EXPECT_FALSE(empty->seek_before(std::string("\0", 1)));
}

TEST_P(CursorOf, SeesOneMoment) {
  subject_->put("a", "old");
  subject_->put("b", "old");
  const auto cursor = open();
  subject_->put("a", "new");
  subject_->put("aa", "new");
  subject_->erase("b");
  subject_->flush();
  ASSERT_TRUE(cursor->seek("a"));
  EXPECT_EQ(cursor->value(), "old");
  ASSERT_TRUE(cursor->next());
  EXPECT_EQ(cursor->key(), "b");
  std::string value;
  EXPECT_TRUE(cursor->get("b", value).value());
  EXPECT_EQ(value, "old");
  EXPECT_FALSE(cursor->get("aa", value).value());
  ASSERT_TRUE(cursor->seek("a"));

  const auto later = open();
  ASSERT_TRUE(later->seek("a"));
  EXPECT_EQ(later->value(), "new");
  EXPECT_FALSE(later->get("b", value).value());
}

TEST_P(CursorOf, GetsWithoutMoving) {
  subject_->put("a", "1");
  subject_->put("b", "2");
  const auto cursor = open();
  ASSERT_TRUE(cursor->seek("a"));
  std::string value;
  EXPECT_TRUE(cursor->get("b", value).value());
  EXPECT_EQ(value, "2");
  EXPECT_FALSE(cursor->get("c", value).value());
  EXPECT_EQ(cursor->key(), "a");
}

INSTANTIATE_TEST_SUITE_P(, CursorOf, ::testing::Bool(), [](const auto& which) {
  return which.param ? "TheDatabase" : "TheMemoryReader";
});

}  // namespace
}  // namespace jindou::store
