#include "bodies/send_choices.h"

#include <algorithm>
#include <array>

#include "model/job.h"

namespace jindou::bodies {
namespace {

constexpr SendForms kMessage = static_cast<SendForms>(SendForm::message);
constexpr SendForms kBatch = static_cast<SendForms>(SendForm::batch);
constexpr SendForms kLines = static_cast<SendForms>(SendForm::lines);
constexpr SendForms kRows = static_cast<SendForms>(SendForm::rows);
constexpr SendForms kRevision = static_cast<SendForms>(SendForm::revision);
constexpr SendForms kStreams = kLines | kRows;
constexpr SendForms kBatches = kBatch | kStreams;
constexpr SendForms kSends = kMessage | kBatches;
constexpr SendForms kJobs = kSends | kRevision;

constexpr std::array<std::string_view, 2> kAcks = {"synced", "received"};
constexpr std::array<std::string_view, 2> kOnErrors = {"continue", "stop"};

constexpr std::array kChoices = {
    SendChoice{.name = "sender_conversation",
               .field = "Jindou-Sender-Conversation",
               .shown_type = "true, false",
               .meaning = "of messages that do not say it themselves",
               .direct = kSends,
               .job = kSends,
               .on_unless_given = true},
    SendChoice{.name = "atomic",
               .field = "Jindou-Atomic",
               .shown_type = "true, false",
               .meaning = "the batch is sent as a whole or not at all; lines and rows, too, up to "
                          "`api.maxBatch` of them, which are read to the end first",
               .direct = kBatches},
    SendChoice{.name = "on_error",
               .field = "Jindou-On-Error",
               .type = ChoiceType::word,
               .shown_type = "`continue`, `stop`",
               .meaning = "`stop`: what stands behind an item that fails is not sent; not with "
                          "`atomic`. A job fails at it, and sends its items one by one, which is "
                          "slower",
               .direct = kBatches,
               .job = kJobs,
               .words = kOnErrors},
    SendChoice{.name = "ack",
               .field = "Jindou-Ack",
               .type = ChoiceType::word,
               .shown_type = "`synced`, `received`",
               .meaning = "`synced`: the answer comes when all is durable. `received`: 202 as soon "
                          "as the items are taken; a crash may lose them, and what becomes of each "
                          "is not told",
               .direct = kBatches,
               .words = kAcks},
    SendChoice{.name = "dry_run",
               .field = "Jindou-Dry-Run",
               .shown_type = "true, false",
               .meaning = "nothing is sent; the answer tells for each item what would become of it "
                          "and who would receive it. Its elements are then under `items`, with "
                          "`bytes`, `receivers`, `online` and `offline`; of lines and rows "
                          "each line has them",
               .direct = kBatches},
    SendChoice{.name = "keep",
               .field = "Jindou-Keep",
               .shown_type = "true, false",
               .meaning = "the batch is remembered as a whole: the header Batch-Id of the answer "
                          "names it, for /batches/{id}/recall and /edit",
               .direct = kBatches},
    SendChoice{.name = "async",
               .field = "Jindou-Async",
               .shown_type = "true, false",
               .meaning = "true: the batch becomes a job, which is sent in the background. Also "
                          "with the header Prefer: respond-async",
               .direct = kBatches,
               .job = kJobs},
    SendChoice{.name = "hold_ms",
               .field = "Jindou-Hold-Ms",
               .type = ChoiceType::number,
               .shown_type = "milliseconds, up to a week",
               .meaning = "makes a job of any batch, and of `/message/send`, that begins when so "
                          "long is over: until then nothing of it is shown to anybody, and "
                          "/batches/{id}/recall takes it back without a trace. The 202 has "
                          "`held_until_ms`. Not with `not_before`",
               .direct = kSends,
               .job = kSends,
               .most = 604'800'000},
    SendChoice{.name = "name",
               .field = "Jindou-Name",
               .type = ChoiceType::text,
               .shown_type = "text, ≤ 128 bytes",
               .meaning = "of the job, for people",
               .job = kJobs,
               .most = kJobNameBytesMax},
    SendChoice{.name = "rate",
               .field = "Jindou-Rate",
               .type = ChoiceType::number,
               .shown_type = "items per second",
               .meaning = "the job does so many items in a second, up to 1,000,000; 0: as fast "
                          "as it goes",
               .job = kJobs,
               .most = 1'000'000},
    SendChoice{.name = "not_before",
               .field = "Jindou-Not-Before",
               .type = ChoiceType::number,
               .shown_type = "a Unix time in seconds",
               .meaning = "when the job begins; 0: at once",
               .job = kJobs,
               // After the year 9999 it is one in milliseconds.
               .most = 253'402'300'799},
    SendChoice{.name = "window",
               .field = "Jindou-Window",
               .type = ChoiceType::window,
               .shown_type = "`HH:MM-HH:MM`",
               .meaning = "the job works in this part of each day only, which may go past midnight",
               .job = kJobs},
    SendChoice{.name = "time_zone",
               .field = "Jindou-Time-Zone",
               .type = ChoiceType::text,
               .shown_type = "a name, `UTC`, `+HH:MM`, `-HH:MM`",
               .meaning = "by which clock (UTC): that of a time zone of the IANA, such as "
                          "`Asia/Shanghai`, or one that is always so far ahead of UTC. Escape the "
                          "plus: `%2B08:00`",
               .job = kJobs},
    SendChoice{.name = "canary",
               .field = "Jindou-Canary",
               .type = ChoiceType::part,
               .shown_type = "a number of items, or a share of them, such as 5%",
               .meaning = "the job pauses behind so many, until it is resumed; of a share it is "
                          "at least one. Escape the sign: `5%25`",
               .job = kJobs,
               .most = std::uint64_t{1} << 40},
    SendChoice{.name = "max_refused",
               .field = "Jindou-Max-Refused",
               .type = ChoiceType::ratio,
               .shown_type = "a ratio above 0 and up to 1, such as 0.05",
               .meaning = "the job fails when more of its items than this are refused, once 100 "
                          "were tried; a retry, once it has tried again what had failed",
               .job = kJobs},
    SendChoice{.name = "from_uid",
               .type = ChoiceType::text,
               .shown_type = "text",
               .meaning = "of rows of CSV: the sender of those that do not say it",
               .direct = kRows,
               .job = kRows,
               .is_content = true},
    SendChoice{.name = "channel_type",
               .type = ChoiceType::number,
               .shown_type = "a number",
               .meaning = "of rows of CSV: that of those that do not say it",
               .direct = kRows,
               .job = kRows,
               .most = 255,
               .is_content = true},
    SendChoice{.name = "payload",
               .type = ChoiceType::text,
               .shown_type = "text",
               .meaning = "of rows of CSV: JSON or text, with places {{name}} for columns",
               .direct = kRows,
               .job = kRows,
               .is_content = true},
    SendChoice{.name = "template",
               .type = ChoiceType::text,
               .shown_type = "text",
               .meaning = "of rows of CSV, instead of `payload`: a stored template",
               .direct = kRows,
               .job = kRows,
               .is_content = true},
    SendChoice{.name = "template_version",
               .type = ChoiceType::number,
               .shown_type = "a number",
               .meaning = "of rows of CSV: which version of the template; 0: the newest",
               .direct = kRows,
               .job = kRows,
               .most = std::uint64_t{1} << 53,
               .is_content = true},
};

bool is_of_jobs(const SendChoice& choice) { return choice.direct == 0; }

constexpr SendForms bit_of(SendForm form) { return static_cast<SendForms>(form); }

}  // namespace

std::span<const SendChoice> send_choices() { return kChoices; }

const SendChoice* find_send_choice(std::string_view name) {
  const auto* const found = std::find_if(kChoices.begin(), kChoices.end(),
                                         [name](const SendChoice& c) { return c.name == name; });
  return found == kChoices.end() ? nullptr : found;
}

bool takes(const SendChoice& choice, SendForm form, bool as_job) {
  return ((as_job ? choice.job : choice.direct) & bit_of(form)) != 0;
}

std::string called(const SendChoice& choice, GivenBy by) {
  if (by == GivenBy::field) return "the header field " + std::string(choice.field);
  return "the query parameter " + std::string(choice.name);
}

std::string why_not_taken(const SendChoice& choice, SendForm form, bool as_job, GivenBy by) {
  const std::string text = called(choice, by);
  if (choice.is_content) {
    return text +
           " is for rows of CSV (Content-Type: text/csv); in JSON it is a member of the "
           "message";
  }
  if (choice.name == "async" || (is_of_jobs(choice) && form == SendForm::message)) {
    return text +
           " is for a job: of a single message hold_ms (above 0) makes one; send an array to "
           "/message/sendbatch?async=true";
  }
  if (is_of_jobs(choice)) return text + " is for a job: async=true makes one of the batch";
  if (form == SendForm::revision) return text + " is for what sends messages";
  if (as_job) {
    return text + " is for a batch that is answered when it is done, not for a job (async)";
  }
  return text + " is for a batch: send an array to /message/sendbatch";
}

std::string what_it_takes(const SendChoice& choice, GivenBy by) {
  std::string text = called(choice, by) + " takes ";
  switch (choice.type) {
    case ChoiceType::flag: return text + "true or false";
    case ChoiceType::number:
      text.append(choice.name == "hold_ms" ? "a number of milliseconds" : choice.shown_type);
      return text + ", at most " + std::to_string(choice.most);
    case ChoiceType::text: return text + "at most " + std::to_string(choice.most) + " bytes";
    case ChoiceType::word:
      for (std::size_t i = 0; i < choice.words.size(); ++i) {
        text.append(i == 0 ? "" : " or ").append(choice.words[i]);
      }
      return text;
    case ChoiceType::ratio:
    case ChoiceType::part: return text.append(choice.shown_type);
    case ChoiceType::window: return text + "two times of the day, such as 09:00-21:30";
  }
  return text;
}

std::string taken_names(SendForm form, bool as_job) {
  std::string out;
  for (const SendChoice& choice : kChoices) {
    if (!takes(choice, form, as_job)) continue;
    out.append(out.empty() ? "`" : ", `").append(choice.name).append("`");
  }
  return out;
}

std::string send_choices_markdown() {
  std::string out =
      "| of the query | `/message/send` | array, object | lines | CSV | as a job |\n"
      "| --- | --- | --- | --- | --- | --- |\n";
  const auto cell = [&out](bool taken) { out.append(taken ? " yes |" : " |"); };
  for (const SendChoice& choice : kChoices) {
    out.append("| `").append(choice.name).append("` |");
    for (const SendForm form :
         {SendForm::message, SendForm::batch, SendForm::lines, SendForm::rows}) {
      cell(takes(choice, form, false));
    }
    out.append(choice.job == 0 ? " |\n" : choice.job == kRows ? " CSV |\n" : " yes |\n");
  }
  return out;
}

std::string job_choices_markdown() {
  std::string out = "| of the query | takes | meaning |\n| --- | --- | --- |\n";
  for (const SendChoice& choice : kChoices) {
    const bool of_interest =
        is_of_jobs(choice) || choice.name == "hold_ms" || choice.name == "on_error";
    if (!of_interest) continue;
    out.append("| `").append(choice.name).append("` | ").append(choice.shown_type);
    out.append(" | ").append(choice.meaning).append(" |\n");
  }
  return out;
}

}  // namespace jindou::bodies
