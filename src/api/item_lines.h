// From the lines of a streamed batch to its items (NDJSON): what each line is, or what is wrong
// with it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "api/http_names.h"
#include "api/services.h"
#include "base/byte_budget.h"
#include "base/result.h"
#include "codec/batch_common.h"
#include "codec/csv_items.h"
#include "codec/line_splitter.h"
#include "codec/message_json.h"

namespace jindou::api {

// One request. Belongs to its shard. Memory: the stored templates that lines have named, at most
// codec::kTemplatesOfABatchMax and, but for the last one, kTemplateBytes.
class ItemLines {
 public:
  static constexpr std::size_t kTemplateBytes = std::size_t{128} << 10;

  // Borrows both. Unknown members are problems when the request wants that.
  ItemLines(Services& services, const Request& request);
  ItemLines(const ItemLines&) = delete;
  ItemLines& operator=(const ItemLines&) = delete;

  // The first line, which may be the head of the others (codec::read_head): true. Errors: those,
  // and overloaded, when there is no memory for it; too_large and overloaded also for a line that
  // was not read, because it might have been one. Then nothing may be sent.
  Result<bool> take_head(codec::LineSplitter::Found found, std::string_view line);
  // What rows of CSV need not say behind it.
  codec::CsvShared shared_by_rows() const;
  // What codec::LineSplitter has found. Of an item that is wrong in several ways the first one is
  // told; the index of a problem is 0. When templates are wanted, fetch() them and parse again.
  codec::ItemBody parse(codec::LineSplitter::Found found, std::string_view line);
  // None: they were looked up. Otherwise what is wrong with the item.
  Task<std::optional<codec::ItemProblem>> fetch(codec::TemplatesWanted wanted);

  // See codec::BatchCommon.
  void begin_portion() { common_.begin_portion(); }

 private:
  Services& services_;
  const bool strict_;
  codec::TemplateSet templates_;  // that items have named
  codec::BatchCommon common_;
  BudgetShare head_share_;
};

// What ItemLines does with a first line, for who reads the others otherwise. `limit`: of a line in
// bytes; `strict`: unknown members are an error.
Result<bool> take_head_line(codec::LineSplitter::Found found, std::string_view line,
                            std::size_t limit, bool strict, codec::BatchCommon& common,
                            BudgetShare& share);
// What rows need not say behind a head that was read into `common`.
codec::CsvShared csv_shared(const codec::BatchCommon& common);

}  // namespace jindou::api
