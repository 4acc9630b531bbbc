// Whatever lies on the disk, the readers of logs, manifests and marks come to an end and answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "store/durable_mark.h"
#include "store/log_file.h"
#include "store/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jindou;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  store::LogFileReader reader([bytes](std::uint64_t offset) -> Result<std::string_view> {
    if (offset >= bytes.size()) return std::string_view();
    return bytes.substr(offset, store::kLogBlockBytes);
  });
  store::ManifestState manifest;
  std::uint64_t end = 0;
  for (;;) {
    const auto step = reader.next();
    if (!step) std::abort();
    if (*step == store::LogFileReader::Step::end) break;
    if (*step == store::LogFileReader::Step::damage) {
      if (reader.damage().record_offset > reader.damage().offset) std::abort();
      continue;
    }
    // Records ascend and lie within the file.
    if (reader.record().offset < end || reader.record().bytes.size() > size) std::abort();
    end = reader.record().offset + 1;
    (void)manifest.apply(reader.record().bytes);
    (void)store::find_log_marker(reader.record().bytes, 1);
  }
  store::ManifestState other;
  (void)other.apply(bytes);
  (void)other.tables();
  (void)other.first_log();
  return 0;
}
