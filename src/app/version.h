#pragma once

namespace jindou::app {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace jindou::app
