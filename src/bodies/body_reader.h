// Reads the members of a JSON body with the strict types of the API: null and absent are the same,
// an integer is no string and no fraction, 0/1 flags also take true and false. Collects the first
// problem only, so that a route can read everything and ask once.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/json_reader.h"
#include "model/channel.h"

namespace jindou::bodies {

// Not thread-safe. Holds a document of the thread's JSON parser: read everything before the first
// co_await.
class BodyReader {
 public:
  // `body` must be an object without repeated members; otherwise problem() says so.
  explicit BodyReader(const codec::JsonText& body);

  // Empty when all is well so far; a sentence otherwise: "channel_id is required".
  const std::string& problem() const { return problem_; }
  bool ok() const { return problem_.empty(); }
  // Notes a problem; the first one stays.
  void fail(std::string_view text);
  // The same as a sentence that begins with the member: "channel_id is required".
  void fail_member(std::string_view name, std::string_view text);

  bool has(std::string_view name) const;
  bool has_text(std::string_view name) const;
  bool has_object(std::string_view name) const;
  // How many members the object has.
  std::size_t size() const { return readable_ ? object_.size() : 0; }

  // "" when absent.
  std::string text(std::string_view name);
  // 0 when absent; `most` is inclusive. An error tells `shown_least` as the least, where 0 is only
  // another way to give nothing.
  std::uint64_t number(std::string_view name,
                       std::uint64_t most = std::numeric_limits<std::uint64_t>::max(),
                       std::uint64_t shown_least = 0);
  // Also negative ones. 0 when absent.
  std::int64_t signed_number(std::string_view name);
  // 0, 1, true or false; false when absent.
  bool flag(std::string_view name);
  ChannelType channel_type(std::string_view name = "channel_type");
  // An id that has to be there: a number or a string of decimal digits. 0 when absent.
  std::uint64_t message_id(std::string_view name);
  std::vector<std::string> texts(std::string_view name);
  // Numbers or strings of decimal digits.
  std::vector<std::uint64_t> numbers(std::string_view name);

  // A plain uid or channel id that has to be there.
  std::string id(std::string_view name);
  // Uids without blanks and repeats, in order. Each must be a possible uid.
  std::vector<std::string> uids(std::string_view name);
  // Integers from 0 to 255.
  std::vector<std::uint8_t> bytes(std::string_view name);

  // A member that is an object, as a reader with problems of its own; without members when absent.
  BodyReader object(std::string_view name);
  // What object() answers when there is none.
  static BodyReader no_members() { return BodyReader(); }
  // The entries of an array of objects, each a reader with problems of its own.
  std::vector<BodyReader> objects(std::string_view name);
  // The payload of a message, which has to be there: base64, or an object or array
  // (codec/payload_json.h).
  std::string payload(std::string_view name, std::size_t bytes_max);
  // Bytes in base64, which have to be there.
  std::string base64(std::string_view name, std::size_t bytes_max);
  // The member as JSON text without white space; empty when absent.
  std::string json(std::string_view name);

 private:
  // Without members.
  BodyReader() = default;
  explicit BodyReader(simdjson::dom::object object);
  void take(simdjson::dom::object object);
  simdjson::dom::element find(std::string_view name, bool& found);
  // The entries of an array; empty when it is absent or, noted as a problem, no array.
  std::vector<simdjson::dom::element> entries(std::string_view name, std::string_view of_what);
  std::uint64_t to_number(simdjson::dom::element value, std::string_view name, std::uint64_t most,
                          std::uint64_t shown_least = 0);
  std::uint64_t to_id(simdjson::dom::element value, std::string_view name);

  simdjson::dom::object object_;
  bool readable_ = false;
  std::string problem_;
};

// A body that is an array of strings, or an object with that array as `member` (also "uids") and no
// member twice. Errors: invalid.
Result<std::vector<std::string>> read_uid_array(const codec::JsonText& body,
                                                std::string_view member);

}  // namespace jindou::bodies
