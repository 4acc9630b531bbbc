// What a backup holds, as the file kBackupManifestName in it says: one JSON object, whose last
// member is a checksum of everything before it. It is written last; a directory without it is no
// backup.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::backup {

inline constexpr const char* kBackupManifestName = "backup.json";

struct BackupFile {
  std::string name;  // in the directory of the backup; never a path
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

struct BackupManifest {
  std::string jindou;  // version of the program that made it
  int store_format = 0;
  std::int64_t made_at_ms = 0;  // Unix time; everything acknowledged before is in it
  // Of the store; the secret seed in its identity only by a checksum (identity_sum()).
  std::uint16_t partitions = 0;
  std::uint32_t identity = 0;
  // By partition: commits that are in it at least.
  std::vector<std::uint64_t> positions;
  std::uint64_t id_bound = 0;  // no message id counter in it is higher
  // Of the bytes of all files: those that it shared with the store when it was made.
  std::uint64_t linked_bytes = 0;
  std::vector<BackupFile> files;

  std::uint64_t bytes() const;
  friend bool operator==(const BackupManifest&, const BackupManifest&) = default;
};

std::uint32_t identity_sum(std::uint16_t partitions, std::uint64_t fingerprint_seed);

std::string encode_manifest(const BackupManifest& manifest);
// Errors: storage, with a sentence about what is wrong.
Result<BackupManifest> decode_manifest(std::string_view text);
// Of the backup in `directory`. Errors: not_found (there is none), storage; they name the file.
Result<BackupManifest> read_manifest(const std::string& directory);

}  // namespace jindou::backup
