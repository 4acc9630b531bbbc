// Garbage to the receiving side of the cryptography, and any payload there and back.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "codec/wkproto_crypto.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jindou::codec;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  X25519Key secret{};
  std::copy_n(input.begin(), std::min(input.size(), secret.size()), secret.begin());
  const SessionCipher cipher(secret, "AbCdEfGh12345678");

  std::string plain;
  if (cipher.decrypt_payload(input, plain)) {
    std::string wire;
    cipher.encrypt_payload(plain, wire);
    JD_ASSERT(!wire.empty());
  } else {
    JD_ASSERT(plain.empty());
  }

  Send frame;
  frame.client_msg_no = input.substr(0, input.size() / 3);
  frame.msg_key = input.substr(input.size() / 2);
  frame.payload = input;
  frame.setting = size > 0 ? data[0] : std::uint8_t{0};
  const bool opened = cipher.open(frame, plain);
  JD_ASSERT(opened || plain.empty());

  Recv fields;
  fields.client_msg_no = frame.client_msg_no;
  fields.setting = frame.setting;
  fields.payload = input;
  const auto made = RecvTemplate::make(fields);
  if (!made) return 0;
  for (std::uint8_t version = 1; version <= kVersionMax; ++version) {
    std::string bytes;
    made->append_to(bytes, cipher, version, Receiver::other);
    JD_ASSERT(bytes.size() == made->frame_bytes(version));
    const auto parsed = parse_frame(bytes);
    JD_ASSERT(parsed.state == ParseOutcome::State::frame);
    const auto recv = decode_recv(parsed.frame, version);
    JD_ASSERT(recv.has_value());
    JD_ASSERT(cipher.open(*recv, plain));
    JD_ASSERT(plain == input);
  }
  return 0;
}
