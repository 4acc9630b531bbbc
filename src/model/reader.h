// Whom a read token speaks for: a client that reads what its user may read, and does nothing else
// (docs/decisions/0043-read-tokens.md). A value: made when a token is shown, shared, never changed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "model/device.h"

namespace jindou {

struct Reader {
  std::string uid;
  // The API key that the token was asked for with, and ends with; empty: it was none.
  std::string key;
  // The device whose own token this one ends with; none: it is bound to no device.
  std::optional<DeviceFlag> device_flag;
  // What Access::device_mark() says of the device's token when this one was asked for.
  std::string device_mark;
  bool operator==(const Reader&) const = default;
};

using ReaderPtr = std::shared_ptr<const Reader>;

}  // namespace jindou
