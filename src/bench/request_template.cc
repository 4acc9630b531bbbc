#include "bench/request_template.h"

#include <fmt/format.h>

#include <random>

#include "base/assert.h"
#include "codec/base64.h"

namespace jindou::bench {

namespace {

constexpr std::size_t kNumberDigits = 10;
constexpr std::size_t kItemDigits = 3;

void append_digits(std::string& out, std::uint64_t value, std::size_t width) {
  const std::size_t at = out.size();
  out.resize(at + width);
  write_digits(out.data() + at, value, width);
}

}  // namespace

void write_digits(char* at, std::uint64_t value, std::size_t width) {
  for (std::size_t i = width; i > 0; --i) {
    at[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

std::string GroupNames::name(unsigned index) const {
  std::string out = prefix;
  append_digits(out, index, kDigits);
  return out;
}

std::vector<std::string> make_payloads(std::size_t count, std::size_t bytes, std::uint64_t seed) {
  static constexpr std::string_view kHead = R"({"type":1,"content":")";
  static constexpr std::string_view kTail = R"("})";
  static constexpr std::string_view kLetters =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  JD_ASSERT(bytes >= kHead.size() + kTail.size());
  std::mt19937_64 random(seed);
  std::vector<std::string> payloads;
  payloads.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::string payload(kHead);
    while (payload.size() + kTail.size() < bytes) {
      payload.push_back(kLetters[random() % kLetters.size()]);
    }
    payload.append(kTail);
    payloads.push_back(std::move(payload));
  }
  return payloads;
}

RequestTemplate::RequestTemplate(const Shape& shape, const std::vector<std::string>& payloads)
    : group_count_(shape.groups.count) {
  const bool batch = shape.form == Form::batch;
  const bool lines = shape.form == Form::lines;
  JD_ASSERT(batch || lines || shape.items == 1);
  JD_ASSERT(shape.items >= 1);
  JD_ASSERT(shape.items <= 1000);
  JD_ASSERT(!payloads.empty());
  std::string body;
  std::vector<Places> places;
  if (batch) body.push_back('[');
  for (std::size_t i = 0; i < shape.items; ++i) {
    if (batch && i != 0) body.push_back(',');
    Places place;
    body.append(R"({"header":{"no_persist":0,"red_dot":1,"sync_once":0},"client_msg_no":")");
    body.append(shape.run_id).push_back('-');
    place.number = body.size();
    append_digits(body, 0, kNumberDigits);
    body.push_back('-');
    append_digits(body, i, kItemDigits);
    body.append(R"(","from_uid":")").append(shape.from_uid);
    body.append(R"(","channel_id":")").append(shape.groups.prefix);
    place.group = body.size();
    append_digits(body, 0, GroupNames::kDigits);
    body.append(R"(","channel_type":2,"expire":0,"payload":")");
    codec::base64_append(body, payloads[i % payloads.size()]);
    body.append("\"}");
    if (lines) body.push_back('\n');
    places.push_back(place);
  }
  if (batch) body.push_back(']');

  if (lines) {
    bytes_ = fmt::format("{:x}\r\n", body.size());
  } else {
    bytes_ = batch ? "POST /message/sendbatch HTTP/1.1\r\n" : "POST /message/send HTTP/1.1\r\n";
    bytes_.append("Host: ").append(shape.host).append("\r\n");
    bytes_.append("Content-Type: application/json\r\n");
    bytes_.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
  }
  const std::size_t head = bytes_.size();
  bytes_.append(body);
  if (lines) bytes_.append("\r\n");
  for (Places& place : places) {
    place.number += head;
    place.group += head;
  }
  places_ = std::move(places);
}

std::string_view RequestTemplate::fill(std::uint64_t number, unsigned first_group) {
  char digits[kNumberDigits];
  write_digits(digits, number, kNumberDigits);
  unsigned group = first_group % group_count_;
  for (const Places& place : places_) {
    bytes_.replace(place.number, kNumberDigits, digits, kNumberDigits);
    write_digits(bytes_.data() + place.group, group, GroupNames::kDigits);
    group = group + 1 == group_count_ ? 0 : group + 1;
  }
  return bytes_;
}

}  // namespace jindou::bench
