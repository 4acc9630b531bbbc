#include "access/read_token.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <system_error>
#include <utility>

#include "access/signed_token.h"

namespace jindou::access {
namespace {

constexpr std::string_view kReadAudience = "jindou:read";

bool is_for_reading(jwt_t& token) { return claim_of(token, "aud") == kReadAudience; }

// False: it is no number of a device.
bool take_device(const std::string& text, Reader& reader) {
  if (text.empty()) return true;
  std::uint8_t flag = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, flag);
  if (error != std::errc() || last != end) return false;
  reader.device_flag = static_cast<DeviceFlag>(flag);
  return true;
}

}  // namespace

std::string make_read_token(const Reader& reader, std::string_view secret,
                            const std::string& issuer, std::int64_t issued_at,
                            std::int64_t expires_at) {
  const JwtPtr token = new_token(issuer, issued_at, expires_at);
  if (token == nullptr) return {};
  bool filled =
      add_claim(*token, "aud", std::string(kReadAudience)) && add_claim(*token, "sub", reader.uid);
  if (!reader.key.empty()) filled = filled && add_claim(*token, "key", reader.key);
  if (reader.device_flag) {
    filled = filled && add_claim(*token, "device", std::to_string(raw(*reader.device_flag))) &&
             add_claim(*token, "mark", reader.device_mark);
  }
  return filled ? sign_token(*token, secret) : std::string();
}

ShownReadToken judge_read_token(std::string_view token, std::string_view secret,
                                const std::string& issuer, std::int64_t now) {
  ShownReadToken shown;
  // Most of what callers show has no dots.
  if (std::ranges::count(token, '.') != 2) return shown;
  const JwtPtr said = read_unverified_token(token);
  if (said == nullptr || !is_for_reading(*said)) return shown;
  shown.is = ShownReadToken::Is::wrong;
  const JwtPtr read = read_signed_token(token, secret, issuer);
  if (read == nullptr || !is_for_reading(*read)) return shown;
  Reader reader;
  reader.uid = claim_of(*read, "sub");
  reader.key = claim_of(*read, "key");
  reader.device_mark = claim_of(*read, "mark");
  if (reader.uid.empty() || !take_device(claim_of(*read, "device"), reader)) return shown;
  if (is_over(*read, now)) {
    shown.is = ShownReadToken::Is::over;
    return shown;
  }
  shown.is = ShownReadToken::Is::good;
  shown.reader = std::make_shared<const Reader>(std::move(reader));
  return shown;
}

}  // namespace jindou::access
