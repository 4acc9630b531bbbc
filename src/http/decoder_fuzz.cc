// Arbitrary bytes as a coded body, given whole and in small pieces: both readings must agree, the
// decoder must stay within its room and its memory, and what was decoded survives being coded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/content_coding.h"
#include "http/decoder.h"
#include "http/encoder.h"

namespace {

using jindou::ByteBudget;
using jindou::http::Coding;
using jindou::http::Decoder;

constexpr std::size_t kPlainMax = std::size_t{1} << 20;

struct Outcome {
  std::string plain;
  Decoder::State state = Decoder::State::going_on;
  bool complete = false;
};

// `pieces`: the sizes of the first ones; those behind have the size of the last.
Outcome decode(Coding coding, std::string_view coded, std::vector<std::size_t> pieces,
               std::size_t room) {
  Outcome outcome;
  // The window of zstd, and what is around it.
  const auto budget = std::make_shared<ByteBudget>(std::size_t{9} << 20);
  const auto decoder = jindou::http::make_decoder(coding, budget);
  if (!decoder) std::abort();
  std::string out(room, '\0');
  for (std::size_t n = 0; !coded.empty() && outcome.plain.size() < kPlainMax; ++n) {
    std::string_view input = coded.substr(0, pieces[std::min(n, pieces.size() - 1)]);
    coded.remove_prefix(input.size());
    Decoder::Step step;
    do {
      step = decoder->decode(input, out);
      if (step.consumed > input.size() || step.produced > room) std::abort();
      input.remove_prefix(step.consumed);
      outcome.plain.append(out, 0, step.produced);
      outcome.state = step.state;
      if (step.state == Decoder::State::no_room) std::abort();
      if (step.state == Decoder::State::broken) {
        if (decoder->problem().empty()) std::abort();
        return outcome;
      }
      if (step.consumed == 0 && step.produced == 0 && !input.empty()) std::abort();
    } while ((!input.empty() || step.produced == room) && outcome.plain.size() < kPlainMax);
  }
  outcome.complete = coded.empty() && decoder->complete();
  return outcome;
}

void check(Coding coding, std::string_view coded, std::size_t first) {
  const Outcome whole = decode(coding, coded, {coded.size()}, 65'536);
  const Outcome pieces = decode(coding, coded, {first, 3}, 1000);
  // One cut alone: what stands behind it is given as a whole.
  const Outcome cut = decode(coding, coded, {first, coded.size()}, 65'536);
  if (whole.plain.size() >= kPlainMax || pieces.plain.size() >= kPlainMax) return;
  if (cut.complete != whole.complete || cut.state != whole.state) std::abort();
  if (whole.complete != pieces.complete) std::abort();
  if (!whole.complete) return;
  if (whole.plain != pieces.plain) std::abort();
  const auto encoder = jindou::http::make_encoder(coding, whole.plain.size(), nullptr);
  std::string again;
  if (!encoder->encode(whole.plain, true, again)) std::abort();
  const Outcome back = decode(coding, again, {1000}, 1000);
  if (!back.complete || back.plain != whole.plain) std::abort();
}

}  // namespace

// The first byte chooses the coding and where the first piece ends.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t first = 1 + data[0] / 2;
  if (!input.empty()) check(data[0] % 2 == 0 ? Coding::gzip : Coding::zstd, input, first);
  (void)jindou::http::choose_coding(input);
  jindou::http::ContentEncoding encoding;
  encoding.add(input);
  (void)encoding.coding();
  return 0;
}
