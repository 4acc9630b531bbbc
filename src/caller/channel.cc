#include "caller/channel.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "caller/lookup.h"
#include "caller/server_call.h"

namespace jindou::caller {

namespace {

constexpr std::uint64_t kChannelPage = 1000;
constexpr std::uint64_t kMemberPage = 10'000;
constexpr std::uint64_t kMessagePage = 200;

struct MemberPaths {
  std::string_view path;
  std::string_view count;  // what `show` calls how many there are
};
// As parse_channel_facts() has them.
constexpr std::array<MemberPaths, 3> kMemberPaths = {{{"/channel/subscribers", "subscriber_count"},
                                                      {"/channel/denylist", "denylist_count"},
                                                      {"/channel/allowlist", "allowlist_count"}}};

std::string place_query(const ChannelOptions& options) {
  return "?channel_id=" + escaped(options.id) + "&channel_type=" + std::to_string(options.type);
}

int list_channels(const ChannelOptions& options, const Asker& asker) {
  std::string path = "/channels?prefix=" + escaped(options.prefix);
  if (options.type != 0) path += "&channel_type=" + std::to_string(options.type);
  return print_list(asker, {path, kChannelPage, options.limit}, channel_listing(), options.json);
}

PageWalk walk_of_members(const ChannelOptions& options, std::string_view path) {
  return {std::string(path) + place_query(options) + "&prefix=" + escaped(options.prefix),
          kMemberPage, options.limit};
}

int list_members(const ChannelOptions& options, const Asker& asker, std::string_view path) {
  const auto print_uids = [&](const std::vector<simdjson::dom::object>& members) {
    std::string lines;
    for (const simdjson::dom::object& member : members) {
      lines += options.json ? simdjson::minify(member) : printable(text_member(member, "uid"));
      lines += '\n';
    }
    return asker.print(lines);
  };
  return walk_pages(asker, walk_of_members(options, path), print_uids);
}

int list_messages(const ChannelOptions& options, const Asker& asker) {
  const std::string path = "/manager/messages" + place_query(options);
  return print_list(asker, {path, kMessagePage, options.last}, message_listing(), options.json);
}

// How many members each list has, as members of an object. Returns the exit code.
int count_members(const ChannelOptions& options, const Asker& asker, const ChannelFacts& facts,
                  std::string& members) {
  for (std::size_t i = 0; i < kMemberPaths.size(); ++i) {
    std::uint64_t count = 0;
    const auto add = [&count](const std::vector<simdjson::dom::object>& entries) {
      count += entries.size();
      return kAllSent;
    };
    const auto& [path, name] = kMemberPaths.at(i);
    const int code =
        facts.has.at(i) ? walk_pages(asker, walk_of_members(options, path), add) : kAllSent;
    if (code != kAllSent) return code;
    members += ",\"" + std::string(name) + "\":" + std::to_string(count);
  }
  return kAllSent;
}

// The last message and the limits, as members of an object. Returns the exit code.
int add_log_facts(const ChannelOptions& options, const Asker& asker, std::string& members) {
  int code = kAllSent;
  const std::string place = place_query(options);
  const auto messages = asker.get("/manager/messages" + place + "&limit=1", code);
  if (!messages) return code;
  const auto last = last_message_json(*messages);
  if (!last) return asker.fail(kNotFinished, last.error().detail());
  const auto retention = asker.get("/channel/retention" + place, code);
  if (!retention) return code;
  members += ",\"last_message\":" + *last + ",\"retention\":" + *retention;
  return kAllSent;
}

int show_channel(const ChannelOptions& options, const Asker& asker) {
  int code = kAllSent;
  const auto info = asker.get("/channel/info" + place_query(options), code);
  if (!info) return code;
  auto facts = parse_channel_facts(*info);
  if (!facts) return asker.fail(kNotFinished, facts.error().detail());
  std::string members = facts->members;
  code = count_members(options, asker, *facts, members);
  if (code != kAllSent) return code;
  // A single user has flags and lists, but no messages.
  const bool is_user = options.type == 1 && options.id.find('@') == std::string::npos;
  if (!is_user) code = add_log_facts(options, asker, members);
  if (code != kAllSent) return code;
  const std::string all = '{' + members + '}';
  return asker.print(options.json ? all + '\n' : lines_of(all));
}

int run_channel_command(const ChannelOptions& options, const Asker& asker) {
  switch (options.command) {
    case ChannelOptions::Command::list: return list_channels(options, asker);
    case ChannelOptions::Command::show: return show_channel(options, asker);
    case ChannelOptions::Command::subscribers:
      return list_members(options, asker, kMemberPaths[0].path);
    case ChannelOptions::Command::denylist:
      return list_members(options, asker, kMemberPaths[1].path);
    case ChannelOptions::Command::allowlist:
      return list_members(options, asker, kMemberPaths[2].path);
    case ChannelOptions::Command::messages: break;
  }
  return list_messages(options, asker);
}

}  // namespace

int run_channel(ChannelOptions options) {
  return run_lookup(options, "jindou channel", run_channel_command);
}

}  // namespace jindou::caller
