// From the records of a CSV text (csv.h) to items of a batch: the first record names the columns,
// every other one is an item. Some columns are members of the item (csv_member_columns()), all
// others variables for the places of its payload. A name of both kinds is a variable where a place
// of the payload that all rows are made into names it. Members that no column can be are refused:
// they would do nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::codec {

// The names of the columns that are members, in the order of the documentation.
std::span<const std::string_view> csv_member_columns();

// Where a default would have come from, for sentences that say that it is missing. String
// constants.
struct CsvSource {
  std::string_view channel_type = ", and it is not in the query";
  std::string_view from_uid = ", and the sender is not in the query";
  std::string_view payload = "the query parameter payload or template";
  std::string_view payload_subject = "the payload";
  // What to do with a member that no column can be.
  std::string_view instead =
      "say it in the query (payload, template, template_version) or in the defaults of a line "
      "before the columns";
};

// What all items have in common. A column takes the place of a default, where its field is not
// empty.
struct CsvDefaults {
  std::string from_uid;
  unsigned channel_type = 0;  // 0: none
  std::string payload;        // JSON, or text; empty: none
  std::string template_name;  // of a stored template; empty: none
  std::uint64_t template_version = 0;
  // Columns that are none of the item; what it refers to outlives the CsvItems.
  std::span<const std::string_view> passed_over;
  CsvSource source;
};

// What a head before the first record has (message_json.h, read_head): which members need not be
// said otherwise.
struct CsvShared {
  bool has_head = false;  // then a column payload_ref is a member of the item, too
  bool channel_id = false;
  bool channel_type = false;
  bool from_uid = false;
  bool payload = false;
};

// `"payload":…` on one line: JSON stays JSON, everything else goes as its bytes.
std::string payload_member(std::string_view payload);

// Not thread-safe.
class CsvItems {
 public:
  // Errors: invalid, for a payload that no item could use.
  static Result<CsvItems> create(const CsvDefaults& defaults);

  // Before the first record.
  void set_shared(const CsvShared& shared) { shared_ = shared; }
  // The first record. Errors: invalid, with a sentence about the columns.
  Result<void> set_columns(const std::vector<std::string_view>& names);

  // Makes a client_msg_no from everything else that the item has.
  using MakeNumber = std::function<std::string(std::string_view members)>;
  // A JSON object, as an item of NDJSON. `text`: the record as it was written. Without `number` an
  // item whose row has no client_msg_no has none. Errors: invalid, with a sentence about the
  // record. Precondition: set_columns().
  Result<std::string> item_of(const std::vector<std::string_view>& fields, std::string_view text,
                              const MakeNumber& number = {}) const;

  bool fits(const std::vector<std::string_view>& fields) const {
    return fields.size() == columns_.size();
  }
  // Whether a column is one of those that are passed over.
  bool passes_over() const { return has_column(Use::passed_over); }
  // The names of the other columns, and the fields of a record in them, as CSV without a line end.
  // Precondition: fits().
  std::string own_columns() const;
  std::string own_fields(const std::vector<std::string_view>& fields) const;

 private:
  // Members first, in the order of csv_member_columns().
  enum class Use : std::uint8_t {
    channel_id,
    channel_type,
    from_uid,
    client_msg_no,
    if_last_seq,
    plain,        // a member that goes into the item as it is
    payload_ref,  // behind a head
    variable,
    unused,  // a variable that no place names
    passed_over,
  };
  struct Column {
    std::string name;
    Use use = Use::variable;
  };

  Use use_of(std::string_view name) const;
  // Whether a place of the payload that all rows are made into has that name, as far as known here.
  // Whether all places that a variable may fill in are known. Otherwise a plain member is a
  // variable, too: one that nothing names does nothing.
  bool places_known() const;
  bool is_named(std::string_view name) const;
  bool has_column(Use use) const;
  Result<void> check_columns() const;
  Result<void> choose_variables();

  std::string from_uid_;
  unsigned channel_type_ = 0;
  std::span<const std::string_view> passed_over_;
  CsvSource source_;
  CsvShared shared_;
  std::string payload_members_;             // `"payload":…` or `"template":…`; empty: none
  std::vector<std::string> payload_names_;  // of the places of the payload
  bool names_known_ = false;                // false: a stored template has others
  std::vector<Column> columns_;
};

}  // namespace jindou::codec
