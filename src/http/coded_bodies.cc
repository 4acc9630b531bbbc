// Of a connection, what has to do with content codings: bodies that are decoded while they are
// read, answers that are coded before they are sent. Both go in slices, each in a turn of its own,
// because ten megabytes take a tenth of a second.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "http/connection.h"
#include "http/decoder.h"
#include "http/encoder.h"

namespace jindou::http {
namespace {

using boost::system::error_code;

// Of the decoded body, at a time. What a decoder holds beside it is in decoder.h.
constexpr std::size_t kDecodedStep = std::size_t{64} << 10;
// Bytes that went into and came out of a coder in one turn of the shard: some 2 ms.
constexpr std::size_t kTurnBytes = std::size_t{512} << 10;

}  // namespace

Task<Connection::Part> Connection::next_piece(Wait wait, std::string_view& piece) {
  const bool chunked = parser_->is_chunked();
  pieces_.clear();
  for (;;) {
    if (!chunked) {
      if (sized_left_ == 0) co_return Part::end;
      piece = buffered().substr(0, sized_left_);
      begin_ += piece.size();
      sized_left_ -= piece.size();
      if (!piece.empty()) co_return Part::piece;
    } else {
      std::size_t consumed = 0;
      const auto progress = parser_->feed(buffered(), consumed);
      begin_ += consumed;
      piece = pieces_;
      // Also before what fails, which fails again.
      if (!pieces_.empty()) co_return Part::piece;
      if (progress == RequestParser::Progress::failed) co_return Part::broken;
      if (progress == RequestParser::Progress::done) co_return Part::end;
      // Only a chunk's header line gets here: everything else was consumed.
      if (end_ - begin_ >= kReadBufferMax) co_return Part::broken;
    }
    widen_buffer(chunked ? kReadBufferMax : sized_left_, request_.body.size());
    if (streaming_) {
      error_code ec;
      if (wait == Wait::no && socket_.available(ec) == 0) co_return Part::none;
      if (!co_await wait_readable()) co_return Part::lost;
    }
    if (!co_await fill_buffer()) co_return Part::lost;
  }
}

Task<Connection::Read> Connection::read_coded_body() {
  const std::size_t limit = std::min(options_.limits.body_bytes, request_.body_bytes_max);
  const std::string_view coding = coding_name(request_.coding);
  const auto decoder = make_decoder(request_.coding, options_.body_budget);
  if (!decoder) co_return co_await refuse_body();
  parser_->divert_body(pieces_);
  sized_left_ = static_cast<std::size_t>(parser_->body_bytes_expected());
  std::string& body = request_.body;
  std::size_t filled = 0;
  std::size_t in_turn = 0;
  for (;;) {
    std::string_view piece;
    const Part part = co_await next_piece(Wait::yes, piece);
    if (part == Part::lost) co_return Read::lost;
    if (part == Part::broken) {
      co_await answer_refusal(parser_->failure_status(), parser_->failure_text());
      co_return Read::refused;
    }
    if (part == Part::end) break;
    bool more = true;
    while (more) {
      if (filled == body.size()) {
        // A byte beyond the limit tells that there is one.
        const std::size_t wanted = std::max(filled + kBodyStepMin, 2 * filled);
        const std::size_t target = std::min(limit + 1, wanted);
        if (!reserve_body(target)) co_return co_await refuse_body();
        body.resize(target);
      }
      const std::span<char> room(body.data() + filled,
                                 std::min(body.size() - filled, kDecodedStep));
      const Decoder::Step step = decoder->decode(piece, room);
      piece.remove_prefix(step.consumed);
      filled += step.produced;
      if (step.state == Decoder::State::no_room) co_return co_await refuse_body();
      if (step.state == Decoder::State::broken) {
        const std::string text =
            fmt::format("the body is said to be {}, but {}", coding, decoder->problem());
        co_await answer_refusal(400, text);
        co_return Read::refused;
      }
      if (filled > limit) {
        const std::string text =
            fmt::format("the request body is larger than {} bytes when it is decoded{}", limit,
                        limit == options_.limits.body_bytes ? " (api.maxBodyBytes)"
                                                            : ": this path takes no more");
        co_await answer_refusal(413, text);
        co_return Read::refused;
      }
      more = !piece.empty() || step.produced == room.size();
      in_turn += step.consumed + step.produced;
      if (more && in_turn >= kTurnBytes) {
        in_turn = 0;
        co_await shard_->turns.wait();
      }
    }
  }
  if (!decoder->complete()) {
    const std::string text =
        fmt::format("the body is said to be {}, but ends in the middle of it", coding);
    co_await answer_refusal(400, text);
    co_return Read::refused;
  }
  body.resize(filled);
  co_return Read::complete;
}

bool Connection::may_encode() const {
  return options_.encode_answers && response_.body.size() > options_.encode_bytes_min &&
         !response_.coding_chosen && response_.status != 204 && response_.status != 304 &&
         is_compressible(response_.content_type);
}

Task<void> Connection::encode_answer() {
  response_.extra_headers += "Vary: Accept-Encoding\r\n";
  const std::string accepted = request_.header_list("accept-encoding");
  const Coding coding = choose_coding(accepted);
  if (coding == Coding::identity) co_return;
  const std::string_view plain = response_.body;
  const auto encoder = make_encoder(coding, plain.size(), options_.answer_budget);
  if (!encoder) co_return;
  // Beside the answer as it is, until that is given up.
  BudgetShare share(options_.answer_budget);
  std::string coded;
  for (std::size_t at = 0; at < plain.size();) {
    if (at > 0) co_await shard_->turns.wait();
    const std::string_view slice = plain.substr(at, kTurnBytes);
    at += slice.size();
    if (!encoder->encode(slice, at == plain.size(), coded)) co_return;
    // What does not get smaller goes as it is.
    if (coded.size() >= plain.size()) co_return;
    if (coded.capacity() > kOwnBytes && !share.resize(coded.capacity())) co_return;
  }
  response_.body.swap(coded);
  response_.extra_headers.append("Content-Encoding: ").append(coding_name(coding)).append("\r\n");
}

}  // namespace jindou::http
