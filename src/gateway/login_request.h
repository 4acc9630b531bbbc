// What a client asks for with its CONNECT.
#pragma once

#include <cstdint>
#include <string>

#include "codec/wkproto.h"
#include "model/device.h"

namespace jindou::gateway {

// A CONNECT that outlives the buffer it came in.
struct LoginRequest {
  std::string uid;
  std::string token;
  std::string device_id;
  std::string client_key;
  std::int64_t client_timestamp = 0;
  DeviceFlag device_flag = DeviceFlag::app;
  bool encrypted = true;  // the client's key is needed

  static LoginRequest from(const codec::Connect& connect);
};

}  // namespace jindou::gateway
