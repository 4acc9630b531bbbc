#include "store/store_identity.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "store/damaged_store_fixture.h"

namespace jindou::store {
namespace {

class Identity : public DamagedStore {
 protected:
  std::string file() const { return options_.directory + ".identity"; }
  std::string text() const {
    std::ostringstream text;
    text << std::ifstream(file()).rdbuf();
    return text.str();
  }
  void write(const std::string& text) const { std::ofstream(file()) << text; }
  // Is not opened, and says that.
  void expect_invalid(const std::string& words) {
    const auto refused = Database::open(options_, random_);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), Errc::invalid);
    EXPECT_NE(refused.error().detail().find(words), std::string::npos) << refused.error().detail();
  }
  // Another node's.
  StoreOptions of_new_node() const {
    StoreOptions options = options_;
    options.directory += "-of-another";
    return options;
  }
};

TEST_F(Identity, ANewNodeIsGivenThatOfACluster) {
  options_.identity_file = file();
  open();
  const std::uint64_t seed = database_->fingerprint_seed();
  EXPECT_EQ(text(), identity_text({2, seed}));
  struct stat status {};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U) << "the seed is secret";

  const auto other = Database::open(of_new_node(), random_);
  ASSERT_TRUE(other.has_value()) << other.error().text();
  EXPECT_EQ((*other)->fingerprint_seed(), seed);
  EXPECT_EQ((*other)->partitions(), 2);
  // And again, with the file.
  close();
  open();
  EXPECT_EQ(database_->fingerprint_seed(), seed);
}

TEST_F(Identity, WhoComesSecondTakesWhatTheFirstWrote) {
  const StoreIdentity first{2, 7};
  EXPECT_EQ(share_identity(file(), first).value(), first);
  EXPECT_EQ(share_identity(file(), {2, 8}).value(), first) << "nothing is replaced";
  EXPECT_EQ(text(), identity_text(first));
  const std::string folder = std::filesystem::path(file()).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_FALSE(entry.path().string().starts_with(file() + ".")) << "a draft was left";
  }
}

TEST_F(Identity, WithoutAFileEachStoreHasItsOwn) {
  open();
  const auto other = Database::open(of_new_node(), random_);
  ASSERT_TRUE(other.has_value());
  EXPECT_NE((*other)->fingerprint_seed(), database_->fingerprint_seed());
}

TEST_F(Identity, AStoreOfAnotherClusterIsNotOpened) {
  open();
  commit(3);
  const std::uint64_t seed = database_->fingerprint_seed();
  close();
  write(identity_text({2, seed + 1}));
  options_.identity_file = file();
  expect_invalid("has another identity than " + file());
  expect_invalid("name the file of that one");
  // Nothing has happened to it.
  write(identity_text({2, seed}));
  expect_all(3);
}

TEST_F(Identity, WithAnotherNumberOfPartitionsItIsNotOpened) {
  open();
  close();
  options_.partitions = 9;
  expect_invalid("was made with 2 partitions");
  expect_invalid("storage.partitions is 9: set it to 2");
  options_.partitions = 2;
  open();
  EXPECT_EQ(database_->partitions(), 2);
}

TEST_F(Identity, AFileThatFitsNothingIsRefusedBeforeAnythingIsMade) {
  options_.identity_file = file();
  write(identity_text({64, 7}));
  expect_invalid("of a cluster with 64 partitions, and storage.partitions is 2: set it to 64");
  write("partitions: 2\n");
  expect_invalid("has to name format, partitions and fingerprintSeed");
  EXPECT_FALSE(std::filesystem::exists(options_.directory));
  options_.identity_file = "/no/such/directory/identity";
  expect_invalid("cannot be written");
}

TEST(IdentityText, IsReadAsItIsWritten) {
  for (const StoreIdentity& identity :
       {StoreIdentity{16, 0x0123456789abcdefU}, StoreIdentity{1, 0}, StoreIdentity{512, ~0ULL}}) {
    EXPECT_EQ(parse_identity_text(identity_text(identity)).value(), identity);
  }
  const auto by_hand = parse_identity_text(
      "format: 1\r\n\n # ours\nfingerprintSeed:00000000000000ff\n  partitions : 16");
  ASSERT_TRUE(by_hand.has_value()) << by_hand.error().text();
  EXPECT_EQ(*by_hand, (StoreIdentity{16, 255}));
}

TEST(IdentityText, WhatIsWrongWithItIsSaid) {
  const std::string good = identity_text({16, 7});
  const auto with = [&good](const std::string& part, const std::string& other) {
    std::string text = good;
    return text.replace(text.find(part), part.size(), other);
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "has to name format"},
      {good + "format: 1\n", "names format twice"},
      {good + "node: 1\n", "a line that is none of"},
      {good + "partitions\n", "a line that is none of"},
      {with("format: 1", "format: 2"), "the version that wrote it"},
      {with("partitions: 16", "partitions: 0"), "none from 1 to 512"},
      {with("partitions: 16", "partitions: 513"), "none from 1 to 512"},
      {with("partitions: 16", "partitions: 16x"), "none from 1 to 512"},
      {with("0000000000000007", "7"), "16 hexadecimal digits"},
      {with("0000000000000007", "000000000000000g"), "16 hexadecimal digits"},
  };
  for (const auto& [text, words] : cases) {
    const auto parsed = parse_identity_text(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code(), Errc::invalid);
    EXPECT_NE(parsed.error().detail().find(words), std::string::npos) << parsed.error().detail();
  }
}

}  // namespace
}  // namespace jindou::store
