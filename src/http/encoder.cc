#include "http/encoder.h"

#include <zlib.h>
// As in decoder.cc: the allocator of a context.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "http/counted_memory.h"

namespace jindou::http {
namespace {

constexpr int kGzipLevel = 1;
constexpr int kEncodedWindowBits = 16 + 15;
constexpr int kGzipMemoryLevel = 8;  // zlib's default
constexpr int kZstdLevel = 1;
// The output grows by at least this.
constexpr std::size_t kOutStep = 16384;

// Calls `work(place, room)`, which returns how much it wrote, with room behind the end of `out`.
template <class Work>
void append_with(std::string& out, std::size_t room, const Work& work) {
  const std::size_t before = out.size();
  out.resize(before + room);
  out.resize(before + work(out.data() + before, room));
}

class GzipEncoder final : public Encoder {
 public:
  explicit GzipEncoder(std::shared_ptr<ByteBudget> budget) : memory_(std::move(budget)) {
    stream_.zalloc = CountedMemory::allocate_items_for;
    stream_.zfree = CountedMemory::free_for;
    stream_.opaque = &memory_;
    made_ = deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, kEncodedWindowBits, kGzipMemoryLevel,
                         Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~GzipEncoder() override {
    if (made_) deflateEnd(&stream_);
  }

  bool made() const { return made_; }

  bool encode(std::string_view piece, bool last, std::string& out) override {
    const auto given = static_cast<uInt>(piece.size());
    JD_ASSERT(given == piece.size());
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = given;
    int code = Z_OK;
    bool full = true;
    while (code == Z_OK && full) {
      append_with(out, kOutStep, [&](char* place, std::size_t room) {
        stream_.next_out = reinterpret_cast<Bytef*>(place);
        stream_.avail_out = static_cast<uInt>(room);
        code = deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
        full = stream_.avail_out == 0;
        return room - stream_.avail_out;
      });
    }
    // Z_BUF_ERROR: the output ended just where the room did, and there was nothing more to do.
    return last ? code == Z_STREAM_END : code == Z_OK || code == Z_BUF_ERROR;
  }

 private:
  CountedMemory memory_;
  z_stream stream_{};
  bool made_ = false;
};

class ZstdEncoder final : public Encoder {
 public:
  ZstdEncoder(std::size_t bytes, std::shared_ptr<ByteBudget> budget) : memory_(std::move(budget)) {
    context_ =
        ZSTD_createCCtx_advanced({CountedMemory::allocate_for, CountedMemory::free_for, &memory_});
    if (context_ == nullptr) return;
    const std::size_t level = ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kZstdLevel);
    // Smaller tables for smaller bodies.
    const std::size_t size = ZSTD_CCtx_setPledgedSrcSize(context_, bytes);
    JD_ASSERT(ZSTD_isError(level) == 0 && ZSTD_isError(size) == 0);
  }
  ~ZstdEncoder() override { ZSTD_freeCCtx(context_); }

  bool made() const { return context_ != nullptr; }

  bool encode(std::string_view piece, bool last, std::string& out) override {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    std::size_t left = 0;
    do {
      append_with(out, kOutStep, [&](char* place, std::size_t room) {
        ZSTD_outBuffer to{place, room, 0};
        left = ZSTD_compressStream2(context_, &to, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        return to.pos;
      });
      if (ZSTD_isError(left) != 0) return false;
    } while (last ? left > 0 : in.pos < in.size);
    return true;
  }

 private:
  CountedMemory memory_;
  ZSTD_CCtx* context_ = nullptr;
};

}  // namespace

std::unique_ptr<Encoder> make_encoder(Coding coding, std::size_t bytes,
                                      std::shared_ptr<ByteBudget> budget) {
  JD_ASSERT(coding != Coding::identity);
  if (coding == Coding::gzip) {
    auto encoder = std::make_unique<GzipEncoder>(std::move(budget));
    if (!encoder->made()) return nullptr;
    return encoder;
  }
  auto encoder = std::make_unique<ZstdEncoder>(bytes, std::move(budget));
  if (!encoder->made()) return nullptr;
  return encoder;
}

}  // namespace jindou::http
