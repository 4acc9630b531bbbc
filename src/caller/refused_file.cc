#include "caller/refused_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "codec/csv.h"
#include "codec/json_members.h"
#include "codec/json_writer.h"

namespace jindou::caller {

namespace {

constexpr std::string_view kAlreadyThere = "{\"refused\":";

}  // namespace

std::string refused_line(bool csv, const Item& item, std::string_view code, std::string_view msg) {
  std::string line;
  if (csv) {
    line += std::to_string(item.line) + ',';
    codec::append_csv_field(line, code);
    line += ',';
    codec::append_csv_field(line, msg);
    line += ',';
    line += item.original;
    return line;
  }
  // It was not mended since it was written here the first time.
  if (item.original.starts_with(kAlreadyThere)) return item.original;
  const auto members = codec::json_members(item.original);
  codec::JsonWriter json(line);
  json.begin_object();
  json.begin_object(kRefusedMember);
  json.number("line", item.line);
  json.string("code", code);
  json.string("msg", msg);
  if (!members && !item.original.empty()) json.string("text", item.original);
  json.end_object();
  if (!members || members->empty()) {
    json.end_object();
    return line;
  }
  // Behind its opening bracket it is as it was.
  line += ',';
  line += std::string_view(item.original).substr(item.original.find('{') + 1);
  return line;
}

Error RefusedFile::failure() const {
  return Error(Errc::storage, path_ + " cannot be written: " + std::strerror(errno));
}

Result<RefusedFile> RefusedFile::create(const std::string& path, std::string columns) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    return Error(Errc::invalid, path +
                                    " exists; --refused wants the name of a new file, so that "
                                    "nothing that is still to be mended is lost");
  }
  return RefusedFile(path, std::move(columns));
}

Result<RefusedFile> RefusedFile::reopen(const std::string& path, std::string columns,
                                        std::uint64_t bytes) {
  RefusedFile file(path, std::move(columns));
  JD_RETURN_IF_ERROR(file.open(O_CREAT));
  const off_t there = ::lseek(file.descriptor_, 0, SEEK_END);
  if (there < static_cast<off_t>(bytes)) {
    return Error(Errc::storage, path +
                                    " is shorter than the run before left it; put it back, or "
                                    "begin anew without the file of --resume");
  }
  if (::ftruncate(file.descriptor_, static_cast<off_t>(bytes)) != 0 ||
      ::lseek(file.descriptor_, 0, SEEK_END) < 0) {
    return file.failure();
  }
  file.bytes_ = bytes;
  return file;
}

RefusedFile::RefusedFile(RefusedFile&& other) noexcept
    : path_(std::move(other.path_)),
      columns_(std::move(other.columns_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_(other.bytes_),
      pending_(std::move(other.pending_)) {}

RefusedFile::~RefusedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> RefusedFile::open(int flags) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | flags, 0644);
  if (descriptor_ < 0) return failure();
  return {};
}

void RefusedFile::add(const Item& item, std::string_view code, std::string_view msg) {
  if (bytes() == 0 && !columns_.empty()) pending_ += columns_ + '\n';
  pending_ += refused_line(!columns_.empty(), item, code, msg);
  pending_ += '\n';
}

Result<void> RefusedFile::flush(bool durably) {
  if (!pending_.empty() && descriptor_ < 0) JD_RETURN_IF_ERROR(open(O_CREAT | O_EXCL));
  while (!pending_.empty()) {
    const ssize_t written = ::write(descriptor_, pending_.data(), pending_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure();
    bytes_ += static_cast<std::uint64_t>(written);
    pending_.erase(0, static_cast<std::size_t>(written));
  }
  if (durably && descriptor_ >= 0 && ::fdatasync(descriptor_) != 0) return failure();
  return {};
}

}  // namespace jindou::caller
