// What a request that sends, or changes a batch as a whole, may ask for, in its query or in header
// fields, written once: a row says what a parameter is called, what it may be, and which requests
// take it. Reading the query (api/send_query.h), the OpenAPI document (openapi/messages.cc,
// openapi/jobs.cc) and the tables of docs/api.md go by the same rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace jindou::bodies {

// The requests.
enum class SendForm : std::uint8_t {
  message = 1,    // POST /message/send
  batch = 2,      // POST /message/sendbatch: an array or an object
  lines = 4,      // the same as NDJSON
  rows = 8,       // the same as CSV
  revision = 16,  // POST /batches/{id}/recall and /edit
};

// Some of them: a sum of SendForm.
using SendForms = unsigned;

enum class ChoiceType : std::uint8_t {
  flag,    // true, false, 1 or 0
  number,  // from 0 to `most`
  text,    // of at most `most` bytes; 0: as long as the query
  word,    // one of `words`
  ratio,   // above 0, up to 1
  part,    // a number as above, or a share of all: above 0 % and up to 100 %
  window,  // HH:MM-HH:MM
};

// Where a request says it.
enum class GivenBy : std::uint8_t { query, field };

struct SendChoice {
  std::string_view name;
  std::string_view field = {};  // the header field that says the same; empty: there is none
  ChoiceType type = ChoiceType::flag;
  std::string_view shown_type;  // for readers: what it takes
  std::string_view meaning;     // plain text with `code`, for readers
  // Which requests take it when the answer tells what became of the messages, and which when it is
  // a job that sends them.
  SendForms direct = 0;
  SendForms job = 0;
  std::uint64_t most = 0;
  std::span<const std::string_view> words = {};  // the first is what happens without it
  bool on_unless_given = false;                  // of a flag
  // It is content of the messages, and no choice of how they are sent.
  bool is_content = false;
};

// In the order of the documentation.
std::span<const SendChoice> send_choices();
// Null: there is none of that name.
const SendChoice* find_send_choice(std::string_view name);

// Whether a request takes it. `as_job`: as above.
bool takes(const SendChoice& choice, SendForm form, bool as_job);
// "the query parameter keep", "the header field Jindou-Keep".
std::string called(const SendChoice& choice, GivenBy by);
// A sentence for who has asked for it where nothing comes of it. Precondition: !takes().
std::string why_not_taken(const SendChoice& choice, SendForm form, bool as_job,
                          GivenBy by = GivenBy::query);
// A sentence for who has given it another value: "the query parameter keep takes true or false".
std::string what_it_takes(const SendChoice& choice, GivenBy by = GivenBy::query);

// What such a request takes, as a list for readers: "`a`, `b`".
std::string taken_names(SendForm form, bool as_job);
// The tables of docs/api.md: which request takes which, and what jobs may be asked for.
std::string send_choices_markdown();
std::string job_choices_markdown();

}  // namespace jindou::bodies
