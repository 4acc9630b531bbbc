#include "api/webhook_letters.h"

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/cursor_text.h"
#include "base/bytes.h"
#include "codec/message_object.h"
#include "model/channel.h"
#include "partition/change.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using partition::KeptLetter;
using store::EntryKind;
using store::GiveUpCause;

// A page ends behind so many chunks of results and look-ups: some tens of milliseconds.
constexpr std::size_t kResultChunksPerPage = 200;
constexpr std::size_t kLookUpsPerPage = 20'000;

constexpr std::size_t kPlaceBytes = sizeof(std::uint16_t) + sizeof(std::uint64_t);

std::string_view event_of_letter(EntryKind kind) {
  switch (kind) {
    case EntryKind::recall: return "msg.recall";
    case EntryKind::edit: return "msg.edit";
    default: return "msg.notify";
  }
}

std::string_view cause_name(GiveUpCause cause) {
  switch (cause) {
    case GiveUpCause::refused: return "refused";
    case GiveUpCause::too_old: return "too_old";
    case GiveUpCause::excess: return "excess";
    case GiveUpCause::unreadable: return "unreadable";
  }
  return "";
}

std::string cause_text(const store::WebhookLetterRecord& record) {
  std::string text;
  switch (record.cause) {
    case GiveUpCause::refused:
      text = "the receiver has refused it as often as webhook.msgNotifyEventRetryMaxCount says";
      break;
    case GiveUpCause::too_old: text = "it could not be told within webhook.maxAge"; break;
    case GiveUpCause::excess: text = "more than webhook.backlogMax waited"; break;
    case GiveUpCause::unreadable: text = "the message could not be read"; break;
  }
  if (!record.error.empty()) text += "; what came last: " + record.error;
  return text;
}

// The places of a page of a batch, as commands.
std::vector<partition::Change> redrives_of(const BatchWebhookLetters& page) {
  std::vector<std::vector<std::uint64_t>> counters;
  for (const auto& [index, letter] : page.letters) {
    const std::size_t at = raw(letter.partition);
    if (counters.size() <= at) counters.resize(at + 1);
    if (!letter.marked) counters[at].push_back(letter.counter);
  }
  std::vector<partition::Change> changes;
  for (std::size_t i = 0; i < counters.size(); ++i) {
    if (counters[i].empty()) continue;
    partition::RedriveWebhook command;
    command.partition = static_cast<PartitionId>(i);
    command.counters = std::move(counters[i]);
    changes.emplace_back(std::move(command));
  }
  return changes;
}

BatchWebhookQuery query_of(const Job& job, std::uint64_t from) {
  BatchWebhookQuery query;
  query.job = job.id;
  query.items = job.counts.items;
  query.from = from;
  return query;
}

}  // namespace

std::string letter_id(const KeptLetter& letter) {
  std::string bytes;
  append_be(bytes, raw(letter.partition));
  append_be(bytes, letter.counter);
  return cursor_text(bytes);
}

std::optional<partition::LetterReader::Place> place_of_letter(std::string_view id) {
  const auto bytes = cursor_bytes(id);
  if (!bytes || bytes->size() != kPlaceBytes) return std::nullopt;
  partition::LetterReader::Place place;
  place.partition = static_cast<PartitionId>(read_be<std::uint16_t>(*bytes, 0));
  place.counter = read_be<std::uint64_t>(*bytes, sizeof(std::uint16_t));
  return place;
}

void write_webhook_letter(JsonWriter& json, const KeptLetter& letter,
                          std::optional<std::uint64_t> index) {
  const store::WebhookLetterRecord& record = letter.record;
  json.begin_object();
  if (index) json.number("index", *index);
  json.string("source", "webhook");
  json.string("id", letter_id(letter));
  json.string("event", event_of_letter(record.kind));
  if (letter.message) {
    const Message& message = *letter.message;
    json.number("message_id", raw(message.id));
    json.number_string("message_idstr", raw(message.id));
    json.number("message_seq", raw(message.seq));
    json.string("client_msg_no", message.client_msg_no);
    json.string("from_uid", message.from_uid);
    json.string("channel_id", codec::shown_channel_id(message, {}));
    json.number("channel_type", raw(message.channel.type));
    json.base64("payload", message.payload);
  } else {
    std::string_view id = record.log.id;
    if (id.ends_with(kCommandSuffix)) id.remove_suffix(kCommandSuffix.size());
    json.number("message_seq", record.seq);
    json.string("channel_id", id);
    json.number("channel_type", raw(record.log.type));
  }
  json.string("code", cause_name(record.cause));
  json.string("msg", cause_text(record));
  json.number("given_up_at_ms", record.at_ms);
  json.number("attempts", record.attempts);
  json.number("redrives", record.redrives);
  json.flag("redriving", letter.marked);
  json.flag("redrivable", letter.message.has_value());
  json.end_object();
}

