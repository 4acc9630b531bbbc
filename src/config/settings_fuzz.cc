// No text makes the settings parser crash, and what it accepts passes validate().
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "config/loaded_settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = jindou::config::load_settings_text(text, {}, {});
  if (loaded) JD_ASSERT(jindou::config::validate(loaded->settings).has_value());
  return 0;
}
