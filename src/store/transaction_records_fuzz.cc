// Whatever a log carries, the decoder answers a record or an error; a record encodes again to bytes
// that mean the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "store/transaction_records.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jindou;
  const auto encoded = [](const store::CommitLogRecord& record) {
    return std::visit([](const auto& what) { return store::encode(what); }, record);
  };
  const auto record =
      store::decode_commit_log_record(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!record) return 0;
  const std::string once = encoded(*record);
  const auto again = store::decode_commit_log_record(once);
  if (!again || encoded(*again) != once) std::abort();
  return 0;
}
