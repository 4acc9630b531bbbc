// The bytes of a file or of standard input, which need not have a length nor come at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::caller {

// Not thread-safe.
class Input {
 public:
  // "-": standard input. Errors: invalid, with a sentence that names the file.
  static Result<Input> open(const std::string& path);
  // Of a descriptor that stays somebody else's; for tests.
  Input(int descriptor, std::string name);
  ~Input();
  Input(Input&& other) noexcept;
  Input& operator=(Input&&) = delete;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  enum class Read : std::uint8_t { piece, later, end };
  // The next bytes, at most 256 KiB, without waiting for them; a piece holds until the next call.
  // Errors: storage.
  Result<Read> read(std::string_view& piece);
  // Until there is something to read, or a signal comes.
  void wait() const;
  // What poll() can wait for; -1: it never has to.
  int descriptor_to_wait_for() const { return waits_ ? descriptor_ : -1; }

  // "users.csv", "standard input".
  const std::string& name() const { return name_; }
  std::optional<std::uint64_t> size() const { return size_; }

 private:
  int descriptor_;
  bool owned_ = false;
  bool waits_ = false;
  std::string name_;
  std::optional<std::uint64_t> size_;
  std::vector<char> buffer_;
};

}  // namespace jindou::caller
