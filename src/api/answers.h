// Bodies of answers that every route shares, and the tables from errors to HTTP statuses.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http_names.h"
#include "base/result.h"
#include "codec/json_writer.h"
#include "codec/message_json.h"
#include "config/settings.h"
#include "model/message.h"
#include "model/reason.h"
#include "partition/transaction.h"

namespace jindou::api {

// The HTTP status of an error that concerns a whole request.
unsigned status_of(Errc code);

// {"status":…,"msg":…,"error":…,"code":…}. Also sets Retry-After on 429 and 503.
void answer_error(Response& response, unsigned status, std::string_view code,
                  std::string_view message);
// The same with the status, code and text of an Error.
void answer_error(Response& response, const Error& error);
// 429: the core is full; nothing was done.
void answer_overloaded(Response& response);
// 403 with code "denied" and the reason.
void answer_denied(Response& response, Reason reason, std::string_view message);
// 400 with code "invalid".
void answer_invalid(Response& response, std::string_view message);

// {"status":200}, or {"status":"ok"} in the documented style.
void answer_ok(Response& response, config::StatusStyle style);
// The same, or the error's answer.
void answer_done(Response& response, const Result<void>& done, config::StatusStyle style);
// The member alone.
void write_status(codec::JsonWriter& json, config::StatusStyle style);

// Of a message that was refused with this error.
SendResult result_of(const Error& error);
// Of the one for which messages were not sent together. Precondition: TransactionResult::failed.
SendResult result_of_failed(const partition::TransactionResult& result);
// The other way round.
Error error_of(const SendResult& refusal);

// One sentence about a failed send.
std::string_view send_failure_text(const SendResult& result);

// The HTTP status of POST /message/send, and of a batch whose items all failed.
unsigned status_of_failure(const SendResult& result);
// Precondition: not empty, none ok. 403 when all were refused for permission; 400 when the caller
// is to blame for all of it, or a conflict is among them and no storage failure; 429 or 503 when
// nothing but load or availability stood in the way; 500 otherwise.
unsigned status_of_failures(std::span<const SendResult> results);

// POST /message/send: the union of the documented and the older answer, or the error. With
// RefusalStyle::reason a refusal for want of permission is a 200 with the element of a batch.
void answer_send(Response& response, const SendResult& result, std::string_view client_msg_no,
                 config::StatusStyle style, config::RefusalStyle refusals);

// The members of an element of a batch.
void write_batch_members(codec::JsonWriter& json, const SendResult& result,
                         std::string_view client_msg_no);

// POST /message/sendbatch, array form. `client_msg_nos` is aligned with `results`.
void answer_batch(Response& response, std::span<const SendResult> results,
                  std::span<const std::string> client_msg_nos);

// 202 of messages that were taken and are not yet durable: an array of `client_msg_no` and
// `"state":"received"`.
void answer_received(Response& response, std::span<const std::string> client_msg_nos);

// The same of messages that were to be sent all or none: the array, or an error that says nothing
// was sent, and names the item that was refused under `items`.
// `places`: of the items in what the caller gave; empty: they are where they were.
void answer_together(Response& response, const partition::TransactionResult& result,
                     std::span<const std::string> client_msg_nos,
                     std::span<const std::size_t> places);
// That error, for an item that was refused, with its place; `told`: why.
void answer_nothing_sent(Response& response, std::size_t place, const SendResult& result,
                         std::string_view told, std::string_view client_msg_no);
// The same, NDJSON form: one line, with its end, for the item with that index. The element of the
// array form, with the index before it; of an item that was none also the `field`.
void append_result_line(std::string& out, std::uint64_t index, const SendResult& result,
                        std::string_view client_msg_no);
// Of a message that was taken and is not yet durable: as an element of answer_received().
void append_received_line(std::string& out, std::uint64_t index, std::string_view client_msg_no);
void append_problem_line(std::string& out, std::uint64_t index, const codec::ItemProblem& problem);

// 400 naming every bad member of every bad item. Precondition: not empty.
void answer_problems(Response& response, std::span<const codec::ItemProblem> problems);

// What `viewer` is shown as channel_id: the other user of a person channel. Without a viewer, or
// when he is not one of the two, the half that did not send. View into `message`.
std::string_view shown_channel_id(const Message& message, std::string_view viewer);

// The message object of every query.
void write_message(codec::JsonWriter& json, const Message& message, std::string_view viewer);

}  // namespace jindou::api
