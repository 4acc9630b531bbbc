// A client's protocol as its session sees it: bytes to requests, answers to bytes.
//
// The session keeps what both protocols share: who the client is, what is in flight, what is
// acknowledged, the limits. A dialect keeps what its wire needs: version and keys on WKProto, the
// id of the connect request on JSON-RPC. One per connection, chosen by its first byte; lives on the
// session's shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "codec/wkproto.h"
#include "codec/wkproto_crypto.h"
#include "config/settings.h"
#include "delivery/wire_forms.h"

namespace jindou::gateway {

// Where the login is; what may come in differs.
enum class Phase : std::uint8_t { before_connect, logging_in, live };

struct Input {
  std::string_view bytes;
  // The first so many of them belong to WebSocket messages that are complete.
  std::size_t whole = 0;
  Phase phase = Phase::before_connect;
  const config::GatewaySettings& limits;
};

// What a client asks. The strings of `what` borrow from the input or the thread's JSON parser:
// valid until the next take() on this thread.
struct Request {
  // monostate: nothing is to be done.
  std::variant<std::monostate, codec::Connect, codec::Send, codec::RecvAck, codec::Ping,
               codec::Disconnect, codec::Sub>
      what;
  // Names the request in its answer: the id of JSON-RPC; client_msg_no of a Send in WKProto 6.
  std::string id;
  // Of a Send that came unencrypted (JSON-RPC).
  std::string payload;
  // False: the protocol has no answer to this.
  bool wants_answer = false;
};

struct Taken {
  enum class State : std::uint8_t {
    need_more,  // the rest has to stay; `consumed` may be more than 0
    request,
    refused,  // send `answer`, if there is one, and go on
    broken,   // send `answer`, if there is one, and end the connection
  };
  State state = State::need_more;
  std::size_t consumed = 0;
  std::string problem;    // refused, broken: for the log
  bool too_long = false;  // broken, because a frame or message passes its limit
  std::string answer;
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  // What an operator is shown: "wkproto" or "json", and the protocol's version.
  virtual std::string_view name() const = 0;
  virtual std::uint8_t version() const = 0;
  // Whether logging in needs a key agreement.
  virtual bool encrypts() const = 0;

  // Takes the first request off the input.
  virtual Taken take(const Input& input, Request& request) = 0;
  // The login has succeeded, with these keys. `unparsed`: the connection holds the beginning of a
  // frame that was sent before the client could know.
  virtual void begin_live(const codec::SessionCipher& cipher, bool unparsed) = 0;
  // The plain payload of a Send. False: keys or encryption are wrong.
  virtual bool open(const codec::Send& send, Request& request, std::string& plain) = 0;

  // Each appends one frame (one object). `id` is Request::id.
  virtual void append_connack(std::string& out, const codec::ConnAck& ack) = 0;
  virtual void append_pong(std::string& out, std::string_view id) = 0;
  virtual void append_sendack(std::string& out, std::string_view id, const codec::SendAck& ack) = 0;
  virtual void append_suback(std::string& out, std::string_view id, const codec::SubAck& ack) = 0;
  // To a RecvAck or Disconnect that wants an answer.
  virtual void append_done(std::string& out, std::string_view id) = 0;
  virtual void append_disconnect(std::string& out, const codec::Disconnect& disconnect) = 0;
  // Nothing is appended when there is no such form of the message or the event.
  virtual void append_recv(std::string& out, delivery::MessageForms& forms,
                           codec::Receiver receiver) = 0;
  virtual bool takes_events() const = 0;
  virtual void append_event(std::string& out, delivery::EventForms& forms) = 0;
};

}  // namespace jindou::gateway
