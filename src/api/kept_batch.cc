#include "api/kept_batch.h"

#include <utility>

#include "api/answers.h"
#include "base/assert.h"
#include "observe/log.h"

namespace jindou::api {

namespace {

JobWish wish_of_batch(const Request& request) {
  JobWish wish;
  wish.options.kind = JobKind::batch;
  wish.options.caller_kind = request.caller_kind;
  wish.options.caller_name = request.user.substr(0, kJobNameBytesMax);
  return wish;
}

}  // namespace

KeptBatch::KeptBatch(Services& services, Request& request, bool wanted)
    : metrics_(services.deps.metrics) {
  if (wanted) upload_.emplace(services, request, wish_of_batch(request));
}

Task<bool> KeptBatch::begin(Response& response) {
  if (!upload_) co_return true;
  const auto begun = co_await upload_->begin();
  if (!begun) {
    metrics_.kept_batches.with("refused").Increment();
    answer_error(response, begun.error());
  }
  co_return begun.has_value();
}

void KeptBatch::note(std::span<const SendCommand> messages) {
  if (!upload_) return;
  for (const SendCommand& sent : messages) {
    SendCommand& kept = noted_.emplace_back();
    kept.channel = sent.channel;
    kept.from_uid = sent.from_uid;
    kept.client_msg_no = sent.client_msg_no;
    kept.idempotent = true;
  }
}

template <class Add>
Task<void> KeptBatch::put(Add& add) {
  if (failure_ || add()) co_return;
  const auto flushed = co_await upload_->flush();
  if (!flushed) {
    failure_ = flushed.error();
    co_return;
  }
  const bool added = add();
  JD_ASSERT(added);
}

Task<void> KeptBatch::add(std::span<const SendResult> results) {
  if (!upload_) co_return;
  JD_ASSERT(results.size() == noted_.size());
  for (std::size_t i = 0; i < results.size() && !failure_; ++i) {
    auto add_one = [&] { return upload_->add_sent(noted_[i], results[i]); };
    co_await put(add_one);
  }
  noted_.clear();
}

Task<void> KeptBatch::refuse(Errc code, std::string why) {
  if (!upload_) co_return;
  auto add_one = [&] { return upload_->refuse_sent(code, why); };
  co_await put(add_one);
}

Task<void> KeptBatch::add_durably(std::uint64_t first, std::span<const SendResult> results,
                                  std::span<const codec::ItemProblem> problems) {
  if (!upload_) co_return;
  JD_ASSERT(results.size() == noted_.size());
  std::size_t sent = 0;
  std::size_t refused = 0;
  while (!failure_ && sent + refused < results.size() + problems.size()) {
    const bool is_refused =
        refused < problems.size() && problems[refused].index == first + sent + refused;
    auto add_one = [&] {
      if (!is_refused) return upload_->add_sent(noted_[sent], results[sent]);
      return upload_->refuse_sent(problems[refused].code, problems[refused].text);
    };
    co_await put(add_one);
    ++(is_refused ? refused : sent);
  }
  noted_.clear();
  if (failure_) co_return;
  const auto flushed = co_await upload_->flush();
  if (!flushed) failure_ = flushed.error();
}

void KeptBatch::name(Response& response) const {
  if (upload_) response.extra_headers += "Batch-Id: " + upload_->id() + "\r\n";
}

Task<void> KeptBatch::seal(std::string reason) {
  if (!upload_) co_return;
  if (!failure_) {
    const auto sealed = co_await upload_->seal_sent(std::move(reason));
    if (!sealed) failure_ = sealed.error();
  }
  metrics_.kept_batches.with(failure_ ? "failed" : "kept").Increment();
  if (!failure_) co_return;
  observe::log_warn("api", "batch {} was sent and could not be kept: {}", upload_->id(),
                    failure_->text());
  std::string why = "what became of its messages could not be kept";
  co_await upload_->give_up(std::move(why));
}

Task<void> KeptBatch::end(Response& response) {
  std::string all;
  co_await seal(std::move(all));
  if (!failure_) name(response);
}

Task<void> KeptBatch::fail(Response& response, Error error) {
  if (!upload_) co_return;
  if (error.code() != Errc::unknown_outcome && error.code() != Errc::deadline) {
    co_await upload_->drop();
    co_return;
  }
  const std::vector<SendResult> unknown(noted_.size());
  co_await add(unknown);
  co_await end(response);
}

}  // namespace jindou::api
