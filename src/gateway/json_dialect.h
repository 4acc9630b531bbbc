// JSON-RPC on the wire: one object per text message out, one or more whole ones per message in.
#pragma once

#include "gateway/dialect.h"

namespace jindou::gateway {

class JsonDialect final : public Dialect {
 public:
  std::string_view name() const override { return "json"; }
  // Its clients know what clients of the newest version know.
  std::uint8_t version() const override { return codec::kVersionUsual; }
  bool encrypts() const override { return false; }

  // Nothing is looked at before its message is complete, so that a message in many pieces costs no
  // more than one in a few.
  Taken take(const Input& input, Request& request) override;
  void begin_live(const codec::SessionCipher&, bool) override {}
  bool open(const codec::Send& send, Request& request, std::string& plain) override;

  void append_connack(std::string& out, const codec::ConnAck& ack) override;
  void append_pong(std::string& out, std::string_view id) override;
  void append_sendack(std::string& out, std::string_view id, const codec::SendAck& ack) override;
  void append_suback(std::string& out, std::string_view id, const codec::SubAck& ack) override;
  void append_done(std::string& out, std::string_view id) override;
  void append_disconnect(std::string& out, const codec::Disconnect& disconnect) override;
  void append_recv(std::string& out, delivery::MessageForms& forms,
                   codec::Receiver receiver) override;
  bool takes_events() const override { return true; }
  void append_event(std::string& out, delivery::EventForms& forms) override;

 private:
  std::string connect_id_;  // while logging in
};

}  // namespace jindou::gateway
