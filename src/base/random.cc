#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.h"

namespace jindou {

std::uint64_t Random::next_u64() {
  std::array<unsigned char, 8> bytes{};
  fill(bytes);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

std::string Random::hex(std::size_t bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string raw(bytes, '\0');
  fill({reinterpret_cast<unsigned char*>(raw.data()), raw.size()});
  std::string out;
  out.reserve(bytes * 2);
  for (const char byte : raw) {
    out.push_back(kDigits[static_cast<unsigned char>(byte) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(byte) & 15]);
  }
  return out;
}

namespace {

struct RandomPool {
  std::array<unsigned char, 1024> bytes{};
  std::size_t used = bytes.size();
};

// getrandom never fails for small requests once the kernel's pool is ready (getrandom(2)).
void read_system(unsigned char* out, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::getrandom(out, std::min<std::size_t>(size, 256), 0);
    if (got < 0) continue;  // EINTR only
    out += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace

void SystemRandom::fill(std::span<unsigned char> out) {
  thread_local RandomPool pool;
  if (out.size() > pool.bytes.size() / 4) {
    read_system(out.data(), out.size());
    return;
  }
  if (pool.used + out.size() > pool.bytes.size()) {
    read_system(pool.bytes.data(), pool.bytes.size());
    pool.used = 0;
  }
  std::memcpy(out.data(), pool.bytes.data() + pool.used, out.size());
  // A used byte never leaves the pool twice, and none lingers in memory.
  std::memset(pool.bytes.data() + pool.used, 0, out.size());
  pool.used += out.size();
}

}  // namespace jindou
