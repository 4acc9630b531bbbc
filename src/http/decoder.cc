#include "http/decoder.h"

#include <zlib.h>
// The allocator of a context is outside of what zstd promises to keep for ever; Debian's shared
// library exports it.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/assert.h"
#include "http/counted_memory.h"

namespace jindou::http {
namespace {

// zlib: with a header and a trailer of gzip, and a window of up to 32 KiB.
constexpr int kGzipWindowBits = 16 + 15;
// RFC 9659: nobody may count on more than 8 MiB.
constexpr int kZstdWindowLogMax = 23;

class GzipDecoder final : public Decoder {
 public:
  explicit GzipDecoder(std::shared_ptr<ByteBudget> budget) : memory_(std::move(budget)) {
    stream_.zalloc = CountedMemory::allocate_items_for;
    stream_.zfree = CountedMemory::free_for;
    stream_.opaque = &memory_;
    made_ = inflateInit2(&stream_, kGzipWindowBits) == Z_OK;
  }
  ~GzipDecoder() override {
    if (made_) inflateEnd(&stream_);
  }

  bool made() const { return made_; }
  bool complete() const override { return ended_; }

  Step decode(std::string_view input, std::span<char> out) override {
    Step step;
    while (step.produced < out.size()) {
      if (ended_) {
        if (step.consumed == input.size()) break;
        if (inflateReset(&stream_) != Z_OK) return fail(step, "is damaged");
        ended_ = false;
      }
      const std::string_view rest = input.substr(step.consumed);
      const std::span<char> room = out.subspan(step.produced);
      // zlib counts in 32 bits and does not write to the input.
      const auto given = static_cast<uInt>(rest.size());
      const auto offered = static_cast<uInt>(room.size());
      JD_ASSERT(given == rest.size() && offered == room.size());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
      stream_.avail_in = given;
      stream_.next_out = reinterpret_cast<Bytef*>(room.data());
      stream_.avail_out = offered;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      step.consumed += given - stream_.avail_in;
      step.produced += offered - stream_.avail_out;
      if (code == Z_STREAM_END) {
        ended_ = true;
      } else if (code == Z_BUF_ERROR) {
        if (stream_.avail_in > 0) return fail(step, "is damaged");
        break;  // nothing is left to do
      } else if (code == Z_MEM_ERROR) {
        step.state = State::no_room;
        break;
      } else if (code != Z_OK) {
        return fail(step, code == Z_NEED_DICT ? "needs a dictionary" : "is damaged");
      } else if (stream_.avail_in == 0 && stream_.avail_out > 0) {
        break;
      }
    }
    return step;
  }

 private:
  CountedMemory memory_;
  z_stream stream_{};
  bool made_ = false;
  bool ended_ = false;
};

// Of the longest header of a frame (RFC 8878, 3.1.1): magic number, descriptor, window, dictionary,
// size of the content.
constexpr std::size_t kFrameHeaderMax = 4 + 1 + 1 + 4 + 8;

std::string_view zstd_problem(ZSTD_ErrorCode code) {
  switch (code) {
    case ZSTD_error_frameParameter_windowTooLarge:
      return "needs a window of more than 8 MiB (RFC 9659): compress it at a lower level";
    case ZSTD_error_dictionary_wrong: return "needs a dictionary";
    default: return "is damaged";
  }
}

class ZstdDecoder final : public Decoder {
 public:
  explicit ZstdDecoder(std::shared_ptr<ByteBudget> budget) : memory_(std::move(budget)) {
    context_ =
        ZSTD_createDCtx_advanced({CountedMemory::allocate_for, CountedMemory::free_for, &memory_});
    if (context_ == nullptr) return;
    const std::size_t set =
        ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLogMax);
    JD_ASSERT(ZSTD_isError(set) == 0);
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }

  bool made() const { return context_ != nullptr; }
  bool complete() const override { return at_boundary_ && seen_; }

  Step decode(std::string_view input, std::span<char> out) override {
    Step step;
    while (step.produced < out.size() && (step.consumed < input.size() || pending_)) {
      const std::string_view rest = input.substr(step.consumed);
      // The header of a frame goes byte by byte. A frame that is there as a whole would be decoded
      // in a way that does not look at its window. And where a header is wrong, the library looks
      // whether what it was just given begins in a format of before RFC 8878, wherever that stands
      // in the body, and decodes that with memory that nothing bounds: it needs four bytes for it.
      const bool in_header = of_frame_ < kFrameHeaderMax;
      ZSTD_inBuffer in{rest.data(), in_header ? std::min<std::size_t>(1, rest.size()) : rest.size(),
                       0};
      ZSTD_outBuffer room{out.data() + step.produced, out.size() - step.produced, 0};
      const std::size_t code = ZSTD_decompressStream(context_, &room, &in);
      step.consumed += in.pos;
      step.produced += room.pos;
      if (ZSTD_isError(code) != 0) {
        const ZSTD_ErrorCode error = ZSTD_getErrorCode(code);
        if (error != ZSTD_error_memory_allocation) return fail(step, zstd_problem(error));
        step.state = State::no_room;
        return step;
      }
      seen_ = true;
      at_boundary_ = code == 0;
      of_frame_ = at_boundary_ ? 0 : of_frame_ + in.pos;
      // A full room may hide what is still to come.
      pending_ = !at_boundary_ && room.pos == room.size;
      if (in.pos == 0 && room.pos == 0) {
        if (!rest.empty()) return fail(step, "is damaged");
        break;
      }
    }
    return step;
  }

 private:
  CountedMemory memory_;
  ZSTD_DCtx* context_ = nullptr;
  bool seen_ = false;
  bool at_boundary_ = true;
  std::size_t of_frame_ = 0;  // bytes of the frame that is being read
  bool pending_ = false;
};

template <class Made>
std::unique_ptr<Decoder> made_or_null(std::shared_ptr<ByteBudget> budget) {
  auto decoder = std::make_unique<Made>(std::move(budget));
  if (!decoder->made()) return nullptr;
  return decoder;
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(Coding coding, std::shared_ptr<ByteBudget> budget) {
  JD_ASSERT(coding != Coding::identity);
  if (coding == Coding::gzip) return made_or_null<GzipDecoder>(std::move(budget));
  return made_or_null<ZstdDecoder>(std::move(budget));
}

}  // namespace jindou::http
