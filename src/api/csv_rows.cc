#include "api/csv_rows.h"

#include "api/query_number.h"
#include "base/ascii.h"
#include "codec/byte_order_mark.h"

namespace jindou::api {
namespace {

using codec::CsvReader;

Result<codec::CsvDefaults> csv_defaults(const Request& request) {
  codec::CsvDefaults defaults;
  defaults.from_uid = request.query_value("from_uid");
  defaults.payload = request.query_value("payload");
  defaults.template_name = request.query_value("template");
  const auto type = query_number(request, "channel_type", 255);
  if (!type) return Error(Errc::invalid, "channel_type must be a number within 1..255");
  defaults.channel_type = static_cast<unsigned>(*type);
  const auto version = query_number(request, "template_version", std::uint64_t{1} << 53);
  if (!version) return Error(Errc::invalid, "template_version must be the version of a template");
  defaults.template_version = *version;
  if (!defaults.payload.empty() && !defaults.template_name.empty()) {
    return Error(Errc::invalid, "give payload or template, not both");
  }
  return defaults;
}

}  // namespace

bool is_csv(const Request& request) {
  std::string_view type = request.header("content-type");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return ascii_iequals(type, "text/csv");
}

Result<CsvRows> CsvRows::create(const Request& request, std::size_t head_bytes_max,
                                std::shared_ptr<ByteBudget> budget) {
  JD_TRY(const codec::CsvDefaults defaults, csv_defaults(request));
  JD_TRY(codec::CsvItems items, codec::CsvItems::create(defaults));
  codec::CsvLimits limits;
  limits.record_bytes_max = kRowBytesMax;
  return CsvRows(std::move(items), limits, head_bytes_max, std::move(budget));
}

CsvRows::Found CsvRows::fail(Errc code, std::string text) {
  fault_code_ = code;
  text_ = std::move(text);
  return Found::fault;
}

void CsvRows::begin_rows() {
  place_ = Place::rows;
  // Whether it is a whole mark or the beginning of some field is the reader's to say.
  std::string_view begun = begin_;
  (void)reader_.next(begun);
}

CsvRows::Found CsvRows::find_head(std::string_view& piece) {
  if (place_ == Place::behind_head) {
    head_share_->release();
    place_ = Place::rows;
    return Found::none;
  }
  if (place_ == Place::begin) {
    while (!piece.empty() && begin_.size() < codec::kByteOrderMark.size() &&
           piece.front() == codec::kByteOrderMark[begin_.size()]) {
      begin_ += piece.front();
      piece.remove_prefix(1);
    }
    if (piece.empty()) return Found::none;
    const bool is_begin = begin_.empty() || begin_ == codec::kByteOrderMark;
    if (!is_begin || piece.front() != '{') {
      begin_rows();
      return Found::none;
    }
    place_ = Place::head;
  }
  const auto end = piece.find('\n');
  const std::string_view part = piece.substr(0, end);
  piece.remove_prefix(end == std::string_view::npos ? piece.size() : end + 1);
  const std::size_t bytes = head_.size() + part.size();
  // One more: the CR of its end.
  if (bytes > head_bytes_max_ + 1) {
    return fail(Errc::too_large, "the first line, the head of the others: it is longer than " +
                                     std::to_string(head_bytes_max_) +
                                     " bytes (api.maxHeadLineBytes)");
  }
  // A string that grows takes more than it holds.
  if (!head_share_->resize(2 * bytes)) {
    return fail(Errc::overloaded,
                "the first line, the head of the others, finds no memory beside other bodies; "
                "retry later");
  }
  head_ += part;
  if (end == std::string_view::npos) return Found::none;
  if (head_.ends_with('\r')) head_.pop_back();
  lines_before_ = 1;
  place_ = Place::behind_head;
  text_ = std::exchange(head_, {});
  return Found::head;
}

CsvRows::Found CsvRows::next(std::string_view& piece) {
  if (place_ != Place::rows) {
    const Found found = find_head(piece);
    if (found != Found::none || place_ != Place::rows) return found;
  }
  return take(reader_.next(piece));
}

CsvRows::Found CsvRows::tell(Found found, const std::string& what) {
  text_ = where() + what;
  return found;
}

CsvRows::Found CsvRows::take(CsvReader::Found found) {
  if (found == CsvReader::Found::none) return Found::none;
  if (found == CsvReader::Found::fault) return tell(Found::fault, reader_.fault());
  if (!has_columns_) {
    const auto set = items_.set_columns(reader_.fields());
    if (!set) {
      text_ = set.error().detail();
      return Found::fault;
    }
    has_columns_ = true;
    return Found::columns;
  }
  auto item = items_.item_of(reader_.fields(), reader_.text());
  if (!item) return tell(Found::problem, item.error().detail());
  text_ = std::move(*item);
  return Found::item;
}

CsvRows::Found CsvRows::finish() {
  if (place_ == Place::head) {
    return fail(Errc::invalid, "behind the head of the first line no row names columns");
  }
  if (place_ != Place::rows) begin_rows();
  const Found found = take(reader_.finish());
  if (found != Found::none || has_columns_) return found;
  text_ = "the body is empty: its first row names columns";
  return Found::fault;
}

}  // namespace jindou::api
