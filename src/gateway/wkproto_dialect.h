// WKProto on the wire: frames in the layout of one version, payloads under the session's keys.
#pragma once

#include "gateway/dialect.h"

namespace jindou::gateway {

// The first protocol version with EVENT frames.
inline constexpr std::uint8_t kEventVersion = 5;

class WkprotoDialect final : public Dialect {
 public:
  std::string_view name() const override { return "wkproto"; }
  std::uint8_t version() const override { return version_; }
  bool encrypts() const override { return true; }

  Taken take(const Input& input, Request& request) override;
  void begin_live(const codec::SessionCipher& cipher, bool unparsed) override;
  bool open(const codec::Send& send, Request& request, std::string& plain) override;

  void append_connack(std::string& out, const codec::ConnAck& ack) override;
  void append_pong(std::string& out, std::string_view id) override;
  void append_sendack(std::string& out, std::string_view id, const codec::SendAck& ack) override;
  void append_suback(std::string& out, std::string_view id, const codec::SubAck& ack) override;
  void append_done(std::string&, std::string_view) override {}
  void append_disconnect(std::string& out, const codec::Disconnect& disconnect) override;
  void append_recv(std::string& out, delivery::MessageForms& forms,
                   codec::Receiver receiver) override;
  bool takes_events() const override { return version_ >= kEventVersion; }
  void append_event(std::string& out, delivery::EventForms& forms) override;

 private:
  // Fills in the request; false and the problem when the body is broken.
  bool read(const codec::RawFrame& frame, Phase phase, Request& request, std::string& problem);

  std::uint8_t version_ = 1;
  // The frame whose beginning came before the CONNACK is dropped like the whole ones before it.
  bool drop_next_frame_ = false;
  // Bytes still to come of a frame that is dropped as it comes; begins while logging in.
  std::size_t skip_bytes_ = 0;
  bool plain_ = false;  // the client gave no key; only served where that is allowed
  codec::SessionCipher cipher_;
};

}  // namespace jindou::gateway
