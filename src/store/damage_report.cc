#include "store/damage_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "observe/log.h"

namespace jindou::store {

namespace {

// Bounds the memory when a whole disk goes.
constexpr std::size_t kFilesMax = 1000;
constexpr std::size_t kShownMax = 3;
constexpr std::string_view kTableSuffix = ".sst";

// RocksDB's text names the file with its directory.
std::string file_in(const std::string& text) {
  const std::size_t end = text.find(kTableSuffix);
  if (end == std::string::npos) return {};
  std::size_t begin = end;
  while (begin > 0 && std::isdigit(static_cast<unsigned char>(text[begin - 1])) != 0) --begin;
  return text.substr(begin, end + kTableSuffix.size() - begin);
}

}  // namespace

void DamageReport::note(const rocksdb::Status& status) {
  if (!status.IsCorruption()) return;
  const std::string text = status.ToString();
  const std::string file = file_in(text);
  add(file.empty() ? "a file of the store" : file, text);
}

void DamageReport::add(const std::string& file, const std::string& what) {
  {
    const MutexLock lock(mutex_);
    if (files_.size() >= kFilesMax || !files_.emplace(file, what).second) return;
  }
  observe::log_error("store", "{} is damaged: {}; restore the directory from a backup", file, what);
}

void DamageReport::keep_only(const std::set<std::string>& files) {
  const MutexLock lock(mutex_);
  std::erase_if(files_, [&files](const auto& entry) {
    return entry.first.ends_with(kTableSuffix) && !files.contains(entry.first);
  });
}

std::size_t DamageReport::count() const {
  const MutexLock lock(mutex_);
  return files_.size();
}

std::string DamageReport::sentence() const {
  const MutexLock lock(mutex_);
  if (files_.empty()) return {};
  std::string text = fmt::format("{} damaged file(s) in the store:", files_.size());
  std::size_t shown = 0;
  for (const auto& [file, what] : files_) {
    if (shown++ == kShownMax) break;
    text += fmt::format(" {} ({})", file, what);
  }
  return text;
}

}  // namespace jindou::store
