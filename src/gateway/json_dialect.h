// JSON-RPC on the wire. Over WebSocket one object per text message out, one or more whole ones per
// message in; over a stream objects behind each other, ours with a line end after each.
#pragma once

#include "codec/json_rpc.h"
#include "gateway/dialect.h"

namespace jindou::gateway {

class JsonDialect final : public Dialect {
 public:
  // Whether the input has the borders of messages or of objects alone.
  enum class Borders : bool { messages, objects };

  explicit JsonDialect(Borders borders) : borders_(borders) {}

  std::string_view name() const override { return "json"; }
  // Its clients know what clients of the newest version know.
  std::uint8_t version() const override { return codec::kVersionUsual; }
  bool encrypts() const override { return false; }

  // Nothing is looked at before its message or object is complete, so that a message in many pieces
  // costs no more than one in a few.
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
  // `whole`: how many bytes are complete, a message or an object; 0: not yet.
  Taken take_from(const Input& input, std::size_t whole, Request& request);
  Taken take_whole(const Input& input, std::size_t whole, Request& request);
  void end_object(std::string& out) const;

  Borders borders_;
  codec::json_rpc::ObjectScanner scanner_;
  std::string connect_id_;  // while logging in
};

}  // namespace jindou::gateway
