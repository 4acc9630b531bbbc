// Of a connection, what has to do with streams: a body that a handler takes, and an answer that it
// gives, piece by piece.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "http/connection.h"
#include "runtime/await_callback.h"

namespace jindou::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kDecodedRoom = std::size_t{64} << 10;
constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr std::string_view kLineEnd = "\r\n";

}  // namespace

Task<bool> Connection::begin_stream() {
  auto streaming = std::make_unique<Streaming>(options_);
  const std::size_t chunked_too = parser_->is_chunked() ? kReadBufferMax + kBodyPadding : 0;
  if (!body_share_.resize(std::max(body_share_.held(), kReadBufferMax + chunked_too)) ||
      !streaming->kept_share.resize(kKeptBytes)) {
    co_await refuse_body();
    co_return false;
  }
  pieces_.reserve(chunked_too);
  if (request_.coding != Coding::identity) {
    streaming->decoder = make_decoder(request_.coding, options_.body_budget);
    if (!streaming->decoder || !streaming->decoded_share.resize(kDecodedRoom)) {
      co_await refuse_body();
      co_return false;
    }
    streaming->decoded.resize(kDecodedRoom);
  }
  parser_->divert_body(pieces_);
  sized_left_ = static_cast<std::size_t>(parser_->body_bytes_expected());
  if (!parser_->has_body()) streaming->ended = Part::end;
  streaming->waiting.link(shard_->deadlines);
  streaming->pausing.link(shard_->deadlines);
  streaming_ = std::move(streaming);
  request_.stream = this;
  co_return true;
}

Connection::Part Connection::end_body(Part part, std::string_view problem) {
  Streaming& streaming = *streaming_;
  if (streaming.ended == Part::piece) {
    streaming.ended = part;
    streaming.problem = problem;
  }
  return streaming.ended;
}

std::string_view Connection::problem() const { return streaming_->problem; }

void Connection::count_useful(std::size_t bytes) {
  // Nothing is put by: a row may become a longer line.
  streaming_->useless -= std::min(streaming_->useless, bytes);
}

void Connection::end_reading() {
  end_body(Part::lost, "the rest of the body is not read");
  if (streaming_->waiting.complete) streaming_->waiting.complete(false);
}

void Connection::set_answer_due(bool due) {
  streaming_->answer_due = due;
  if (streaming_->waiting.complete) streaming_->waiting.set_deadline(read_deadline());
}

void Connection::stop_reading() {
  if (!streaming_) return;
  end_body(Part::lost, "the server is stopping: send the rest again later");
  end_reading();
  if (streaming_->pausing.complete) streaming_->pausing.complete(false);
}

Task<bool> Connection::pause(std::chrono::milliseconds time) {
  if (shard_->stopping || !is_open()) co_return false;
  Waiting& pausing = streaming_->pausing;
  auto begin = [this, &pausing, time](std::function<void(bool)> complete) {
    pausing.complete = std::move(complete);
    pausing.set_deadline(now() + time);
  };
  (void)co_await runtime::await_callback<bool>(begin);
  pausing.set_deadline(DeadlineList::kNever);
  pausing.complete = nullptr;
  co_return !shard_->stopping && is_open();
}

bool Connection::was_reset() {
  pollfd polled{};
  polled.fd = socket_.native_handle();
  return ::poll(&polled, 1, 0) == 1 && (polled.revents & (POLLERR | POLLHUP)) != 0;
}

Task<bool> Connection::wait_readable() {
  Waiting& waiting = streaming_->waiting;
  auto begin = [this, &waiting](std::function<void(bool)> complete) {
    waiting.complete = complete;
    waiting.set_deadline(read_deadline());
    socket_.async_wait(Socket::wait_read,
                       [complete = std::move(complete)](const error_code& ec) { complete(!ec); });
  };
  const bool readable = co_await runtime::await_callback<bool>(begin);
  waiting.set_deadline(DeadlineList::kNever);
  waiting.complete = nullptr;
  if (!readable && socket_.is_open()) {
    const auto seconds = std::chrono::duration<double>(options_.stream_timeout).count();
    end_body(Part::lost,
             fmt::format("nothing more of the body came for {} s (api.streamTimeout)", seconds));
  }
  co_return readable;
}

