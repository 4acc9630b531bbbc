// Devices: one login of a user.
#pragma once

#include <cstdint>

namespace jindou {

// 0 app, 1 web, 2 desktop, 99 system; any other value is accepted and is just a number.
enum class DeviceFlag : std::uint8_t { app = 0, web = 1, desktop = 2, system = 99 };
constexpr std::uint8_t raw(DeviceFlag flag) { return static_cast<std::uint8_t>(flag); }

// Not on the wire: stored with the token (POST /user/token).
enum class DeviceLevel : std::uint8_t { slave = 0, master = 1 };
constexpr std::uint8_t raw(DeviceLevel level) { return static_cast<std::uint8_t>(level); }

}  // namespace jindou
