// Copies of files that are to outlive a power cut, and what they hold.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::store {

// Called after so many bytes more were read: may wait, so that others have the disk too. False:
// give up, which makes the call end with `unavailable`.
using KeepOn = std::function<bool(std::uint64_t bytes)>;

// Writes the first `bytes` of `from` to `to`, a new file that only its owner can read, and waits
// for the disk. Returns their CRC-32C. Errors: storage (also when `from` is shorter), unavailable.
Result<std::uint32_t> copy_file_beginning(const std::string& from, const std::string& to,
                                          std::uint64_t bytes, const KeepOn& keep_on);

// What a file holds.
struct FileSum {
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
  friend bool operator==(const FileSum&, const FileSum&) = default;
};
// Errors: not_found, storage, unavailable.
Result<FileSum> sum_file(const std::string& path, const KeepOn& keep_on);

// A new file that only its owner can read; waits for the disk. Errors: storage.
Result<void> write_new_file(const std::string& path, std::string_view bytes);

// Makes what was created, renamed or removed in a directory durable; also one file. Errors:
// storage.
Result<void> sync_path(const std::string& path);

// As root, gives what is in a directory, not what is below it, to whoever owns the directory: root
// works on the files of the server's user. Errors: storage.
Result<void> give_to_owner(const std::string& directory);
// The same of a new directory in `home`, with what is in it: to whoever owns `home`.
Result<void> give_to_owner(const std::string& home, const std::string& directory);

}  // namespace jindou::store
