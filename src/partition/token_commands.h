// Changes of device tokens. Each belongs to the partition of its user.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "model/device.h"

namespace jindou::partition {

// Registers or replaces the token of one (uid, device_flag). Errors: denied when the user is
// banned; conflict when `only_own` is set and the user has another token, of whatever device flag,
// one made worthless included.
struct StoreToken {
  std::string uid;
  DeviceFlag device_flag = DeviceFlag::app;
  DeviceLevel level = DeviceLevel::slave;
  std::string token;
  bool only_own = false;
};

// Makes the tokens of a user worthless (POST /user/device_quit). Without a flag: of all devices.
// The level of each device stays.
struct ClearTokens {
  std::string uid;
  std::optional<DeviceFlag> device_flag;
};

using TokenCommand = std::variant<StoreToken, ClearTokens>;

}  // namespace jindou::partition
