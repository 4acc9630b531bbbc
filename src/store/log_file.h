// Reads the files that RocksDB writes record by record, its write-ahead logs and its manifests, and
// tells what is damaged in them. RocksDB's own reader is not public and, where a log is damaged,
// goes on as if it ended there.
//
// The format: blocks of 32 KiB; in them fragments of checksum:u32, length:u16, type:u8, bytes, all
// little-endian. The type is 1 for a whole record, else 2, 3, …, 4 for its first, middle and last
// fragment. A block ends with up to six unused bytes. The checksum is of type and bytes, CRC-32C,
// masked. Logs that are recycled or compressed have other types; the server writes none.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::store {

inline constexpr std::size_t kLogBlockBytes = 32768;

struct LogRecord {
  std::uint64_t offset = 0;  // in the file, of its first fragment
  std::string_view bytes;    // valid until the next call
};

struct LogDamage {
  std::uint64_t record_offset = 0;  // where the record began that cannot be read
  std::uint64_t offset = 0;         // where the bytes are that are wrong
  std::string reason;               // "checksum mismatch"
};

// Not thread-safe. Goes on behind damage, at the next fragment whose checksum holds.
class LogFileReader {
 public:
  // The up to kLogBlockBytes bytes at `offset`, a multiple of that; fewer only at the end of the
  // file. Valid until the next call. Errors: storage.
  using LoadBlock = std::function<Result<std::string_view>(std::uint64_t offset)>;
  enum class Step : std::uint8_t { record, damage, end };

  explicit LogFileReader(LoadBlock load) : load_(std::move(load)) {}

  // Errors: storage (the file cannot be read).
  Result<Step> next();
  const LogRecord& record() const { return record_; }
  const LogDamage& damage() const { return damage_; }

 private:
  enum class Fragment : std::uint8_t { ok, bad, too_short };
  struct Header {
    std::uint32_t checksum = 0;
    std::size_t length = 0;
    std::uint8_t type = 0;
  };

  Header header_at(std::size_t position) const;
  Fragment judge(std::size_t position, std::string& reason) const;
  Result<bool> load_block();
  bool at_last_block() const { return block_.size() < kLogBlockBytes; }
  Step end_of_file();
  Step report(std::uint64_t offset, std::string reason);
  // Where the next fragment that holds begins, in this block; its size when there is none.
  std::size_t find_fragment(std::size_t from);
  // One fragment; true when next() has something to answer, which is in `step_`.
  bool take_fragment();

  LoadBlock load_;
  std::string_view block_;
  std::uint64_t block_offset_ = 0;
  bool loaded_ = false;
  bool ended_ = false;
  std::size_t position_ = 0;
  Step step_ = Step::end;
  std::string parts_;  // of the record that is being put together
  std::uint64_t record_offset_ = 0;
  bool in_record_ = false;
  bool skipping_ = false;  // fragments of a record whose beginning was lost
  unsigned searches_ = 0;
  LogRecord record_;
  LogDamage damage_;
};

// Reads a file block by block, for LogFileReader. Movable. Errors: storage.
class BlockFile {
 public:
  static Result<BlockFile> open(const std::string& path);
  ~BlockFile();
  BlockFile(BlockFile&& other) noexcept;
  BlockFile& operator=(BlockFile&&) = delete;
  BlockFile(const BlockFile&) = delete;
  BlockFile& operator=(const BlockFile&) = delete;

  std::uint64_t size() const { return size_; }
  Result<std::string_view> load(std::uint64_t offset);

 private:
  BlockFile(std::string path, int descriptor, std::uint64_t size);
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::string block_;
};

}  // namespace jindou::store
