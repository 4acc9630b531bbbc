#include "api/created_offsets.h"

#include <utility>

namespace jindou::api {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// Nanoseconds since 1970 lie between 2^60 and 2^61 until 2043, where doubles are 256 apart; whole
// seconds are multiples of 512.
constexpr std::int64_t kStep = 256;
// Numbers from 0 on; number n is shown as (n + 1) * kStep, which is below a second.
constexpr std::uint64_t kNumbers = (kSecond - 1) / kStep;

}  // namespace

CreatedOffsets::CreatedOffsets(std::uint64_t seed, std::size_t pages_max)
    : pages_max_(pages_max), oldest_(seed % kNumbers) {}

std::int64_t CreatedOffsets::remember(Page page) {
  const MutexLock lock(mutex_);
  if (pages_.size() >= pages_max_) {
    pages_.pop_front();
    oldest_ = (oldest_ + 1) % kNumbers;
  }
  const std::uint64_t number = (oldest_ + pages_.size()) % kNumbers;
  pages_.push_back(std::move(page));
  return static_cast<std::int64_t>(number + 1) * kStep;
}

std::optional<CreatedOffsets::Page> CreatedOffsets::find(std::string_view list,
                                                         std::int64_t created_at) const {
  const std::int64_t shown = created_at % kSecond;
  if (shown <= 0 || shown % kStep != 0) return std::nullopt;
  const auto number = static_cast<std::uint64_t>(shown / kStep - 1);
  const MutexLock lock(mutex_);
  const std::uint64_t at = (number + kNumbers - oldest_) % kNumbers;
  if (at >= pages_.size()) return std::nullopt;
  const Page& page = pages_[static_cast<std::size_t>(at)];
  if (page.list != list) return std::nullopt;
  return page;
}

}  // namespace jindou::api
