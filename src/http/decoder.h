// Content codings of request bodies taken off, piece by piece: gzip (RFC 1952, any number of
// members) and zstd (RFC 8878, any number of frames).
//
// Memory: what a decoder keeps is counted against the budget it was made with: 48 KiB for gzip; for
// zstd 160 KiB and the window of the frame, of at most 8 MiB (RFC 9659). How much comes out is for
// the caller to bound: a decoder never writes more than it is given room for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/byte_budget.h"
#include "http/content_coding.h"

namespace jindou::http {

// The body of one request. Not thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  enum class State : std::uint8_t {
    going_on,
    broken,   // problem() says how
    no_room,  // of the budget; nothing is wrong with the data
  };
  struct Step {
    std::size_t consumed = 0;  // of `input`, from its front
    std::size_t produced = 0;  // of `out`
    State state = State::going_on;
  };
  // Goes on until `input` or `out` is used up. More may be ready while `out` was filled: call again
  // with what is left, or nothing, of the input. Once it is not going_on there is no next call.
  virtual Step decode(std::string_view input, std::span<char> out) = 0;

  // Whether the data may end here: behind a whole member or frame, and all of it was produced.
  virtual bool complete() const = 0;

  // A sentence without a subject: "is damaged". Of a string constant.
  std::string_view problem() const { return problem_; }

 protected:
  Decoder() = default;
  Step fail(Step step, std::string_view problem) {
    step.state = State::broken;
    problem_ = problem;
    return step;
  }

 private:
  std::string_view problem_;
};

// Precondition: not identity. Null: the budget (null: nothing is counted) has no room.
std::unique_ptr<Decoder> make_decoder(Coding coding, std::shared_ptr<ByteBudget> budget);

}  // namespace jindou::http
