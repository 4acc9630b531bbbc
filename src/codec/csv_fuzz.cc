// Any text, given whole and in pieces: the records must be the same, and be read again as they were
// when they are written. What is made of them as items is a line of JSON each.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "codec/csv.h"
#include "codec/csv_items.h"
#include "codec/json_fault.h"

namespace {

using namespace jindou::codec;
using Found = CsvReader::Found;

constexpr CsvLimits kLimits{300, 20};

struct Read {
  std::vector<std::vector<std::string>> records;
  std::vector<std::string> texts;
  std::vector<std::uint64_t> lines;
  std::string fault;

  bool operator==(const Read&) const = default;
};

Read read(std::string_view text, std::size_t piece, CsvLimits limits) {
  CsvReader reader(limits);
  Read all;
  const auto add = [&](Found found) {
    if (found == Found::fault) all.fault = reader.fault();
    if (found != Found::none) all.lines.push_back(reader.line());
    if (found == Found::record) {
      JD_ASSERT(!reader.fields().empty() && reader.fields().size() <= limits.fields_max);
      JD_ASSERT(reader.text().size() <= limits.record_bytes_max);
      all.records.emplace_back(reader.fields().begin(), reader.fields().end());
      all.texts.emplace_back(reader.text());
    }
    return found != Found::none;
  };
  while (!text.empty()) {
    std::string_view part = text.substr(0, piece);
    text.remove_prefix(part.size());
    while (add(reader.next(part))) {
    }
    JD_ASSERT(part.empty());
  }
  add(reader.finish());
  JD_ASSERT(reader.finish() == Found::none);
  return all;
}

void make_items(const Read& read, bool has_head) {
  static constexpr std::string_view kPassed[] = {"line"};
  CsvDefaults defaults;
  defaults.from_uid = "system";
  defaults.channel_type = 1;
  defaults.template_name = "welcome";
  defaults.passed_over = kPassed;
  auto items = CsvItems::create(defaults);
  JD_ASSERT(items);
  CsvShared shared;
  shared.has_head = shared.channel_type = shared.payload = has_head;
  items->set_shared(shared);
  if (read.records.empty()) return;
  const auto views = [](const std::vector<std::string>& record) {
    return std::vector<std::string_view>(record.begin(), record.end());
  };
  if (!items->set_columns(views(read.records[0]))) return;
  for (std::size_t i = 1; i < read.records.size(); ++i) {
    const auto fields = views(read.records[i]);
    const auto item = items->item_of(fields, read.texts[i], [](std::string_view members) {
      return std::to_string(members.size());
    });
    if (!item) continue;
    JD_ASSERT(items->fits(fields) && is_json(*item));
    JD_ASSERT(item->find_first_of("\r\n") == std::string::npos);
    (void)items->own_fields(fields);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Read whole = read(text, size + 1, kLimits);
  JD_ASSERT(whole == read(text, 1, kLimits));
  JD_ASSERT(whole == read(text, 7, kLimits));
  make_items(whole, false);
  make_items(whole, true);
  for (const auto& record : whole.records) {
    // In front of it a field that is no byte order mark and no empty line.
    std::string written = "x";
    for (const std::string& field : record) {
      written += ',';
      append_csv_field(written, field);
    }
    written += '\n';
    const Read again = read(written, written.size(), {4096, 100});
    JD_ASSERT(again.records.size() == 1 && again.fault.empty());
    JD_ASSERT(std::vector(again.records[0].begin() + 1, again.records[0].end()) == record);
  }
  return 0;
}
