// Any bytes as a WebSocket message of JSON-RPC: every object is taken or refused, nothing loops,
// and what was read can be answered with valid JSON that names the request as it named itself.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "codec/json_reader.h"
#include "codec/json_rpc.h"

namespace {

using namespace jindou;         // NOLINT(google-build-using-namespace): one program, one purpose
using namespace jindou::codec;  // NOLINT(google-build-using-namespace)

void check_answer(const std::string& text, const std::string& id) {
  const auto document = parse_json(text);
  JD_ASSERT(document.has_value());
  std::string_view version;
  JD_ASSERT((*document)["jsonrpc"].get(version) == simdjson::SUCCESS);
  simdjson::dom::element echoed;
  const bool has_id = (*document)["id"].get(echoed) == simdjson::SUCCESS;
  JD_ASSERT(has_id == !id.empty());
  if (has_id) JD_ASSERT(std::string(simdjson::minify(echoed)) == id);
}

struct Echo {
  const json_rpc::Call& call;

  void operator()(std::monostate) const {}
  void operator()(const Connect& connect) const {
    std::string out;
    ConnAck ack;
    ack.time_diff = connect.client_timestamp;
    json_rpc::append_connect_answer(out, call.id, ack);
    check_answer(out, call.id);
  }
  // A message goes to its receivers with the bytes it came with.
  void operator()(const Send& send) const {
    Recv recv;
    recv.flags = send.flags;
    recv.setting = send.setting;
    recv.expire = send.expire;
    recv.client_msg_no = send.client_msg_no;
    recv.channel_id = send.channel_id;
    recv.channel_type = send.channel_type;
    recv.topic = send.topic;
    recv.from_uid = send.channel_id;
    recv.payload = call.payload;
    SendAck ack;
    ack.flags = send.flags;
    std::string result;
    json_rpc::append_send_result(result, call.id, ack);
    std::string notification;
    json_rpc::append_recv(notification, recv);
    // From here on the strings of `send` are gone: they were the parser's.
    check_answer(result, call.id);
    check_answer(notification, "");
  }
  void operator()(const RecvAck&) const { empty(); }
  void operator()(const Ping&) const { empty(); }
  void operator()(const Disconnect& disconnect) const {
    std::string out;
    json_rpc::append_disconnect(out, disconnect);
    check_answer(out, "");
  }
  void operator()(const Sub& sub) const {
    SubAck ack;
    ack.sub_no = sub.sub_no;
    ack.channel_id = sub.channel_id;
    ack.channel_type = sub.channel_type;
    ack.action = sub.action;
    std::string out;
    json_rpc::append_sub_result(out, call.id, ack);
    check_answer(out, call.id);
  }
  void empty() const {
    std::string out;
    json_rpc::append_empty_result(out, call.id);
    check_answer(out, call.id);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (;;) {
    json_rpc::Call call;
    const auto outcome = json_rpc::take_call(text, call);
    JD_ASSERT(outcome.consumed <= text.size());
    if (outcome.state == json_rpc::TakeOutcome::State::end) {
      JD_ASSERT(outcome.consumed == text.size());
      return 0;
    }
    JD_ASSERT(outcome.consumed > 0);
    text.remove_prefix(outcome.consumed);
    if (outcome.state == json_rpc::TakeOutcome::State::error) {
      JD_ASSERT(!outcome.problem.empty());
      JD_ASSERT(outcome.code != json_rpc::kParseError || text.empty());
      std::string out;
      json_rpc::append_error(out, call.id, outcome.code, outcome.problem);
      check_answer(out, call.id);
      continue;
    }
    std::visit(Echo{call}, call.params);
  }
}
