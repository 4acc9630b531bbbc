// Whatever an operator gives as an identity, it is read or refused; what was read is read again
// from what it is written as.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "store/store_identity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jindou;
  const auto identity =
      store::parse_identity_text(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!identity) return 0;
  const auto again = store::parse_identity_text(store::identity_text(*identity));
  if (!again || !(*again == *identity)) std::abort();
  return 0;
}
