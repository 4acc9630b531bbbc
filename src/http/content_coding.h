// Content codings (RFC 9110 sections 8.4 and 12.5.3): what a request says its body is coded with,
// and which coding its answer gets. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace jindou::http {

enum class Coding : std::uint8_t { identity, gzip, zstd };

// "gzip", "zstd"; "identity" for none.
std::string_view coding_name(Coding coding);

// What bodies may be coded with, as the value of Accept-Encoding in a 415.
inline constexpr std::string_view kCodingsTaken = "gzip, zstd";

// The Content-Encoding of one request, field by field.
class ContentEncoding {
 public:
  // The value of one field: names between commas, in any case; "x-gzip" is gzip, and "identity"
  // counts for nothing.
  void add(std::string_view value);
  // None: a coding that is not known, or several in turn.
  std::optional<Coding> coding() const;

 private:
  Coding coding_ = Coding::identity;
  bool refused_ = false;
};

// The coding that whoever sent this Accept-Encoding likes best: of gzip, zstd and identity the one
// with the greatest weight (q), of equals zstd, then gzip. Only a caller who names zstd gets it:
// "*" is gzip. Without a field, or where neither is accepted: identity, which is always understood.
Coding choose_coding(std::string_view accept_encoding);

// Whether bodies of that type get smaller: text, JSON, scripts. Not a stream of events, of which
// each is to leave at once, and not what is packed already.
bool is_compressible(std::string_view content_type);

}  // namespace jindou::http
