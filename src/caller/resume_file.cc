#include "caller/resume_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/read_file.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace jindou::caller {

namespace {

constexpr std::size_t kFileBytesMax = std::size_t{64} << 10;
constexpr std::string_view kKind = "jindou send, 1";

std::string encode(const Progress& progress) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object();
  json.string("progress_of", kKind);
  json.number("rows", progress.position.rows);
  json.number("bytes", progress.position.bytes);
  json.number("hash", progress.position.hash);
  json.number("options", progress.options);
  json.number("sent", progress.counts.sent);
  json.number("sent_before", progress.counts.before);
  json.number("refused", progress.counts.refused);
  json.string("refused_file", progress.refused_file);
  json.number("refused_bytes", progress.refused_bytes);
  json.end_object();
  text += '\n';
  return text;
}

std::optional<Progress> decode(std::string_view text) {
  const auto parsed = codec::parse_json(text);
  simdjson::dom::object object;
  if (!parsed || parsed->get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
  Progress progress;
  std::string_view kind;
  std::string_view refused_file;
  const auto number = [&object](const char* name, std::uint64_t& value) {
    return object[name].get(value) == simdjson::SUCCESS;
  };
  const bool complete =
      object["progress_of"].get(kind) == simdjson::SUCCESS && kind == kKind &&
      number("rows", progress.position.rows) && number("bytes", progress.position.bytes) &&
      number("hash", progress.position.hash) && number("options", progress.options) &&
      number("sent", progress.counts.sent) && number("sent_before", progress.counts.before) &&
      number("refused", progress.counts.refused) &&
      object["refused_file"].get(refused_file) == simdjson::SUCCESS &&
      number("refused_bytes", progress.refused_bytes);
  if (!complete) return std::nullopt;
  progress.refused_file = refused_file;
  return progress;
}

Error failure(const std::string& path) {
  return Error(Errc::storage, path + " cannot be written: " + std::strerror(errno));
}

Result<void> write_durably(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return failure(path);
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  const Error error = failure(path);
  ::close(file);
  if (!written) return error;
  return {};
}

}  // namespace

Result<std::optional<Progress>> load_progress(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::optional<Progress>();
  const auto text = read_file(path, kFileBytesMax, FileKind::regular);
  auto progress = text ? decode(*text) : std::nullopt;
  if (!progress) {
    return Error(Errc::invalid, path + " is no file of --resume; name one that does not exist");
  }
  return progress;
}

Result<void> store_progress(const std::string& path, const Progress& progress) {
  const std::string fresh = path + ".new";
  JD_RETURN_IF_ERROR(write_durably(fresh, encode(progress)));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failure(path);
  // The new name is durable with its directory.
  const auto parent = std::filesystem::path(path).parent_path();
  const int directory =
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return failure(path);
  const bool synced = ::fsync(directory) == 0;
  const Error error = failure(path);
  ::close(directory);
  if (!synced) return error;
  return {};
}

}  // namespace jindou::caller
