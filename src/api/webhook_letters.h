// What the webhook has given up, in the form of the dead letters of a batch: of all, or of a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http_names.h"
#include "api/services.h"
#include "base/result.h"
#include "codec/json_writer.h"
#include "model/job.h"
#include "partition/job_reader.h"
#include "partition/letter_reader.h"

namespace jindou::api {

// The name of a letter, which is also the cursor behind it, and the place that one names. None: it
// names nothing.
std::string letter_id(const partition::KeptLetter& letter);
std::optional<partition::LetterReader::Place> place_of_letter(std::string_view id);

// Writes one as an object; `index` is that of the item of a batch that has sent the message.
void write_webhook_letter(codec::JsonWriter& json, const partition::KeptLetter& letter,
                          std::optional<std::uint64_t> index);

struct BatchWebhookLetters {
  std::vector<std::pair<std::uint64_t, partition::KeptLetter>> letters;  // and the index of each
  std::uint64_t next = 0;  // the index to go on from; that of no item: there are no more
};

struct BatchWebhookQuery {
  std::string job;
  std::uint64_t items = 0;  // of the job
  std::uint64_t from = 0;
  std::size_t count = 0;
  std::size_t bytes_max = 0;  // of payloads; one letter may have more
  bool messages = true;       // false: the letters come without them
};

// Of what the batch has sent, from an item on. A page ends behind some thousand look-ups, however
// few letters it has. Blocks on disk. Errors: not_found, when the batch is deleted meanwhile;
// storage.
Result<BatchWebhookLetters> load_batch_webhook_letters(const partition::JobReader& jobs,
                                                       const partition::LetterReader& letters,
                                                       const BatchWebhookQuery& query);

// GET and POST /batches/{id}/… with source=webhook, of a batch that the caller may look at.
Task<void> answer_batch_webhook_letters(Services& services, Response& response, const Job& job,
                                        std::uint64_t from, std::size_t count);
Task<void> redrive_batch_webhook_letters(Services& services, Request& request, Response& response,
                                         const Job& job);

}  // namespace jindou::api
