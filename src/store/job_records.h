// The values in the store that belong to jobs, and their bytes: the record of a job, a chunk of its
// input, and the results of the items of a chunk. Each starts with a format version and flags of
// what a newer version may add; a decoder refuses what it does not know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/job.h"

namespace jindou::store {

// A chunk of input as it is stored, and what is to be known of it without reading it. The indices
// of its items count on from that of its first one, which is in its key.
struct JobInput {
  std::uint32_t items = 0;
  std::string bytes;
  // The items that are no messages, by their place in the chunk, ascending.
  struct Refused {
    std::uint32_t place = 0;
    Errc code = Errc::invalid;
    bool operator==(const Refused&) const = default;
  };
  std::vector<Refused> refused;
};

// Collects the items of one chunk, in their order.
class JobInputBuilder {
 public:
  bool empty() const { return input_.items == 0; }
  std::size_t items() const { return input_.items; }
  std::size_t bytes() const { return input_.bytes.size(); }

  // Both: false when the chunk has all that one may have (kJobChunkItemsMax, kJobChunkBytesMax) and
  // nothing was added: take() it and begin the next one. The first item always fits.
  bool add(const SendCommand& message);
  // An item of a job that recalls or edits (JobItem::revised). A payload that is that of the item
  // before is stored once.
  bool add_revised(const SendCommand& message, MessageId id);
  // An item that is no message; `why` is a sentence.
  bool refuse(Errc code, std::string_view why);
  // The builder is empty afterwards.
  JobInput take();

 private:
  bool add_bytes();

  JobInput input_;
  std::string item_;
  std::optional<std::string> payload_;  // of the last item, when it was one of add_revised()
};

// Errors of the decoders: storage, for bytes that they cannot read.
Result<std::vector<JobItem>> decode_job_input(std::string_view bytes);

// Words of refusals in the results of one chunk, which stand there once for all that have the same.
// What is beyond this is not kept: code and reason have to do.
inline constexpr std::size_t kRefusalWordsMax = 64;
inline constexpr std::size_t kRefusalWordsBytesMax = std::size_t{8} << 10;

// Of a whole chunk, in the order of its items.
std::string encode(const std::vector<JobResult>& results);
Result<std::vector<JobResult>> decode_job_results(std::string_view bytes);

// The id is in the key.
std::string encode(const Job& job);
Result<Job> decode_job(std::string_view bytes, std::string_view id);

}  // namespace jindou::store