Connection::Part Connection::decode_part(std::string_view& piece) {
  Streaming& streaming = *streaming_;
  while (!streaming.coded.empty() || streaming.more_output) {
    const Decoder::Step step = streaming.decoder->decode(streaming.coded, streaming.decoded);
    streaming.coded.remove_prefix(step.consumed);
    streaming.more_output = step.produced == streaming.decoded.size();
    streaming.received += step.consumed;
    streaming.useless += step.produced;
    // What may be the beginning of something long is not known to be of use before its end.
    const std::size_t useless_max =
        options_.limits.body_bytes + kDecodedRoom + options_.expansion_max * streaming.received;
    if (step.state == Decoder::State::no_room) {
      end_body(Part::lost, "the bodies of other requests take all the memory for decoding; retry");
    } else if (step.state == Decoder::State::broken) {
      end_body(Part::broken,
               fmt::format("the body is said to be {}, but {}", coding_name(request_.coding),
                           streaming.decoder->problem()));
    } else if (streaming.useless > useless_max) {
      end_body(Part::broken,
               fmt::format("the body becomes more than {} times as long as it was sent by what is "
                           "no item (api.maxExpansion): leave that out, blank lines too, or send "
                           "it without the Content-Encoding {}",
                           options_.expansion_max, coding_name(request_.coding)));
    }
    // Also what came out before that.
    piece = std::string_view(streaming.decoded).substr(0, step.produced);
    if (!piece.empty()) return Part::piece;
    if (streaming.ended != Part::piece) return streaming.ended;
  }
  return Part::none;
}

Task<Connection::Part> Connection::read(Wait wait, std::string_view& piece) {
  Streaming& streaming = *streaming_;
  piece = {};
  for (;;) {
    if (streaming.ended != Part::piece) co_return streaming.ended;
    if (streaming.decoder) {
      const Part decoded = decode_part(piece);
      if (decoded != Part::none) co_return decoded;
    }
    if (shard_->stopping) stop_reading();
    if (streaming.ended != Part::piece) co_return streaming.ended;
    std::string_view raw;
    const Part part = co_await next_piece(wait, raw);
    switch (part) {
      case Part::none: co_return Part::none;
      case Part::piece:
        if (!streaming.decoder) {
          piece = raw;
          co_return Part::piece;
        }
        streaming.coded = raw;
        break;
      case Part::end:
        if (streaming.decoder && !streaming.decoder->complete()) {
          end_body(Part::broken, fmt::format("the body is said to be {}, but ends in the middle "
                                             "of it",
                                             coding_name(request_.coding)));
        } else {
          end_body(Part::end, {});
        }
        break;
      case Part::broken: end_body(Part::broken, parser_->failure_text()); break;
      case Part::lost:
        end_body(Part::lost, "the body was cut off: the connection ended in the middle of it");
        break;
    }
  }
}

Task<bool> Connection::write(std::string_view piece) {
  Streaming& streaming = *streaming_;
  if (streaming.deaf) co_return false;
  const bool chunked = request_.version() >= 11;
  const bool header_alone = request_.method() == Verb::head;
  if (header_alone) piece = {};
  if (streaming.answered) {
    head_.clear();
  } else {
    streaming.answered = true;
    streaming.keep_alive = chunked && stays_open();
    begin_head();
    head_.append("Content-Type: ").append(response_.content_type).append(kLineEnd);
    if (chunked) head_ += "Transfer-Encoding: chunked\r\n";
    end_head(streaming.keep_alive);
  }
  const bool framed = chunked && !piece.empty();
  if (framed) fmt::format_to(std::back_inserter(head_), "{:x}\r\n", piece.size());
  if (head_.empty() && piece.empty()) co_return true;
  const std::array<asio::const_buffer, 3> buffers = {
      asio::buffer(head_), asio::buffer(piece.data(), piece.size()),
      framed ? asio::buffer(kLineEnd.data(), kLineEnd.size()) : asio::const_buffer()};
  streaming.writing = piece.size();
  set_deadline(now() + options_.stream_timeout);
  const bool written = co_await write_all(buffers);
  set_deadline(DeadlineList::kNever);
  streaming.writing = 0;
  streaming.deaf = !written || header_alone;
  if (!written) {
    forget_unsent();
    close();
  }
  co_return !streaming.deaf;
}

Task<bool> Connection::end_stream() {
  Streaming& streaming = *streaming_;
  request_.stream = nullptr;
  const bool body_read = streaming.ended == Part::end;
  bool keep_alive = body_read && stays_open();
  bool written = true;
  if (streaming.answered) {
    keep_alive = keep_alive && streaming.keep_alive;
    const bool header_alone = request_.method() == Verb::head;
    handler_.answering(request_, response_, times());
    if (!header_alone && streaming.deaf) {
      written = false;
    } else if (!header_alone && request_.version() >= 11) {
      head_ = kLastChunk;
      set_deadline(now() + options_.stream_timeout);
      const std::array<asio::const_buffer, 3> buffers = {asio::buffer(head_), asio::const_buffer(),
                                                         asio::const_buffer()};
      written = co_await write_all(buffers);
    }
    handler_.answered(request_, response_, times());
    streaming_.reset();
  } else {
    streaming_.reset();
    written = co_await write_response(keep_alive);
  }
  if (!written) co_return false;
  // Closed with bytes unread, the connection would be reset, and the peer may never see its end.
  if (!keep_alive && (!body_read || !shard_->stopping)) {
    if (!body_read) unsent_at_cut_ = unsent();
    co_await linger();
  }
  co_return keep_alive;
}

}  // namespace jindou::http
