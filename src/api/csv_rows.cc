#include "api/csv_rows.h"

#include <boost/beast/core/string.hpp>

#include "api/query_number.h"

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
  return boost::beast::iequals(type, "text/csv");
}

Result<CsvRows> CsvRows::create(const Request& request) {
  JD_TRY(const codec::CsvDefaults defaults, csv_defaults(request));
  JD_TRY(codec::CsvItems items, codec::CsvItems::create(defaults));
  codec::CsvLimits limits;
  limits.record_bytes_max = kRowBytesMax;
  return CsvRows(std::move(items), limits);
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
  const Found found = take(reader_.finish());
  if (found != Found::none || has_columns_) return found;
  text_ = "the body is empty: its first row names columns";
  return Found::fault;
}

}  // namespace jindou::api
