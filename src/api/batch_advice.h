// How large batches are best made, and how many of them sent at a time, while the core is as busy
// as it is: the header field Batch-Advice. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace jindou::api {

struct BatchLoad {
  std::size_t items_max = 1000;       // of a batch
  std::size_t items_in_flight = 0;    // in the core
  std::size_t items_limit = 200'000;  // that may be, as fast as it is now
  std::size_t batches_in_flight = 0;
  std::size_t batches_limit = 256;
  std::size_t portion_max = SIZE_MAX;  // that the caller's rate limits let pass together
};

struct BatchAdvice {
  std::size_t items = 1;
  std::size_t concurrency = 1;
};

// One caller is told of half of what is free, so that two of them find room. Neither is 0.
BatchAdvice advise(const BatchLoad& load);

// "Batch-Advice: items=1000, concurrency=8", with its line end.
std::string batch_advice_field(const BatchAdvice& advice);

}  // namespace jindou::api
