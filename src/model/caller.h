// Who asked for something, as the edge found out that took it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "model/api_key.h"
#include "model/device.h"

namespace jindou {

struct CallerIdentity {
  enum class Kind : std::uint8_t {
    open,     // HTTP, and nobody asks for a credential
    token,    // HTTP with managerToken or auth.superToken
    login,    // HTTP with the token of a login
    session,  // a client's connection
    key,      // HTTP with an API key
    reader,   // HTTP with a read token, which hands nothing to the core
  };
  Kind kind = Kind::open;
  // Of a session or a reader its user; of a token or a login the name it speaks for; of a key its
  // name; of open none.
  std::string name;
  ApiKeyPtr key;                             // null unless it is one
  DeviceFlag device_flag = DeviceFlag::app;  // of a session
};

// Made once for a session, or for a request, whose commands all share it: no command costs more
// than a reference. Null: the core asks for itself.
using CallerPtr = std::shared_ptr<const CallerIdentity>;

}  // namespace jindou
