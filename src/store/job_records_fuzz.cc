// Whatever lies on the disk, the decoders of jobs answer a value or an error; what can be decoded
// encodes to bytes that mean the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "store/job_records.h"

namespace {

using namespace jindou;

// Empty when they are more than the builder takes.
std::string build(const std::vector<JobItem>& items) {
  store::JobInputBuilder builder;
  for (const JobItem& item : items) {
    const bool fits = item.refusal ? builder.refuse(item.refusal->code, item.refusal->text)
                                   : builder.add(item.message);
    if (!fits) return {};
  }
  return builder.take().bytes;
}

void check_input(std::string_view bytes) {
  const auto items = store::decode_job_input(bytes);
  if (!items) return;
  const std::string once = build(*items);
  if (once.empty()) return;
  const auto again = store::decode_job_input(once);
  if (!again || again->size() != items->size() || build(*again) != once) std::abort();
}

void check_results(std::string_view bytes) {
  const auto results = store::decode_job_results(bytes);
  if (!results) return;
  const auto again = store::decode_job_results(store::encode(*results));
  if (!again || *again != *results) std::abort();
}

void check_job(std::string_view bytes) {
  const auto job = store::decode_job(bytes, "id");
  if (!job) return;
  const auto again = store::decode_job(store::encode(*job), "id");
  if (!again || *again != *job) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_input(bytes);
  check_results(bytes);
  check_job(bytes);
  return 0;
}
