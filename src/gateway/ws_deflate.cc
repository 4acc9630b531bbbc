#include "gateway/ws_deflate.h"

#include <algorithm>
#include <charconv>
#include <new>
#include <utility>

#include "base/ascii.h"
#include "base/free_memory.h"

namespace jindou::gateway {

namespace {

// What every message ends with before it is cut off (RFC 7692 section 7.2.1).
constexpr std::string_view kTail("\0\0\xff\xff", 4);

// Chat messages are short and many: the fastest level finds most of what the best one does.
constexpr int kLevel = Z_BEST_SPEED;
constexpr int kMemoryLevel = 8;
// Scratch space beyond this is given back after the message that needed it.
constexpr std::size_t kKeptBytes = 256 << 10;
constexpr std::size_t kOutStep = 4 << 10;

Bytef* bytes_of(std::string_view text) {
  // zlib does not write there; its interface is older than const.
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

// A window size as RFC 7692 writes it: 8 to 15 without a leading zero.
std::optional<unsigned> window_bits(std::string_view value) {
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), bits);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  if (bits < 8 || bits > 15 || value.front() == '0') return std::nullopt;
  return bits;
}

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Cuts the part before the next `separator` off the front of `rest`. A separator inside a quoted
// value is taken for one as well; the parameters of this extension have no such values.
std::string_view take_part(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return without_blanks(part);
}

struct Parameter {
  std::string_view name;
  std::optional<std::string_view> value;
};

Parameter parse_parameter(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return {text, std::nullopt};
  std::string_view value = without_blanks(text.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return {without_blanks(text.substr(0, equals)), value};
}

bool is_name(std::string_view text, std::string_view name) {
  return ascii_iequals({text.data(), text.size()}, {name.data(), name.size()});
}

// `parameters` is what follows the name of the extension.
std::optional<DeflateAgreement> agree(std::string_view parameters) {
  DeflateAgreement agreement;
  bool seen_server_takeover = false;
  bool seen_client_takeover = false;
  bool seen_server_bits = false;
  bool seen_client_bits = false;
  while (!parameters.empty()) {
    const Parameter parameter = parse_parameter(take_part(parameters, ';'));
    if (is_name(parameter.name, "server_no_context_takeover")) {
      if (std::exchange(seen_server_takeover, true) || parameter.value) return std::nullopt;
    } else if (is_name(parameter.name, "client_no_context_takeover")) {
      if (std::exchange(seen_client_takeover, true) || parameter.value) return std::nullopt;
    } else if (is_name(parameter.name, "server_max_window_bits")) {
      const auto bits = window_bits(parameter.value.value_or(""));
      // zlib cannot write raw streams with a window of 256 bytes.
      if (std::exchange(seen_server_bits, true) || !bits || *bits == 8) return std::nullopt;
      agreement.server_window_bits = static_cast<std::uint8_t>(*bits);
    } else if (is_name(parameter.name, "client_max_window_bits")) {
      // A hint; what we unpack may have any window.
      if (std::exchange(seen_client_bits, true)) return std::nullopt;
      if (parameter.value && !window_bits(*parameter.value)) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return agreement;
}

}  // namespace

std::optional<DeflateAgreement> choose_deflate(std::string_view extensions) {
  while (!extensions.empty()) {
    std::string_view offer = take_part(extensions, ',');
    if (!is_name(take_part(offer, ';'), "permessage-deflate")) continue;
    if (const auto agreement = agree(offer)) return agreement;
  }
  return std::nullopt;
}

std::string deflate_response(const DeflateAgreement& agreement) {
  std::string out = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  if (agreement.server_window_bits != 15) {
    out += "; server_max_window_bits=" + std::to_string(agreement.server_window_bits);
  }
  return out;
}

// ---- out ------------------------------------------------------------------------------------

WsDeflater::~WsDeflater() {
  for (const auto& stream : streams_) {
    if (stream) deflateEnd(stream.get());
  }
}

std::optional<std::string_view> WsDeflater::deflate(std::string_view message,
                                                    unsigned window_bits) {
  if (message.empty() || message.size() < min_bytes_) return std::nullopt;
  std::unique_ptr<z_stream>& stream = streams_.at(window_bits - kBitsMin);
  if (stream == nullptr) {
    auto made = std::make_unique<z_stream>();
    if (deflateInit2(made.get(), kLevel, Z_DEFLATED, -static_cast<int>(window_bits), kMemoryLevel,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();  // the only reason it can have
    }
    stream = std::move(made);
  } else {
    deflateReset(stream.get());
  }
  if (out_.size() > kKeptBytes) free_memory(out_);
  // Room for less than the message itself, and for the tail.
  out_.resize(message.size() + kTail.size());
  stream->next_in = bytes_of(message);
  stream->avail_in = static_cast<uInt>(message.size());
  stream->next_out = bytes_of(out_);
  stream->avail_out = static_cast<uInt>(out_.size());
  const int status = ::deflate(stream.get(), Z_SYNC_FLUSH);
  if (status != Z_OK || stream->avail_out == 0) return std::nullopt;
  const std::string_view packed = std::string_view(out_).substr(0, out_.size() - stream->avail_out);
  return packed.substr(0, packed.size() - kTail.size());
}

// ---- in -------------------------------------------------------------------------------------

WsInflater::~WsInflater() {
  if (stream_) inflateEnd(stream_.get());
}

WsInflater::Status WsInflater::inflate(std::string_view payload, std::size_t message_bytes_max,
                                       std::string_view& message) {
  if (stream_ == nullptr) {
    auto made = std::make_unique<z_stream>();
    if (inflateInit2(made.get(), -MAX_WBITS) != Z_OK) throw std::bad_alloc();
    stream_ = std::move(made);
  } else {
    inflateReset(stream_.get());
  }
  if (out_.size() > kKeptBytes) free_memory(out_);
  std::size_t have = 0;
  bool at_border = false;  // between two blocks
  for (const std::string_view part : {payload, kTail}) {
    stream_->next_in = bytes_of(part);
    stream_->avail_in = static_cast<uInt>(part.size());
    for (bool more = true; more;) {
      if (have == out_.size()) out_.resize(std::max(kOutStep, out_.size() * 2));
      // One byte beyond the limit tells that there is more.
      const std::size_t room = std::min(out_.size(), message_bytes_max + 1) - have;
      stream_->next_out = bytes_of(out_) + have;
      stream_->avail_out = static_cast<uInt>(room);
      const int status = ::inflate(stream_.get(), Z_SYNC_FLUSH);
      have += room - stream_->avail_out;
      if (have > message_bytes_max) return Status::too_long;
      if (status == Z_STREAM_END) {
        // A final block; another stream may follow in the same message.
        inflateReset(stream_.get());
        at_border = true;
        more = stream_->avail_in > 0;
        continue;
      }
      if (status != Z_OK && status != Z_BUF_ERROR) return Status::broken;
      at_border = (static_cast<unsigned>(stream_->data_type) & 128U) != 0;
      more = stream_->avail_out == 0;
    }
  }
  if (!at_border) return Status::broken;
  message = std::string_view(out_).substr(0, have);
  return Status::ok;
}

}  // namespace jindou::gateway
