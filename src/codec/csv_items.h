// From the records of a CSV text (csv.h) to items of a batch: the first record names the columns,
// every other one is an item. The columns channel_id, channel_type, from_uid and client_msg_no are
// members of the item, all others variables for the places of its payload.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::codec {

// What all items have in common. A column takes the place of a default, where its field is not
// empty.
struct CsvDefaults {
  std::string from_uid;
  unsigned channel_type = 0;  // 0: none
  std::string payload;        // JSON, or text; empty: none
  std::string template_name;  // of a stored template; empty: none
  std::uint64_t template_version = 0;
};

// Not thread-safe.
class CsvItems {
 public:
  // Errors: invalid, for a payload that no item could use.
  static Result<CsvItems> create(const CsvDefaults& defaults);

  // The first record. Errors: invalid, with a sentence about the columns.
  Result<void> set_columns(const std::vector<std::string_view>& names);
  // A JSON object, as an item of NDJSON. `text`: the record as it was written. Errors: invalid,
  // with a sentence about the record. Precondition: set_columns().
  Result<std::string> item_of(const std::vector<std::string_view>& fields,
                              std::string_view text) const;

 private:
  enum class Use : std::uint8_t { channel_id, channel_type, from_uid, client_msg_no, variable };
  struct Column {
    std::string name;
    Use use = Use::variable;
  };

  bool has_column(Use use) const;
  Result<void> check_columns() const;

  std::string from_uid_;
  unsigned channel_type_ = 0;
  std::string payload_members_;             // `"payload":…` or `"template":…`; empty: none
  std::vector<std::string> payload_names_;  // of the places of the payload; a template has others
  std::vector<Column> columns_;
};

}  // namespace jindou::codec
