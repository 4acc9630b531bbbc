#include "store/durable_mark.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "observe/log.h"
#include "store/crc32c.h"

namespace jindou::store {

namespace {

constexpr std::string_view kMagic = "JDMARK01";
// Two slots in two pages, written in turn: a write that is torn leaves the other one.
constexpr std::size_t kSlotOffset = 4096;
constexpr std::size_t kSlots = 2;
constexpr std::size_t kNumbers = 9;
constexpr std::size_t kSlotBytes = kMagic.size() + kNumbers * sizeof(std::uint64_t) + 4;

constexpr std::string_view kMarkerMagic = "\xf1JDSYNC\x01";
constexpr std::size_t kMarkerBytes = kMarkerMagic.size() + 3 * sizeof(std::uint64_t);

std::string encode_slot(const DurableMark& mark) {
  std::string out(kMagic);
  for (const std::uint64_t number :
       {mark.generation, mark.synced.log, mark.synced.bytes, mark.manifest, mark.manifest_bytes,
        mark.id_bound, mark.inode, mark.secret, std::uint64_t{mark.stopped ? 1U : 0U}}) {
    append_be(out, number);
  }
  append_be(out, crc32c(out));
  return out;
}

std::optional<DurableMark> decode_slot(std::string_view bytes) {
  if (bytes.size() != kSlotBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const std::size_t end = kSlotBytes - sizeof(std::uint32_t);
  if (read_be<std::uint32_t>(bytes, end) != crc32c(bytes.substr(0, end))) return std::nullopt;
  std::array<std::uint64_t, kNumbers> numbers{};
  for (std::size_t i = 0; i < kNumbers; ++i) {
    numbers[i] = read_be<std::uint64_t>(bytes, kMagic.size() + i * sizeof(std::uint64_t));
  }
  DurableMark mark;
  mark.generation = numbers[0];
  mark.synced = {numbers[1], numbers[2]};
  mark.manifest = numbers[3];
  mark.manifest_bytes = numbers[4];
  mark.id_bound = numbers[5];
  mark.inode = numbers[6];
  mark.secret = numbers[7];
  mark.stopped = numbers[8] != 0;
  return mark;
}

std::optional<DurableMark> read_slots(int descriptor) {
  std::optional<DurableMark> newest;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    std::array<char, kSlotBytes> bytes{};
    const ssize_t got =
        ::pread(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(slot * kSlotOffset));
    if (got != static_cast<ssize_t>(bytes.size())) continue;
    const auto mark = decode_slot({bytes.data(), bytes.size()});
    if (mark && (!newest || mark->generation > newest->generation)) newest = mark;
  }
  return newest;
}

std::uint64_t inode_of(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? static_cast<std::uint64_t>(status.st_ino) : 0;
}

}  // namespace

std::optional<DurableMark> read_durable_mark(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  auto mark = read_slots(descriptor);
  ::close(descriptor);
  return mark;
}

Result<void> write_new_mark(const std::string& directory, DurableMark mark) {
  const std::string path = directory + "/" + kMarkFileName;
  const int descriptor = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return Error(Errc::storage, "cannot create " + path + ": " + std::strerror(errno));
  }
  mark.inode = inode_of(descriptor);
  bool written = true;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    ++mark.generation;
    const std::string bytes = encode_slot(mark);
    const auto offset = static_cast<off_t>((mark.generation % kSlots) * kSlotOffset);
    written = written && ::pwrite(descriptor, bytes.data(), bytes.size(), offset) ==
                             static_cast<ssize_t>(bytes.size());
  }
  written = written && ::fsync(descriptor) == 0;
  const int why = errno;
  ::close(descriptor);
  if (!written) return Error(Errc::storage, "cannot write " + path + ": " + std::strerror(why));
  return {};
}

std::string encode_log_marker(const DurableMark& mark) {
  std::string out(kMarkerMagic);
  append_be(out, mark.secret);
  append_be(out, mark.synced.log);
  append_be(out, mark.synced.bytes);
  return out;
}

std::optional<LogPosition> find_log_marker(std::string_view batch, std::uint64_t secret) {
  if (batch.size() < kMarkerBytes) return std::nullopt;
  const std::string_view bytes = batch.substr(batch.size() - kMarkerBytes);
  if (!bytes.starts_with(kMarkerMagic)) return std::nullopt;
  std::size_t at = kMarkerMagic.size();
  if (read_be<std::uint64_t>(bytes, at) != secret) return std::nullopt;
  at += sizeof(std::uint64_t);
  return LogPosition{read_be<std::uint64_t>(bytes, at),
                     read_be<std::uint64_t>(bytes, at + sizeof(std::uint64_t))};
}

Result<std::unique_ptr<MarkFile>> MarkFile::open(const std::string& directory, Random& random) {
  const std::string path = directory + "/" + kMarkFileName;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return Error(Errc::storage, "cannot open " + path + ": " + std::strerror(errno));
  }
  DurableMark mark = read_slots(descriptor).value_or(DurableMark{});
  mark.inode = inode_of(descriptor);
  while (mark.secret == 0) mark.secret = random.next_u64();
  return std::unique_ptr<MarkFile>(new MarkFile(descriptor, mark));
}

MarkFile::~MarkFile() { ::close(descriptor_); }

DurableMark MarkFile::get() const {
  const MutexLock lock(mutex_);
  return mark_;
}

void MarkFile::advance(LogPosition synced, std::uint64_t id_bound) {
  const MutexLock lock(mutex_);
  mark_.synced = synced;
  mark_.id_bound = std::max(mark_.id_bound, id_bound);
  write();
}

void MarkFile::set_manifest(std::uint64_t number, std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  mark_.manifest = number;
  mark_.manifest_bytes = bytes;
  write();
}

void MarkFile::replace(const DurableMark& mark) {
  const MutexLock lock(mutex_);
  const DurableMark old = mark_;
  mark_ = mark;
  mark_.inode = old.inode;
  mark_.secret = old.secret;
  mark_.generation = old.generation;
  // Both slots: no older mark is left to be found in its place.
  write();
  write();
  if (::fdatasync(descriptor_) != 0) failed_ = true;
}

void MarkFile::write() {
  ++mark_.generation;
  const std::string bytes = encode_slot(mark_);
  const auto offset = static_cast<off_t>((mark_.generation % kSlots) * kSlotOffset);
  if (::pwrite(descriptor_, bytes.data(), bytes.size(), offset) ==
      static_cast<ssize_t>(bytes.size())) {
    failed_ = false;
    return;
  }
  if (!failed_) {
    observe::log_warn("store",
                      "cannot write {}: {}; damage to the newest messages may go unnoticed",
                      kMarkFileName, std::strerror(errno));
  }
  failed_ = true;
}

}  // namespace jindou::store
