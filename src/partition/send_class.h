// Whom a command of a batch has to wait for.
#pragma once

#include <cstdint>

namespace jindou::partition {

enum class SendClass : std::uint8_t {
  interactive,  // somebody waits for it: chat, single sends, small batches
  bulk,         // many messages at once: gives way to the others, and still moves on
};

}  // namespace jindou::partition
