#include "http/content_coding.h"

#include <cstddef>

#include "base/ascii.h"

namespace jindou::http {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The part of `text` before `mark`, which is taken off together with it.
std::string_view cut_off(std::string_view& text, char mark) {
  const auto end = text.find(mark);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return trimmed(part);
}

bool is(std::string_view text, std::string_view name) { return ascii_iequals(text, name); }

bool is_gzip(std::string_view name) { return is(name, "gzip") || is(name, "x-gzip"); }

// Of a weight (RFC 9110 section 12.4.2), in thousandths; one that is malformed is 0.
int weight_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() < '0' || text.front() > '1') return 0;
  int weight = (text.front() - '0') * 1000;
  if (text.size() == 1) return weight;
  if (text[1] != '.') return 0;
  int unit = 100;
  for (const char digit : text.substr(2)) {
    if (digit < '0' || digit > '9') return 0;
    weight += (digit - '0') * unit;
    unit /= 10;
  }
  return weight <= 1000 ? weight : 0;
}

}  // namespace

std::string_view coding_name(Coding coding) {
  switch (coding) {
    case Coding::gzip: return "gzip";
    case Coding::zstd: return "zstd";
    case Coding::identity: break;
  }
  return "identity";
}

void ContentEncoding::add(std::string_view value) {
  while (!value.empty()) {
    const std::string_view name = cut_off(value, ',');
    if (name.empty() || is(name, "identity")) continue;
    const bool known = is_gzip(name) || is(name, "zstd");
    if (!known || coding_ != Coding::identity) refused_ = true;
    coding_ = is_gzip(name) ? Coding::gzip : Coding::zstd;
  }
}

std::optional<Coding> ContentEncoding::coding() const {
  if (refused_) return std::nullopt;
  return coding_;
}

Coding choose_coding(std::string_view accept_encoding) {
  std::optional<int> gzip;
  std::optional<int> zstd;
  std::optional<int> identity;
  std::optional<int> any;
  while (!accept_encoding.empty()) {
    std::string_view element = cut_off(accept_encoding, ',');
    const std::string_view name = cut_off(element, ';');
    int weight = 1000;
    while (!element.empty()) {
      const std::string_view parameter = cut_off(element, ';');
      if (parameter.size() >= 2 && is(parameter.substr(0, 2), "q=")) {
        weight = weight_of(parameter.substr(2));
      }
    }
    if (is_gzip(name)) gzip = weight;
    if (is(name, "zstd")) zstd = weight;
    if (is(name, "identity")) identity = weight;
    if (name == "*") any = weight;
  }
  const int gzip_weight = gzip.value_or(any.value_or(0));
  const int zstd_weight = zstd.value_or(0);
  const Coding best = zstd_weight >= gzip_weight ? Coding::zstd : Coding::gzip;
  const int best_weight = best == Coding::zstd ? zstd_weight : gzip_weight;
  if (best_weight == 0 || identity.value_or(0) > best_weight) return Coding::identity;
  return best;
}

bool is_compressible(std::string_view content_type) {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  if (type == "text/event-stream") return false;
  return type.starts_with("text/") || type == "application/json" ||
         type == "application/javascript" || type == "image/svg+xml";
}

}  // namespace jindou::http
