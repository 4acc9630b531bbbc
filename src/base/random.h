// Randomness as an injected dependency. Production uses the system's cryptographic source; a
// simulation uses a seeded generator and replays a run exactly.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace jindou {

class Random {
 public:
  virtual ~Random() = default;
  // Fills `out` with random bytes. Thread-safe in SystemRandom; a seeded one need not be.
  virtual void fill(std::span<unsigned char> out) = 0;

  std::uint64_t next_u64();
  // `bytes` random bytes as lower-case hex digits (2 × bytes characters).
  std::string hex(std::size_t bytes);
};

// getrandom(2), buffered per thread so that an id costs no system call. Suitable for keys and
// salts.
class SystemRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override;
};

}  // namespace jindou
