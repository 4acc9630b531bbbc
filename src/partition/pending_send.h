// A batch of sends under way, for whoever waits for its results.
#pragma once

#include <functional>
#include <vector>

#include "model/message.h"

namespace jindou::partition {

// Results aligned with the commands. Called exactly once, on a thread of the core; must not block
// (an edge posts to its own shard).
using SendDone = std::function<void(std::vector<SendResult>)>;

// Kept by the edge that wants to stop waiting at a deadline.
class PendingSend {
 public:
  virtual ~PendingSend() = default;
  // Answers now: what is decided as decided; what no partition has begun as refused with code
  // `overloaded` (it is not begun any more); everything else as State::unknown with code
  // `deadline`. No effect once the answer was given. Thread-safe.
  virtual void expire() = 0;
  // For who tries again, which he said when he posted them (CommandRouter::offer_send): the
  // commands, when all of them were refused together as `overloaded` before any partition had one,
  // and the caller was told so; else none, also when expire() was faster. After the answer, once.
  virtual std::vector<SendCommand> take_back() = 0;
};

}  // namespace jindou::partition
