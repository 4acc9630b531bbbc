#include "api/batch_advice.h"

#include <algorithm>

namespace jindou::api {

namespace {

// More batches at a time of one caller gain nothing: commits gather what comes meanwhile.
constexpr std::size_t kConcurrencyMax = 8;
// Smaller batches cost more for each item than they spare others.
constexpr std::size_t kItemsMin = 50;

}  // namespace

BatchAdvice advise(const BatchLoad& load) {
  const std::size_t free = load.items_limit - std::min(load.items_limit, load.items_in_flight);
  const std::size_t places =
      load.batches_limit - std::min(load.batches_limit, load.batches_in_flight);
  const std::size_t least = std::min(kItemsMin, load.items_max);
  BatchAdvice advice;
  // As long as a few of the largest fit they stay that large: fewer of them at a time come first.
  advice.items = std::clamp(free / 4, least, load.items_max);
  advice.items = std::max<std::size_t>(1, std::min(advice.items, load.portion_max));
  advice.concurrency =
      std::clamp<std::size_t>(std::min(free / 2 / advice.items, places / 2), 1, kConcurrencyMax);
  return advice;
}

std::string batch_advice_field(const BatchAdvice& advice) {
  return "Batch-Advice: items=" + std::to_string(advice.items) +
         ", concurrency=" + std::to_string(advice.concurrency) + "\r\n";
}

}  // namespace jindou::api
