// JSON-RPC, the client protocol of the "easy" SDKs over WebSocket or TCP: requests from JSON text,
// answers and notifications to JSON text (docs/wkproto.md, "JSON-RPC"). The server's side only.
// What both protocols know is in the structs of wkproto.h. Pure; the parser is the thread's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "codec/wkproto.h"
#include "model/reason.h"

namespace jindou::codec::json_rpc {

// Codes of error objects. Refusals of a connect have a reason code instead.
inline constexpr int kParseError = -32700;  // not JSON: what follows cannot be trusted, so close
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;

// An id is echoed, and kept until then; clients use UUIDs or small numbers.
inline constexpr std::size_t kRequestIdBytesMax = 256;

// One object from a client.
struct Call {
  // The id as JSON text, a string or an integer, to be echoed; empty for a notification.
  std::string id;
  // monostate: a notification of an unknown method, which is ignored. The structs' strings borrow
  // from the thread's parser (json_reader.h): valid until the next parse_json on this thread. Their
  // fields for encryption stay empty, and Send has its payload below.
  std::variant<std::monostate, Connect, Send, RecvAck, Ping, Disconnect, Sub> params;
  std::string payload;  // of Send: plain bytes
};

// Finds the end of an object that comes in pieces, each byte looked at once. Only finds the end:
// the parser judges what is between.
class ObjectScanner {
 public:
  // The bytes of the object at the start of `text`, blanks before it included; 0 when it has not
  // come completely. `text` is what it was at the last call, with more behind it. What begins with
  // something else is said to be whole.
  std::size_t find_end(std::string_view text);
  // For the next object.
  void reset() { *this = {}; }

 private:
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

struct TakeOutcome {
  enum class State : std::uint8_t {
    end,    // nothing but blanks left
    call,   // `call` is set
    error,  // answer with `code`, `problem` and call.id, as far as it is known
  };
  State state = State::end;
  std::size_t consumed = 0;  // everything, after a parse error
  int code = 0;
  std::string problem;
};

// Takes the first object off `text`, which is a whole WebSocket message, the rest of one, or what
// ObjectScanner has found: several objects may follow each other, but none is cut. Keys may be
// written in snake_case as well. Cost: O(the object).
TakeOutcome take_call(std::string_view text, Call& call);

// ---- answers --------------------------------------------------------------------------------
// Each appends one object. `id` is that of the request, as JSON text.

// Refusals of a request: `code` is one of the above. An empty id is left out.
void append_error(std::string& out, std::string_view id, int code, std::string_view problem);
// A connect that succeeded, or the error with its reason.
void append_connect_answer(std::string& out, std::string_view id, const ConnAck& ack);
// A send's result; one that was refused is a result too.
void append_send_result(std::string& out, std::string_view id, const SendAck& ack);
void append_sub_result(std::string& out, std::string_view id, const SubAck& ack);
// The result of everything else, an empty object.
void append_empty_result(std::string& out, std::string_view id);

// ---- notifications --------------------------------------------------------------------------

// `plain` as for RecvTemplate::make: plain.payload is plain bytes. redDot is off for the author's
// devices.
void append_recv(std::string& out, const Recv& plain);
// `event.id` and `event.type` are not empty: clients take that for an error.
void append_event(std::string& out, const Event& event);
void append_disconnect(std::string& out, const Disconnect& disconnect);

// "ReasonAuthFail": what a refused connect carries as its message.
std::string_view reason_name(Reason reason);

}  // namespace jindou::codec::json_rpc
