#include "moderation/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "moderation/word_matcher.h"

namespace jindou::moderation {

Result<std::vector<ListOptions>> parse_lists(const std::vector<std::string>& entries) {
  // In a message, in metrics and in logs.
  constexpr std::size_t kNameBytesMax = 64;
  const auto bad = [](const std::string& entry, std::string_view why) {
    return Error(Errc::invalid, fmt::format("moderation.lists: '{}': {}", entry, why));
  };
  std::vector<ListOptions> lists;
  for (const std::string& entry : entries) {
    ListOptions list;
    const std::string_view text = entry;
    const std::size_t colon = text.find(':');
    const std::string_view action = text.substr(0, colon);
    if (action == "refuse") {
      list.action = Action::refuse;
    } else if (action == "mask") {
      list.action = Action::mask;
    } else if (action == "flag") {
      list.action = Action::flag;
    } else {
      return bad(entry, "begins with none of refuse:, mask:, flag:");
    }
    if (colon == std::string_view::npos || colon + 1 == text.size()) {
      return bad(entry, "names no file");
    }
    list.path = text.substr(colon + 1);
    list.name = std::filesystem::path(list.path).stem().string();
    if (list.name.empty() || list.name.size() > kNameBytesMax) {
      return bad(entry, "the name of the file, without its ending, has to have 1 to 64 bytes");
    }
    const bool known = std::any_of(lists.begin(), lists.end(),
                                   [&](const auto& other) { return other.name == list.name; });
    if (known) return bad(entry, "another list has that name already");
    lists.push_back(std::move(list));
  }
  if (lists.size() > WordMatcher::kListsMax) {
    return Error(Errc::invalid,
                 fmt::format("moderation.lists: there are {}; up to {} are looked at", lists.size(),
                             WordMatcher::kListsMax));
  }
  return lists;
}

}  // namespace jindou::moderation