Result<BatchWebhookLetters> load_batch_webhook_letters(const partition::JobReader& jobs,
                                                       const partition::LetterReader& letters,
                                                       const BatchWebhookQuery& query) {
  BatchWebhookLetters page;
  page.next = query.from;
  JD_TRY(const std::vector<bool> have, letters.load_partitions());
  bool any = false;
  for (const bool has : have) any = any || has;
  if (!any) {
    page.next = query.items;
    return page;
  }
  std::size_t bytes = 0;
  std::size_t look_ups = 0;
  for (std::size_t chunks = 0; chunks < kResultChunksPerPage && page.next < query.items; ++chunks) {
    JD_TRY(const auto results, jobs.load_results(query.job, page.next));
    if (!results) return Error(Errc::not_found, "the batch was deleted meanwhile");
    const std::uint64_t end = results->first + results->results.size();
    for (; page.next < end; ++page.next) {
      const JobResult& result =
          results->results[static_cast<std::size_t>(page.next - results->first)];
      if (!result.ok()) continue;
      const std::size_t partition = raw(partition_of(result.message_id));
      if (partition >= have.size() || !have[partition]) continue;
      if (page.letters.size() == query.count || bytes > query.bytes_max ||
          look_ups == kLookUpsPerPage) {
        return page;
      }
      ++look_ups;
      JD_TRY(auto letter, letters.load_of(result.message_id));
      if (!letter) continue;
      if (query.messages) {
        JD_RETURN_IF_ERROR(letters.add_message(*letter));
        if (letter->message) bytes += letter->message->payload.size();
      }
      page.letters.emplace_back(page.next, std::move(*letter));
    }
  }
  return page;
}

Task<void> answer_batch_webhook_letters(Services& services, Response& response, const Job& job,
                                        std::uint64_t from, std::size_t count) {
  BatchWebhookQuery query = query_of(job, from);
  query.count = count;
  query.bytes_max = services.options.page_bytes_max;
  const auto room_to_read =
      co_await services.options.read_budget->take(services.options.page_read_bytes());
  if (!room_to_read) {
    answer_error(response, room_to_read.error());
    co_return;
  }
  auto work = [&jobs = services.deps.jobs, &letters = services.deps.letters, query] {
    return load_batch_webhook_letters(jobs, letters, query);
  };
  const auto page = co_await services.deps.blocking.run(std::move(work));
  if (!page) {
    answer_error(response, page.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  json.string("batch_id", job.id);
  json.string("state", job_state_name(job.state));
  json.begin_array("dead_letters");
  for (const auto& [index, letter] : page->letters) write_webhook_letter(json, letter, index);
  json.end_array();
  const bool more = page->next < query.items;
  json.flag("more", more);
  if (more) json.number("next", page->next);
  json.end_object();
}

Task<void> redrive_batch_webhook_letters(Services& services, Request& request, Response& response,
                                         const Job& job) {
  BatchWebhookQuery query = query_of(job, 0);
  query.count = kLookUpsPerPage;
  query.messages = false;
  std::size_t redriven = 0;
  while (query.from < query.items) {
    auto work = [&jobs = services.deps.jobs, &letters = services.deps.letters, query] {
      return load_batch_webhook_letters(jobs, letters, query);
    };
    const auto page = co_await services.deps.blocking.run(std::move(work));
    if (!page) {
      answer_error(response, page.error());
      co_return;
    }
    std::vector<partition::Change> changes = redrives_of(*page);
    for (const partition::Change& each : changes) {
      redriven += std::get<partition::RedriveWebhook>(each).counters.size();
    }
    const auto done = co_await change_all(services, request, std::move(changes));
    if (!done) {
      answer_error(response, done.error());
      co_return;
    }
    query.from = page->next;
  }
  response.status = 202;
  JsonWriter json(response.body);
  json.begin_object();
  json.string("batch_id", job.id);
  json.number("redriven", redriven);
  json.end_object();
}

}  // namespace jindou::api
