#include "api/dead_letter_routes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/job_json.h"
#include "api/job_routes.h"
#include "api/loaded_answers.h"
#include "api/query_number.h"
#include "api/webhook_letters.h"
#include "codec/json_writer.h"
#include "codec/message_object.h"
#include "jobs/turn.h"
#include "model/job.h"
#include "partition/job_reader.h"
#include "partition/letter_reader.h"

namespace jindou::api {
namespace {

constexpr std::size_t kLetters = 100;
constexpr std::size_t kLettersMax = 1000;
// A page ends behind so many chunks, however few letters there are in them: some milliseconds.
constexpr std::size_t kChunksPerPage = 200;

struct BatchLetter {
  std::uint64_t index = 0;
  JobItem item;
  JobResult result;
};

struct LetterPage {
  std::vector<BatchLetter> letters;
  std::uint64_t next = 0;  // the index that the next page begins with; that of no item: the last
};

bool is_dead(const JobResult& result) {
  return result.state == JobResult::State::refused || result.state == JobResult::State::unknown ||
         result.state == JobResult::State::unreadable;
}

struct LetterQuery {
  std::string job;
  std::uint64_t items = 0;  // of the job
  std::uint64_t from = 0;
  std::size_t count = 0;
  std::size_t bytes_max = 0;  // of payloads; one letter may have more
};

// Errors: not_found, when the batch is deleted meanwhile; storage.
Result<LetterPage> load_letters(const partition::JobReader& reader, const LetterQuery& query) {
  const Error deleted(Errc::not_found, "the batch was deleted meanwhile");
  LetterPage page;
  page.next = query.from;
  std::size_t bytes = 0;
  for (std::size_t chunks = 0; chunks < kChunksPerPage && page.next < query.items; ++chunks) {
    JD_TRY(const auto results, reader.load_results(query.job, page.next));
    if (!results) return deleted;
    const std::uint64_t end = results->first + results->results.size();
    const auto result_at = [&](std::uint64_t index) -> const JobResult& {
      return results->results[static_cast<std::size_t>(index - results->first)];
    };
    while (page.next < end && !is_dead(result_at(page.next))) ++page.next;
    if (page.next == end) continue;
    // What it asked for is read of chunks that have one.
    JD_TRY(auto chunk, reader.load_chunk(query.job, page.next));
    if (!chunk || chunk->items.size() != results->results.size()) return deleted;
    for (; page.next < end; ++page.next) {
      const auto at = static_cast<std::size_t>(page.next - chunk->first);
      if (!is_dead(chunk->results[at])) continue;
      if (page.letters.size() == query.count || bytes > query.bytes_max) return page;
      bytes += chunk->items[at].message.payload.size();
      page.letters.push_back({page.next, std::move(chunk->items[at]), chunk->results[at]});
    }
  }
  return page;
}

void write_letter(codec::JsonWriter& json, const Job& job, const BatchLetter& letter) {
  json.begin_object();
  json.number("index", letter.index);
  if (letter.item.refusal) {
    json.string("code", errc_name(letter.item.refusal->code));
    json.string("msg", letter.item.refusal->text);
    json.flag("redrivable", false);
    json.end_object();
    return;
  }
  const SendCommand& message = letter.item.message;
  json.string("client_msg_no", message.idempotent ? std::string(message.client_msg_no)
                                                  : jobs::item_number(job.id, letter.index));
  json.string("from_uid", message.from_uid);
  json.string("channel_id", channel_id_for(message.channel, message.from_uid));
  json.number("channel_type", raw(message.channel.type));
  // Of a batch that a request has sent the contents are not kept.
  const bool kept = job.options.kind == JobKind::send;
  if (kept) json.base64("payload", message.payload);
  const SendResult result = jobs::send_result_of(letter.result);
  json.number("reason", raw(result.reason));
  json.string("code", errc_name(result.code));
  json.string("msg", send_failure_text(result));
  codec::write_moderation(json, result.moderation.get());
  json.flag("redrivable", kept);
  json.end_object();
}

// The job that has sent the batch. None: `response` is the answer.
Task<std::optional<Job>> find_batch(Services& services, const Request& request,
                                    Response& response) {
  auto job = co_await find_job(services, request, response, kBatchPath);
  const bool revises =
      job && (job->options.kind == JobKind::recall || job->options.kind == JobKind::edit);
  if (revises) {
    answer_error(response, 409, errc_name(Errc::conflict),
                 "this is a job that recalls or edits the messages of another one: it is looked at "
                 "and retried as /jobs/{id}");
    co_return std::nullopt;
  }
  co_return job;
}

// Whose dead letters are asked for.
enum class LetterSource : std::uint8_t { send, webhook };

// None: that was answered.
std::optional<LetterSource> source_wanted(const Request& request, Response& response) {
  const std::string source = request.query_value("source");
  if (source.empty() || source == "send") return LetterSource::send;
  if (source == "webhook") return LetterSource::webhook;
  answer_invalid(
      response,
      "source must be send (what was refused; when it is left out, too) or webhook (what "
      "the webhook has given up)");
  return std::nullopt;
}

Task<void> get_dead_letters(Services& services, Request& request, Response& response) {
  const auto source = source_wanted(request, response);
  if (!source) co_return;
  const auto count = query_number(request, "limit", kLettersMax);
  if (!count) {
    answer_invalid(response, "limit must be a number from 1 to " + std::to_string(kLettersMax));
    co_return;
  }
  const auto from = first_item_wanted(request, response);
  if (!from) co_return;
  const auto job = co_await find_batch(services, request, response);
  if (!job || !has_all_items(*job, response, "nothing of the batch was sent")) co_return;
  const std::size_t letters_max = *count == 0 ? kLetters : static_cast<std::size_t>(*count);
  if (*source == LetterSource::webhook) {
    co_await answer_batch_webhook_letters(services, response, *job, *from, letters_max);
    co_return;
  }
  LetterQuery query;
  query.job = job->id;
  query.items = job->counts.items;
  query.from = *from;
  query.count = letters_max;
  query.bytes_max = services.options.page_bytes_max;
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.page_read_bytes());
  if (!room_to_read) co_return;
  const partition::JobReader& reader = services.deps.jobs;
  auto work = [&reader, query] { return load_letters(reader, query); };
  const auto page = co_await load_or_answer(services, response, std::move(work));
  if (!page) co_return;
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.string("batch_id", job->id);
  json.string("state", job_state_name(job->state));
  json.number("count", job->counts.failed() + job->counts.unreadable);
  json.begin_array("dead_letters");
  for (const BatchLetter& letter : page->letters) write_letter(json, *job, letter);
  json.end_array();
  const bool more = page->next < job->counts.items;
  json.flag("more", more);
  if (more) json.number("next", page->next);
  json.end_object();
}

Task<void> post_redrive(Services& services, Request& request, Response& response) {
  const auto source = source_wanted(request, response);
  if (!source) co_return;
  const auto job = co_await find_batch(services, request, response);
  if (!job) co_return;
  if (*source == LetterSource::webhook) {
    if (!has_all_items(*job, response, "nothing of the batch was sent")) co_return;
    co_await redrive_batch_webhook_letters(services, request, response, *job);
    co_return;
  }
  co_await act_on_job(services, request, response, JobAction::retry, kBatchPath, true);
}

Task<void> get_webhook_letters(Services& services, Request& request, Response& response) {
  const auto limit = query_number(request, "limit", kLettersMax);
  if (!limit) {
    answer_invalid(response, "limit must be a number from 1 to " + std::to_string(kLettersMax));
    co_return;
  }
  std::optional<partition::LetterReader::Place> after;
  if (const std::string text = request.query_value("cursor"); !text.empty()) {
    after = place_of_letter(text);
    if (!after) {
      answer_invalid(response, "cursor must be the `next` of an answer of this call");
      co_return;
    }
  }
  const auto room_to_read =
      co_await services.options.read_budget->take(services.options.page_read_bytes());
  if (!room_to_read) {
    answer_error(response, room_to_read.error());
    co_return;
  }
  const std::size_t count = *limit == 0 ? kLetters : static_cast<std::size_t>(*limit);
  auto work = [&letters = services.deps.letters, after, count,
               bytes_max = services.options.page_bytes_max] {
    return letters.load(after, count, bytes_max);
  };
  const auto page = co_await services.deps.blocking.run(std::move(work));
  if (!page) {
    answer_error(response, page.error());
    co_return;
  }
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("dead_letters");
  for (const partition::KeptLetter& letter : page->letters) {
    write_webhook_letter(json, letter, std::nullopt);
  }
  json.end_array();
  json.flag("more", page->more);
  if (page->more) json.string("next", letter_id(page->letters.back()));
  json.end_object();
}

// Also without a value: that is no request for all of them.
bool names_a_letter(const Request& request) {
  const std::string query = '&' + std::string(request.query()) + '&';
  return query.find("&id=") != std::string::npos || query.find("&id&") != std::string::npos;
}

using Redrives = Result<std::vector<partition::RedriveWebhook>>;

// Of one letter; nothing when it is to be told again already. Errors: not_found, storage.
Redrives load_redrive(const partition::LetterReader& letters,
                      const partition::LetterReader::Place& place) {
  JD_TRY(const auto letter, letters.load_at(place));
  if (!letter) {
    return Error(Errc::not_found,
                 "there is no such dead letter any more: it was told, or others took its room");
  }
  std::vector<partition::RedriveWebhook> commands;
  if (!letter->marked) commands.push_back({letter->partition, {letter->counter}});
  return commands;
}

Task<void> post_webhook_redrive(Services& services, Request& request, Response& response) {
  if (!request.body.empty()) {
    answer_invalid(response,
                   "this call takes no body: all dead letters of the webhook are told again, or "
                   "the one that the query names as id");
    co_return;
  }
  std::optional<partition::LetterReader::Place> only;
  if (names_a_letter(request)) {
    only = place_of_letter(request.query_value("id"));
    if (!only) {
      answer_invalid(response, "id must be that of a letter of GET /webhook/dead-letters");
      co_return;
    }
  }
  auto work = [&letters = services.deps.letters, only]() -> Redrives {
    return only ? load_redrive(letters, *only) : letters.load_unmarked();
  };
  const auto commands = co_await services.deps.blocking.run(std::move(work));
  if (!commands) {
    answer_error(response, commands.error());
    co_return;
  }
  std::size_t redriven = 0;
  std::vector<partition::Change> changes;
  for (const partition::RedriveWebhook& command : *commands) {
    redriven += command.counters.size();
    changes.emplace_back(command);
  }
  const auto done = co_await change_all(services, request, std::move(changes));
  if (!done) {
    answer_error(response, done.error());
    co_return;
  }
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.number("redriven", redriven);
  json.end_object();
}

}  // namespace

std::span<const Route> dead_letter_routes() {
  static constexpr std::array<Route, 4> routes = {{
      {Verb::get, "/batches/{id}/dead-letters", get_dead_letters, Auth::send_or_read,
       "What of a batch was refused", Ports::both},
      {Verb::post, "/batches/{id}/redrive", post_redrive, Auth::send,
       "Sends again what of a batch was refused"},
      {Verb::get, "/webhook/dead-letters", get_webhook_letters, Auth::read,
       "What the webhook has given up", Ports::both},
      {Verb::post, "/webhook/redrive", post_webhook_redrive, Auth::administer,
       "Tells again what the webhook has given up", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
