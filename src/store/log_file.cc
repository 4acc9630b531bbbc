#include "store/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "store/crc32c.h"

namespace jindou::store {

namespace {

constexpr std::size_t kHeaderBytes = 7;
constexpr std::uint8_t kFull = 1;
constexpr std::uint8_t kFirst = 2;
constexpr std::uint8_t kLast = 4;
// Blocks that are searched byte by byte behind damage, a few milliseconds each. In a file with more
// damage than this only the beginnings of blocks are tried.
constexpr unsigned kSearchesMax = 64;

// Stored checksums are masked, because a checksum of bytes that hold checksums is a weak one.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

std::uint32_t byte_at(std::string_view bytes, std::size_t position) {
  return static_cast<unsigned char>(bytes[position]);
}

}  // namespace

LogFileReader::Header LogFileReader::header_at(std::size_t position) const {
  Header header;
  for (std::size_t i = 4; i-- > 0;) {
    header.checksum = (header.checksum << 8) | byte_at(block_, position + i);
  }
  header.length = byte_at(block_, position + 4) | (byte_at(block_, position + 5) << 8);
  header.type = static_cast<std::uint8_t>(byte_at(block_, position + 6));
  return header;
}

LogFileReader::Fragment LogFileReader::judge(std::size_t position, std::string& reason) const {
  const Header header = header_at(position);
  if (header.type < kFull || header.type > kLast) {
    reason = header.type == 0 ? "zeros where a record should begin" : "unknown type of record";
    return Fragment::bad;
  }
  if (header.length > block_.size() - position - kHeaderBytes) {
    if (at_last_block()) return Fragment::too_short;
    reason = "a length beyond the block";
    return Fragment::bad;
  }
  if (masked(crc32c(block_.substr(position + kHeaderBytes - 1, header.length + 1))) !=
      header.checksum) {
    reason = "checksum mismatch";
    return Fragment::bad;
  }
  return Fragment::ok;
}

Result<bool> LogFileReader::load_block() {
  if (loaded_) block_offset_ += kLogBlockBytes;
  JD_TRY(block_, load_(block_offset_));
  loaded_ = true;
  position_ = 0;
  return !block_.empty();
}

LogFileReader::Step LogFileReader::report(std::uint64_t offset, std::string reason) {
  damage_.record_offset = in_record_ ? record_offset_ : offset;
  damage_.offset = offset;
  damage_.reason = std::move(reason);
  in_record_ = false;
  return Step::damage;
}

LogFileReader::Step LogFileReader::end_of_file() {
  ended_ = true;
  if (!in_record_) return Step::end;
  return report(block_offset_ + block_.size(), "the file ends within a record");
}

std::size_t LogFileReader::find_fragment(std::size_t from) {
  if (block_.find_first_not_of('\0', from) == std::string_view::npos) return block_.size();
  if (++searches_ > kSearchesMax) return block_.size();
  std::string ignored;
  for (std::size_t at = from; at + kHeaderBytes <= block_.size(); ++at) {
    // An empty fragment is too short to be told from chance.
    if (header_at(at).length > 0 && judge(at, ignored) == Fragment::ok) return at;
  }
  return block_.size();
}

bool LogFileReader::take_fragment() {
  const std::uint64_t offset = block_offset_ + position_;
  std::string reason;
  const Fragment fragment = judge(position_, reason);
  if (fragment != Fragment::ok) {
    if (fragment == Fragment::too_short) reason = "the file ends within a record";
    step_ = report(offset, std::move(reason));
    skipping_ = true;
    position_ = find_fragment(position_ + 1);
    return true;
  }
  const Header header = header_at(position_);
  const std::string_view bytes = block_.substr(position_ + kHeaderBytes, header.length);
  const bool begins = header.type == kFull || header.type == kFirst;
  if (begins && in_record_) {
    // This fragment is taken by the next call.
    step_ = report(offset, "a record without its end");
    return true;
  }
  position_ += kHeaderBytes + header.length;
  if (!begins && !in_record_) {
    if (skipping_) return false;
    step_ = report(offset, "a record without its beginning");
    skipping_ = true;
    return true;
  }
  skipping_ = false;
  if (header.type == kFull) {
    record_ = {offset, bytes};
    step_ = Step::record;
    return true;
  }
  if (header.type == kFirst) {
    in_record_ = true;
    record_offset_ = offset;
    parts_.clear();
  }
  parts_ += bytes;
  if (header.type != kLast) return false;
  in_record_ = false;
  record_ = {record_offset_, parts_};
  step_ = Step::record;
  return true;
}

Result<LogFileReader::Step> LogFileReader::next() {
  for (;;) {
    if (ended_) return Step::end;
    const std::size_t left = block_.size() - position_;
    if (loaded_ && left >= kHeaderBytes) {
      if (take_fragment()) return step_;
      continue;
    }
    if (loaded_ && at_last_block()) {
      if (left == 0) return end_of_file();
      ended_ = true;
      return report(block_offset_ + position_, "the file ends within a record");
    }
    JD_TRY(const bool more, load_block());
    if (!more) return end_of_file();
  }
}

BlockFile::BlockFile(std::string path, int descriptor, std::uint64_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

BlockFile::BlockFile(BlockFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

BlockFile::~BlockFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<BlockFile> BlockFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
    Error error(Errc::storage, "cannot read " + path + ": " + std::strerror(errno));
    if (descriptor >= 0) ::close(descriptor);
    return error;
  }
  return BlockFile(path, descriptor, static_cast<std::uint64_t>(status.st_size));
}

Result<std::string_view> BlockFile::load(std::uint64_t offset) {
  block_.resize(kLogBlockBytes);
  std::size_t filled = 0;
  while (filled < block_.size()) {
    const ssize_t got = ::pread(descriptor_, block_.data() + filled, block_.size() - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Error(Errc::storage, "cannot read " + path_ + " at offset " +
                                      std::to_string(offset + filled) + ": " +
                                      std::strerror(errno));
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return std::string_view(block_).substr(0, filled);
}

}  // namespace jindou::store
