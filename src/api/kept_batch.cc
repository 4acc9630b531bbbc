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

KeptBatch::KeptBatch(Services& services, Request& request, bool wanted) {
  if (wanted) upload_.emplace(services, request, wish_of_batch(request));
}

Task<bool> KeptBatch::begin(Response& response) {
  if (!upload_) co_return true;
  const auto begun = co_await upload_->begin();
  if (!begun) answer_error(response, begun.error());
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

Task<void> KeptBatch::add(std::span<const SendResult> results) {
  if (!upload_) co_return;
  JD_ASSERT(results.size() == noted_.size());
  for (std::size_t i = 0; i < results.size() && !failed_; ++i) {
    if (upload_->add_sent(noted_[i], results[i])) continue;
    const auto flushed = co_await upload_->flush();
    failed_ = !flushed;
    if (failed_) break;
    const bool added = upload_->add_sent(noted_[i], results[i]);
    JD_ASSERT(added);
  }
  noted_.clear();
}

Task<void> KeptBatch::end(Response& response) {
  if (!upload_) co_return;
  if (!failed_) {
    const auto sealed = co_await upload_->seal();
    failed_ = !sealed;
  }
  if (!failed_) {
    response.extra_headers += "Batch-Id: " + upload_->id() + "\r\n";
    co_return;
  }
  observe::log_warn("api", "batch {} was sent and could not be kept", upload_->id());
  std::string reason = "what became of its messages could not be kept";
  co_await upload_->give_up(std::move(reason));
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
