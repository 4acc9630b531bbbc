#include "store/index_rebuild_mark.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "store/file_copy.h"

namespace jindou::store {

namespace {

std::string rebuild_file(const std::string& directory) { return directory + "/index.rebuild"; }

}  // namespace

Result<void> begin_index_rebuild(const std::string& directory) {
  const std::string path = rebuild_file(directory);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    JD_RETURN_IF_ERROR(write_new_file(path, ""));
  }
  return sync_path(directory);
}

Result<void> end_index_rebuild(const std::string& directory) {
  const std::string path = rebuild_file(directory);
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) return Error(Errc::storage, "cannot remove " + path + ": " + error.message());
  return sync_path(directory);
}

std::optional<std::string> unfinished_index_rebuild(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::exists(rebuild_file(directory), error)) return std::nullopt;
  return fmt::format(
      "a repair of {0} was interrupted while it made the index of client_msg_no again: jindou "
      "repair {0} --apply does the rest",
      directory);
}

}  // namespace jindou::store
