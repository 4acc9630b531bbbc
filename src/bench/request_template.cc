#include "bench/request_template.h"

#include <fmt/format.h>
#include <zlib.h>

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

// As gzip -6 does it.
std::string gzip(const std::string& plain) {
  constexpr int kGzipWindow = 15 + 16;  // the greatest window; 16 asks for gzip's header
  constexpr int kMemoryLevel = 8;
  z_stream stream = {};
  JD_ASSERT(::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                           Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, plain.size()), '\0');
  // zlib takes its input as not constant, and does not write it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  JD_ASSERT(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
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
  const bool array = shape.form == Form::batch;
  const bool table = shape.form == Form::table;
  const bool lines = shape.form == Form::lines;
  JD_ASSERT(shape.form != Form::single || shape.items == 1);
  JD_ASSERT(shape.items >= 1);
  JD_ASSERT(shape.items <= 1000);
  JD_ASSERT(!payloads.empty());
  std::string body;
  std::vector<Places> places;
  if (table) {
    body.append(R"({"payloads":{"a":")");
    codec::base64_append(body, payloads.front());
    body.append(R"("},"items":)");
  }
  if (array || table) body.push_back('[');
  for (std::size_t i = 0; i < shape.items; ++i) {
    if ((array || table) && i != 0) body.push_back(',');
    Places place;
    body.append(R"({"header":{"no_persist":0,"red_dot":1,"sync_once":0},)");
    if (shape.numbered) {
      body.append(R"("client_msg_no":")").append(shape.run_id).push_back('-');
      place.number = body.size();
      append_digits(body, 0, kNumberDigits);
      body.push_back('-');
      append_digits(body, i, kItemDigits);
      body.append("\",");
    }
    body.append(R"("from_uid":")").append(shape.from_uid);
    body.append(R"(","channel_id":")").append(shape.groups.prefix);
    place.group = body.size();
    append_digits(body, 0, GroupNames::kDigits);
    body.append(fmt::format(R"(","channel_type":{},"expire":0,)", shape.channel_type));
    if (table) {
      body.append(R"("payload_ref":"a)");
    } else {
      body.append(R"("payload":")");
      codec::base64_append(body, payloads[i % payloads.size()]);
    }
    body.append("\"}");
    if (lines) body.push_back('\n');
    places.push_back(place);
  }
  if (array || table) body.push_back(']');
  if (table) body.push_back('}');

  places_ = std::move(places);
  if (shape.compressed) {
    compress(shape, body);
    return;
  }
  bytes_ = head(shape, body.size());
  for (Places& place : places_) {
    if (place.number != 0) place.number += bytes_.size();
    place.group += bytes_.size();
  }
  bytes_.append(body);
  if (lines) bytes_.append("\r\n");
}

std::string RequestTemplate::head(const Shape& shape, std::size_t body_bytes) {
  if (shape.form == Form::lines) return fmt::format("{:x}\r\n", body_bytes);
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{}Content-Length: "
      "{}\r\n\r\n",
      shape.form == Form::single ? "/message/send" : "/message/sendbatch", shape.host,
      shape.compressed ? "Content-Encoding: gzip\r\n" : "", body_bytes);
}

void RequestTemplate::compress(const Shape& shape, const std::string& body) {
  JD_ASSERT(!shape.numbered);
  JD_ASSERT(group_count_ % shape.items == 0);
  bytes_ = body;
  for (unsigned first = 0; first < group_count_; first += static_cast<unsigned>(shape.items)) {
    place_groups(first);
    const std::string small = gzip(bytes_);
    compressed_.push_back(head(shape, small.size()) + small);
  }
}

void RequestTemplate::place_groups(unsigned first) {
  unsigned group = first % group_count_;
  for (const Places& place : places_) {
    write_digits(bytes_.data() + place.group, group, GroupNames::kDigits);
    group = group + 1 == group_count_ ? 0 : group + 1;
  }
}

std::string_view RequestTemplate::fill(std::uint64_t number, unsigned first_group) {
  if (!compressed_.empty()) return compressed_[first_group % group_count_ / places_.size()];
  char digits[kNumberDigits];
  write_digits(digits, number, kNumberDigits);
  for (const Places& place : places_) {
    if (place.number != 0) bytes_.replace(place.number, kNumberDigits, digits, kNumberDigits);
  }
  place_groups(first_group);
  return bytes_;
}

}  // namespace jindou::bench
