#include "gateway/wkproto_dialect.h"

#include <algorithm>
#include <utility>

namespace jindou::gateway {

namespace {
// The first byte and the remaining length of a frame.
constexpr std::size_t kHeaderBytesMax = 5;
}  // namespace

Taken WkprotoDialect::take(const Input& input, Request& request) {
  Taken taken;
  std::string_view bytes = input.bytes;
  const std::size_t bytes_max = input.phase == Phase::before_connect
                                    ? input.limits.pre_auth_frame_bytes_max
                                    : input.limits.frame_bytes_max;
  for (;;) {
    if (skip_bytes_ > 0) {
      const std::size_t skipped = std::min(skip_bytes_, bytes.size());
      skip_bytes_ -= skipped;
      taken.consumed += skipped;
      bytes.remove_prefix(skipped);
      if (skip_bytes_ > 0) return taken;
    }
    const codec::ParseOutcome outcome = codec::parse_frame(bytes, bytes_max);
    if (outcome.state == codec::ParseOutcome::State::need_more) {
      // No frame with a body is read while logging in, so none is kept: whoever has not logged in
      // yet makes us hold no more than the header of one.
      if (input.phase != Phase::logging_in || outcome.need_bytes <= kHeaderBytesMax) return taken;
      skip_bytes_ = outcome.need_bytes;
      continue;
    }
    if (outcome.state == codec::ParseOutcome::State::error) {
      taken.state = Taken::State::broken;
      taken.problem = outcome.problem;
      taken.too_long = outcome.too_long;
      return taken;
    }
    taken.consumed += outcome.frame.consumed;
    const bool read_well = read(outcome.frame, input.phase, request, taken.problem);
    taken.state = read_well ? Taken::State::request : Taken::State::broken;
    return taken;
  }
}

bool WkprotoDialect::read(const codec::RawFrame& frame, Phase phase, Request& request,
                          std::string& problem) {
  using codec::FrameType;
  request.what = std::monostate();
  request.wants_answer = false;
  request.id.clear();
  const auto keep = [&](auto decoded) {
    if (!decoded) {
      problem = decoded.error().detail();
      return false;
    }
    request.what = std::move(*decoded);
    return true;
  };
  if (phase == Phase::before_connect) {
    if (frame.type != FrameType::connect) return true;
    const auto connect = codec::decode_connect(frame);
    if (connect) {
      version_ = codec::effective_version(connect->version);
      plain_ = connect->client_key.empty();
    }
    return keep(connect);
  }
  if (frame.type == FrameType::ping) {
    request.what = codec::Ping();
    request.wants_answer = true;
    return true;
  }
  // Real clients send messages, encrypted with the keys of their last connection, before they see
  // the CONNACK, and send them again after it. An answer would make them forget the message.
  if (phase == Phase::logging_in) return true;
  if (std::exchange(drop_next_frame_, false)) return true;
  switch (frame.type) {
    case FrameType::send: {
      request.wants_answer = true;
      const auto send = codec::decode_send(frame, version_);
      if (send && version_ >= codec::kVersionWideSeq) request.id = send->client_msg_no;
      return keep(send);
    }
    case FrameType::recvack: return keep(codec::decode_recvack(frame, version_));
    case FrameType::sub: request.wants_answer = true; return keep(codec::decode_sub(frame));
    case FrameType::disconnect: request.what = codec::Disconnect(); return true;
    default: return true;  // a second CONNECT, and what only servers send: ignored
  }
}

void WkprotoDialect::begin_live(const codec::SessionCipher& cipher, bool unparsed) {
  cipher_ = cipher;
  drop_next_frame_ = unparsed;
}

bool WkprotoDialect::open(const codec::Send& send, Request&, std::string& plain) {
  if (plain_) {
    plain = send.payload;
    return true;
  }
  return cipher_.open(send, plain);
}

void WkprotoDialect::append_connack(std::string& out, const codec::ConnAck& ack) {
  codec::encode(out, ack, version_).ignore("its strings are short");
}

void WkprotoDialect::append_pong(std::string& out, std::string_view) {
  codec::encode(out, codec::Pong());
}

void WkprotoDialect::append_sendack(std::string& out, std::string_view id,
                                    const codec::SendAck& ack) {
  codec::SendAck named = ack;
  named.client_msg_no = id;
  codec::encode(out, named, version_).ignore("it echoes a string that was decoded");
}

void WkprotoDialect::append_suback(std::string& out, std::string_view, const codec::SubAck& ack) {
  codec::encode(out, ack).ignore("it echoes strings that were decoded");
}

void WkprotoDialect::append_disconnect(std::string& out, const codec::Disconnect& disconnect) {
  codec::encode(out, disconnect).ignore("its text was cut to fit");
}

void WkprotoDialect::append_recv(std::string& out, delivery::MessageForms& forms,
                                 codec::Receiver receiver) {
  if (const codec::RecvTemplate* frame = forms.wkproto(receiver)) {
    if (plain_) {
      frame->append_plain_to(out, version_, receiver);
    } else {
      frame->append_to(out, cipher_, version_, receiver);
    }
  }
}

void WkprotoDialect::append_event(std::string& out, delivery::EventForms& forms) {
  out += forms.wkproto();
}

}  // namespace jindou::gateway
