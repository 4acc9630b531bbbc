// Content codings put on answers: gzip and zstd, at their fastest level, for bodies of which the
// whole is there. For JSON of messages that is a fifth of the size and less.
//
// Memory: counted against the budget it was made with; 260 KiB for gzip, up to 1.5 MiB for zstd.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_budget.h"
#include "http/content_coding.h"

namespace jindou::http {

// One body. Not thread-safe.
class Encoder {
 public:
  virtual ~Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  // Appends to `out` what `piece` becomes, some of it maybe only later; all of it with the `last`.
  // False: there is no room for what it needs, and nothing of the body can be used.
  virtual bool encode(std::string_view piece, bool last, std::string& out) = 0;

 protected:
  Encoder() = default;
};

// For a body of `bytes`. Precondition: not identity. Null: the budget (null: nothing is counted)
// has no room.
std::unique_ptr<Encoder> make_encoder(Coding coding, std::size_t bytes,
                                      std::shared_ptr<ByteBudget> budget);

}  // namespace jindou::http
