// What is written is read again; anything else is told from it.
#include "backup/backup_manifest.h"

#include <gtest/gtest.h>

#include "store/crc32c.h"

namespace jindou::backup {
namespace {

BackupManifest example_manifest() {
  BackupManifest manifest;
  manifest.jindou = "0.1.0";
  manifest.store_format = 5;
  manifest.made_at_ms = 1'795'997'700'123;
  manifest.partitions = 2;
  manifest.identity = identity_sum(2, 0x0123456789abcdef);
  manifest.positions = {0, 18'446'744'073'709'551'615U};
  manifest.id_bound = 65'536;
  manifest.linked_bytes = 1'000;
  manifest.files = {{"000012.sst", 1'000, 0xffffffff}, {"CURRENT", 16, 0}};
  return manifest;
}

TEST(BackupManifestText, IsReadAsItWasWritten) {
  const BackupManifest manifest = example_manifest();
  const auto read = decode_manifest(encode_manifest(manifest));
  ASSERT_TRUE(read.has_value()) << read.error().text();
  EXPECT_EQ(*read, manifest);
  EXPECT_EQ(manifest.bytes(), 1'016U);
  EXPECT_EQ(*decode_manifest(encode_manifest(BackupManifest())), BackupManifest());
}

TEST(BackupManifestText, AnyOtherByteIsNoticed) {
  const std::string text = encode_manifest(example_manifest());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(decode_manifest(other).has_value()) << i;
    EXPECT_FALSE(decode_manifest(text.substr(0, i)).has_value()) << i;
  }
}

TEST(BackupManifestText, NamesThatLeaveTheDirectoryAreRefused) {
  for (const char* name : {"../CURRENT", "/etc/passwd", "", ".", "..", "a/b"}) {
    BackupManifest manifest = example_manifest();
    manifest.files.push_back({name, 1, 1});
    EXPECT_FALSE(decode_manifest(encode_manifest(manifest)).has_value()) << name;
  }
}

TEST(BackupManifestText, ALaterFormatIsNamed) {
  std::string text = R"({"format":2,"new":true)";
  const auto sum = store::crc32c(text);
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", sum);
  text += std::string(R"(,"crc32c":")") + digits + "\"}\n";
  const auto read = decode_manifest(text);
  ASSERT_FALSE(read.has_value());
  EXPECT_NE(read.error().detail().find("format 2"), std::string::npos) << read.error().text();
}

TEST(BackupManifestText, ADirectoryWithoutOneIsNoBackup) {
  const auto read = read_manifest("/nonexistent");
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Errc::not_found);
  EXPECT_NE(read.error().detail().find("/nonexistent/backup.json"), std::string::npos);
}

}  // namespace
}  // namespace jindou::backup
