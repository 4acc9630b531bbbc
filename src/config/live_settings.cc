#include "config/live_settings.h"

#include <algorithm>

#include "config/loaded_settings.h"

namespace jindou::config {

LiveSettings::LiveSettings(Settings initial)
    : current_(std::make_shared<const Settings>(std::move(initial))) {}

std::shared_ptr<const Settings> LiveSettings::get() const {
  const MutexLock lock(mutex_);
  return current_;
}

std::uint64_t LiveSettings::subscribe(Subscriber subscriber) {
  const MutexLock lock(subscribers_mutex_);
  subscribers_.emplace_back(next_id_, std::move(subscriber));
  return next_id_++;
}

void LiveSettings::unsubscribe(std::uint64_t id) {
  const MutexLock lock(subscribers_mutex_);
  std::erase_if(subscribers_, [id](const auto& entry) { return entry.first == id; });
}

Result<ReloadReport> LiveSettings::apply(const Settings& wanted) {
  const std::shared_ptr<const Settings> before = get();
  auto next = std::make_shared<Settings>(*before);
  ReloadReport report;
  for (const Setting& setting : settings_table()) {
    if (same_value(setting, *before, wanted)) continue;
    if (setting.reloadable) copy_value(setting, wanted, *next);
    (setting.reloadable ? report.applied : report.waiting).emplace_back(setting.key);
  }
  // `wanted` is valid in itself; mixed with what only a restart changes it need not be.
  JD_RETURN_IF_ERROR(validate(*next));
  if (report.applied.empty()) return report;
  {
    const MutexLock lock(mutex_);
    current_ = next;
  }
  const MutexLock lock(subscribers_mutex_);
  for (const auto& [id, subscriber] : subscribers_) subscriber(*next);
  return report;
}

}  // namespace jindou::config
