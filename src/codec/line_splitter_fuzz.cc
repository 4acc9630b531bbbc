// Any text, given whole and in pieces: the lines must be the same, and each can be read as an item.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "codec/line_splitter.h"
#include "codec/message_json.h"

namespace {

using namespace jindou;
using namespace jindou::codec;
using Found = LineSplitter::Found;

constexpr std::size_t kLineMax = 200;

std::vector<std::string> split(std::string_view text, std::size_t piece) {
  LineSplitter splitter(kLineMax, nullptr);
  std::vector<std::string> lines;
  std::string_view line;
  const auto add = [&](Found found) {
    JD_ASSERT(found != Found::no_room);
    if (found == Found::too_long) lines.emplace_back();
    if (found == Found::line) {
      JD_ASSERT(!line.empty() && line.size() <= kLineMax);
      JD_ASSERT(line.find('\n') == std::string_view::npos);
      lines.emplace_back(line);
    }
    return found != Found::none;
  };
  while (!text.empty()) {
    std::string_view part = text.substr(0, piece);
    text.remove_prefix(part.size());
    while (add(splitter.next(part, line))) {
    }
  }
  add(splitter.finish(line));
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = split(text, size + 1);
  JD_ASSERT(whole == split(text, 1));
  JD_ASSERT(whole == split(text, 7));
  SendLimits limits;
  limits.payload_bytes_max = 64;
  limits.subscribers_max = 4;
  limits.expanded_bytes_max = 20;
  TemplateSet templates;
  templates.put({"t", 0}, "{\"t\":\"{{name}}\"}");
  BatchCommon common(limits, &templates);
  bool first = true;
  for (const std::string& line : whole) {
    if (std::exchange(first, false)) {
      const Result<bool> head = read_head(line, common);
      if (!head) {
        JD_ASSERT(!head.error().detail().empty());
        break;
      }
      if (*head) continue;
    }
    const ItemBody item = parse_item(line, 0, common);
    if (const auto* problems = std::get_if<std::vector<ItemProblem>>(&item)) {
      JD_ASSERT(!problems->empty());
    } else if (const auto* own = std::get_if<BatchItem>(&item)) {
      JD_ASSERT(!own->payload.empty());
    }
  }
  return 0;
}
