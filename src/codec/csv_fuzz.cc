// Any text, given whole and in pieces: the records must be the same, and be read again as they were
// when they are written.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "codec/csv.h"

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Read whole = read(text, size + 1, kLimits);
  JD_ASSERT(whole == read(text, 1, kLimits));
  JD_ASSERT(whole == read(text, 7, kLimits));
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
