#include "caller/import.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "caller/interrupt.h"
#include "caller/pace.h"
#include "caller/peer_pages.h"
#include "caller/server_call.h"
#include "caller/status_line.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "model/channel.h"
#include "model/id_rules.h"
#include "model/ids.h"

namespace jindou::caller {

namespace {

constexpr const char* kImportFooter = R"text(
Reads channels with their lists and messages, conversations, devices with their tokens and system
accounts of a running WuKongIM 2, and stores them on a server. Messages keep message_id and
message_seq. Nothing is taken away, and a channel in which somebody has written on the new server is
left alone.

It may be stopped at any time: run the same again, and it goes on where the server has got to. So it
can run while the old server is used, and once more when that one is quiet.

What could not be had is printed on standard output, a line of JSON each.

Exit status:
  0  everything is there
  1  something could not be had: standard output says what
  2  the command line or a token is wrong, or one of the two is no such server
  3  a server was not reached, or it was interrupted: run the same again

Examples:
  jindou import --from http://10.0.0.5:5001 --from-token-file /run/old --token-file /run/new > left
  jindou import --from http://10.0.0.5:5001 --parts channels,conversations --search
)text";

constexpr std::string_view kImportCommandSuffix = kCommandSuffix;
// Entries of a page of the other server.
constexpr unsigned kPeerPage = 500;
// Of one answer of the other server, whose lists have no pages: some five million uids.
constexpr std::size_t kPeerAnswerBytesMax = std::size_t{256} << 20;
// How often a request may be answered with 500 there: a fault that lasts is one of what it asks
// for.
constexpr unsigned kPeerFaultsMax = 3;
// Messages, or uids, of one request here.
constexpr std::size_t kMessagesAtOnce = 500;
constexpr std::size_t kUidsAtOnce = 1000;
// Of the payloads in one request.
constexpr std::size_t kImportBytesMax = std::size_t{1} << 20;
constexpr auto kSleep = std::chrono::milliseconds(100);

// What there is no way on after.
bool ends_import(const Error& error) {
  return error.code() == Errc::unavailable || error.code() == Errc::denied ||
         error.code() == Errc::closed;
}

int import_exit_code(const Error& error) {
  const bool may_pass = error.code() == Errc::unavailable || error.code() == Errc::closed ||
                        error.code() == Errc::storage;
  return may_pass ? kNotFinished : kBadCall;
}

// A refusal that is about whoever the request names, not about who asks.
bool has_reason(const http::CallAnswer& answer) {
  const auto parsed = codec::parse_json(answer.body);
  std::uint64_t reason = 0;
  return parsed && (*parsed)["reason"].get(reason) == simdjson::SUCCESS;
}

bool is_pair(const std::string& channel_id, unsigned type) {
  const auto kind = static_cast<ChannelType>(type);
  return (kind == ChannelType::person || kind == ChannelType::agent) &&
         channel_id.find('@') != std::string::npos;
}

bool is_inbox(const std::string& channel_id, unsigned type) {
  return static_cast<ChannelType>(type) == ChannelType::person &&
         channel_id.find('@') == std::string::npos;
}

Error does_not_go_on(const std::string& path) {
  return Error(Errc::invalid, "the pages of " + path + " on the other server do not go on");
}

// A channel among those that were seen; two have the same one by a chance of one in 2^64.
std::uint64_t channel_hash(const std::string& channel_id, unsigned type) {
  return std::hash<std::string>{}(std::to_string(type) + ' ' + channel_id);
}

// Why it cannot be stored; empty when it can.
std::string_view message_problem(const PeerMessage& message) {
  if (message.payload.empty()) return "it has no payload";
  if (message.id < kForeignIdMin) return "its message_id is below 2^53";
  return {};
}

struct ImportCounts {
  std::uint64_t accounts = 0;
  std::uint64_t channels = 0;
  std::uint64_t members = 0;
  std::uint64_t messages = 0;
  std::uint64_t conversations = 0;
  std::uint64_t devices = 0;
  std::uint64_t left = 0;  // lines that were printed

  std::string text() const {
    return with_commas(channels) + " channels, " + with_commas(members) + " members, " +
           with_commas(messages) + " messages, " + with_commas(conversations) + " conversations, " +
           with_commas(devices) + " devices, " + with_commas(accounts) + " system accounts; " +
           with_commas(left) + " could not be had";
  }
};

class Importing {
 public:
  explicit Importing(ImportOptions options)
      : options_(std::move(options)),
        line_(show_of(options_.progress), stderr,
              "jindou import: ", std::chrono::steady_clock::now()) {}

  int run();

 private:
  using Seen = std::unordered_set<std::uint64_t>;

  bool has_part(std::string_view part) const {
    return std::ranges::find(options_.parts, part) != options_.parts.end();
  }
  Result<void> import_all();
  Result<void> import_accounts();
  Result<void> import_channels();
  Result<void> import_channel(const PeerChannel& channel);
  Result<void> import_lists(const PeerChannel& channel);
  Result<void> import_list(const PeerChannel& channel, std::string_view peer_list,
                           const std::string& path, std::string_view member);
  // Nothing when that was done or tried before.
  Result<void> import_messages(const std::string& channel_id, unsigned type);
  // On the server; 0: it has none.
  Result<std::uint64_t> load_last_seq(const std::string& channel_id, unsigned type);
  // A message by which the other server says where a channel goes on; none: seq 0.
  struct Place {
    std::uint64_t seq = 0;
    std::uint64_t id = 0;
  };
  // What the other server has from `after.seq` on, which the server ends with: finds its id, and
  // looks whether it is the same where nothing else will tell. Errors: conflict.
  Result<void> find_end(const std::string& channel_id, unsigned type,
                        std::span<const PeerMessage> messages, Place& after);
  // Takes away what is over, and tells of what cannot be stored and takes that away, too.
  void leave_out(const std::string& channel_id, unsigned type, std::vector<PeerMessage>& messages);
  // Behind `after`, in one or several requests; moves it on. One that the server refuses is told of
  // and left out.
  Result<void> store_messages(const std::string& channel_id, unsigned type,
                              std::span<const PeerMessage> messages, Place& after);
  Result<void> post_messages(const std::string& channel_id, unsigned type,
                             std::span<const PeerMessage> messages, const Place& after);
  Result<void> import_conversations();
  Result<void> import_conversation(const PeerConversation& conversation);
  Result<void> import_devices();
  Result<void> search_channels();

  // From `from` on, inclusive.
  Result<std::vector<PeerMessage>> load_messages(const std::string& channel_id, unsigned type,
                                                 std::uint64_t from, bool& more);
  // Pages of a path that go on by the time of creation.
  template <class Parse, class Take>
  Result<void> walk(const std::string& path, const Parse& parse, const Take& take);

  // The body of the answer of either server. Errors: unavailable (it was tried for long enough),
  // closed (interrupted), denied (the token is wrong, or not enough); storage (the other server
  // answers 500 to this again and again); not_found, conflict, too_large (the request, or the
  // answer) and, for what else it refuses, invalid, with what the server says.
  using Call = std::function<http::CallAnswer()>;
  Result<std::string> ask(const ServerOptions& server, const Call& call);
  Result<std::string> get(const ServerOptions& server, const std::string& path);
  Result<std::string> post(const ServerOptions& server, const std::string& path,
                           const std::string& body);

  // Errors that end the import; any other is a line of what could not be had.
  Result<void> settle(const Result<void>& done, std::string_view what, const std::string& id,
                      unsigned type);
  // The same of a channel, whose conversations are left out then.
  Result<void> settle_channel(const Result<void>& done, const std::string& id, unsigned type);
  void report(std::string_view what, const std::string& id, unsigned type, std::string_view why);
  void show_progress();

  ImportOptions options_;
  TerminalLine line_;
  SystemRandom random_;
  ImportCounts counts_;
  Seen seen_;    // channels whose messages were looked at: channel_hash()
  Seen failed_;  // those that could not be had
};

// ---- calls --------------------------------------------------------------------------------------

Result<std::string> Importing::ask(const ServerOptions& server, const Call& call) {
  const bool is_peer = &server == &options_.peer;
  Patience patience(options_.patience, random_);
  unsigned faults = 0;
  for (;;) {
    if (interrupted()) return Error(Errc::closed, "interrupted");
    http::CallAnswer answer = call();
    if (answer.ok() && answer.error.empty()) return std::move(answer.body);
    if (interrupted()) return Error(Errc::closed, "interrupted");
    const std::string said = message_of(answer);
    std::string why = shown_url(server);
    if (answer.status == 0 || !answer.error.empty()) {
      why += ": " + answer.error;
    } else {
      why += " answers " + std::to_string(answer.status) + (said.empty() ? "" : ": " + said);
    }
    if (answer.too_long || answer.status == 413) return Error(Errc::too_large, why);
    const bool may_pass =
        answer.status == 0 || answer.ok() || answer.status == 429 || answer.status >= 500;
    if (!may_pass) {
      const bool denied = answer.status == 401 || (answer.status == 403 && !has_reason(answer));
      if (denied) return Error(Errc::denied, why);
      if (answer.status == 404) return Error(Errc::not_found, why);
      if (answer.status == 409) return Error(Errc::conflict, said);
      return Error(Errc::invalid, why);
    }
    const bool is_fault = is_peer && answer.status == 500;
    faults = is_fault ? faults + 1 : 0;
    if (faults >= kPeerFaultsMax) return Error(Errc::storage, why);
    const auto wait = patience.wait(std::chrono::steady_clock::now(), answer.retry_after);
    if (!wait) return Error(is_fault ? Errc::storage : Errc::unavailable, why);
    line_.say(why + "; trying again");
    const auto until = std::chrono::steady_clock::now() + *wait;
    while (!interrupted() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(kSleep);
    }
  }
}

Result<std::string> Importing::get(const ServerOptions& server, const std::string& path) {
  const bool is_peer = &server == &options_.peer;
  const std::size_t bytes_max = is_peer ? kPeerAnswerBytesMax : kAnswerBytesMax;
  return ask(server, [&] { return ask_server(server, true, path, bytes_max); });
}

Result<std::string> Importing::post(const ServerOptions& server, const std::string& path,
                                    const std::string& body) {
  return ask(server, [&] { return post_to_server(server, path, body); });
}

template <class Parse, class Take>
Result<void> Importing::walk(const std::string& path, const Parse& parse, const Take& take) {
  for (std::int64_t offset = 0;;) {
    JD_TRY(const std::string answer,
           get(options_.peer, path + "?limit=" + std::to_string(kPeerPage) +
                                  "&offset_created_at=" + std::to_string(offset)));
    JD_TRY(const auto page, parse(answer));
    // From the newest to the oldest: such pages would never end.
    if (offset != 0 && page.next >= offset) return does_not_go_on(path);
    for (const auto& entry : page.entries) JD_RETURN_IF_ERROR(take(entry));
    if (page.next == 0) return {};
    offset = page.next;
  }
}

// ---- what is told -------------------------------------------------------------------------------

void Importing::report(std::string_view what, const std::string& id, unsigned type,
                       std::string_view why) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object();
  json.string("what", what);
  if (type > 0) {
    json.string("channel_id", id);
    json.number("channel_type", type);
  } else if (!id.empty()) {
    json.string("uid", id);
  }
  json.string("why", why);
  json.end_object();
  std::printf("%s\n", text.c_str());
  ++counts_.left;
}

Result<void> Importing::settle(const Result<void>& done, std::string_view what,
                               const std::string& id, unsigned type) {
  show_progress();
  if (done) return {};
  if (ends_import(done.error())) return done.error();
  report(what, id, type, done.error().detail());
  return {};
}

Result<void> Importing::settle_channel(const Result<void>& done, const std::string& id,
                                       unsigned type) {
  if (!done) failed_.insert(channel_hash(id, type));
  return settle(done, "channel", id, type);
}

void Importing::show_progress() {
  const auto now = std::chrono::steady_clock::now();
  if (line_.is_due(now)) line_.draw(counts_.text(), now);
}

// ---- system accounts and devices ----------------------------------------------------------------

Result<void> Importing::import_accounts() {
  JD_TRY(const std::string answer, get(options_.peer, "/user/systemuids"));
  JD_TRY(const std::vector<std::string> uids, parse_peer_uids(answer));
  for (const std::string& uid : uids) {
    if (uid == kSystemUid) continue;
    std::string body;
    codec::JsonWriter json(body);
    json.begin_object();
    json.begin_array("uids");
    json.string(uid);
    json.end_array();
    json.end_object();
    const auto posted = post(options_, "/user/systemuids_add", body);
    if (posted) ++counts_.accounts;
    const Result<void> done = posted ? Result<void>() : Result<void>(posted.error());
    JD_RETURN_IF_ERROR(settle(done, "system account", uid, 0));
  }
  return {};
}

Result<void> Importing::import_devices() {
  return walk("/cluster/devices", parse_peer_devices, [this](const PeerDevice& device) {
    if (device.token.empty()) {
      report("device", device.uid, 0, "it has no token");
      return Result<void>();
    }
    std::string body;
    codec::JsonWriter json(body);
    json.begin_object();
    json.string("uid", device.uid);
    json.string("token", device.token);
    json.number("device_flag", device.flag);
    json.number("device_level", device.level);
    json.end_object();
    const auto posted = post(options_, "/user/token", body);
    if (posted) ++counts_.devices;
    const Result<void> done = posted ? Result<void>() : Result<void>(posted.error());
    return settle(done, "device", device.uid, 0);
  });
}

// ---- channels -----------------------------------------------------------------------------------

Result<void> Importing::import_list(const PeerChannel& channel, std::string_view peer_list,
                                    const std::string& path, std::string_view member) {
  const auto answer =
      get(options_.peer, "/cluster/channels/" + escaped(channel.id) + "/" +
                             std::to_string(channel.type) + "/" + std::string(peer_list));
  if (!answer) {
    // Its router decodes paths before it takes them apart.
    const bool no_path =
        answer.error().code() == Errc::not_found && channel.id.find('/') != std::string::npos;
    if (!no_path) return answer.error();
    return Error(Errc::not_found, "the other server shows no lists of an id with '/'");
  }
  JD_TRY(std::vector<std::string> uids, parse_peer_uids(*answer));
  std::erase_if(uids, [&](const std::string& uid) {
    const std::string_view problem = id_problem(uid);
    if (problem.empty()) return false;
    report("member", channel.id, channel.type,
           "of its " + std::string(peer_list) + " the uid " + uid + ' ' + std::string(problem));
    return true;
  });
  for (std::size_t from = 0; from < uids.size(); from += kUidsAtOnce) {
    const std::size_t to = std::min(uids.size(), from + kUidsAtOnce);
    std::string body;
    codec::JsonWriter json(body);
    json.begin_object();
    json.string("channel_id", channel.id);
    json.number("channel_type", channel.type);
    json.begin_array(member);
    for (std::size_t i = from; i < to; ++i) json.string(uids[i]);
    json.end_array();
    json.end_object();
    JD_TRY([[maybe_unused]] const std::string done, post(options_, path, body));
    counts_.members += to - from;
  }
  return {};
}

Result<void> Importing::import_lists(const PeerChannel& channel) {
  if (!is_inbox(channel.id, channel.type)) {
    JD_RETURN_IF_ERROR(
        import_list(channel, "subscribers", "/channel/subscriber_add", "subscribers"));
  }
  JD_RETURN_IF_ERROR(import_list(channel, "denylist", "/channel/blacklist_add", "uids"));
  return import_list(channel, "allowlist", "/channel/whitelist_add", "uids");
}

Result<void> Importing::import_channel(const PeerChannel& channel) {
  const bool pair = is_pair(channel.id, channel.type);
  const std::string place =
      "?channel_id=" + escaped(channel.id) + "&channel_type=" + std::to_string(channel.type);
  const auto flags_body = [&channel](bool disband) {
    std::string body;
    codec::JsonWriter json(body);
    json.begin_object();
    json.string("channel_id", channel.id);
    json.number("channel_type", channel.type);
    json.flag("ban", channel.ban);
    json.flag("disband", disband);
    json.end_object();
    return body;
  };
  bool disbanded = false;
  if (!pair) {
    const auto known = get(options_, "/channel/info" + place);
    if (known) {
      JD_TRY(const auto info, codec::parse_json(*known));
      std::uint64_t flag = 0;
      disbanded = info["disband"].get(flag) == simdjson::SUCCESS && flag == 1;
    } else if (known.error().code() != Errc::not_found) {
      return known.error();
    } else {
      // What the operator of the new server sets later stays when this runs again.
      JD_TRY([[maybe_unused]] const std::string made,
             post(options_, "/channel/info", flags_body(false)));
    }
    if (!disbanded) JD_RETURN_IF_ERROR(import_lists(channel));
  }
  JD_RETURN_IF_ERROR(import_messages(channel.id, channel.type));
  if (channel.disband && !disbanded && !pair) {
    JD_TRY([[maybe_unused]] const std::string made,
           post(options_, "/channel/info", flags_body(true)));
  }
  return {};
}

Result<void> Importing::import_channels() {
  return walk("/cluster/channels", parse_peer_channels, [this](const PeerChannel& channel) {
    if (channel.id.ends_with(kImportCommandSuffix)) return Result<void>();
    const Result<void> done = import_channel(channel);
    if (done) ++counts_.channels;
    return settle_channel(done, channel.id, channel.type);
  });
}

// ---- messages -----------------------------------------------------------------------------------

Result<std::vector<PeerMessage>> Importing::load_messages(const std::string& channel_id,
                                                          unsigned type, std::uint64_t from,
                                                          bool& more) {
  std::string shown = channel_id;
  std::string viewer(kSystemUid);
  if (static_cast<ChannelType>(type) == ChannelType::person) {
    const auto [a, b] = split_pair_id(channel_id);
    viewer = a;
    shown = b;
  }
  for (unsigned limit = kPeerPage + 1;; limit /= 2) {
    std::string body;
    codec::JsonWriter json(body);
    json.begin_object();
    json.string("login_uid", viewer);
    json.string("channel_id", shown);
    json.number("channel_type", type);
    json.number("start_message_seq", from);
    json.number("end_message_seq", 0);
    json.number("limit", limit);
    json.number("pull_mode", 1);
    json.string("event_summary_mode", "basic");
    json.end_object();
    const auto answer = post(options_.peer, "/channel/messagesync", body);
    if (!answer) {
      // Two are the one that is known and the next.
      if (answer.error().code() == Errc::too_large && limit > 2) continue;
      return answer.error();
    }
    return parse_peer_messages(*answer, more);
  }
}

Result<std::uint64_t> Importing::load_last_seq(const std::string& channel_id, unsigned type) {
  JD_TRY(const std::string told,
         get(options_, "/channel/max_message_seq?channel_id=" + escaped(channel_id) +
                           "&channel_type=" + std::to_string(type)));
  const auto parsed = codec::parse_json(told);
  std::uint64_t seq = 0;
  if (!parsed || (*parsed)["message_seq"].get(seq) != simdjson::SUCCESS) {
    return Error(Errc::invalid, shown_url(options_) + " is no Jindou server");
  }
  return seq;
}

Result<void> Importing::post_messages(const std::string& channel_id, unsigned type,
                                      std::span<const PeerMessage> messages, const Place& after) {
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object();
  json.string("channel_id", channel_id);
  json.number("channel_type", type);
  json.number("after_seq", after.seq);
  json.number("after_id", after.id);
  json.begin_array("messages");
  for (const PeerMessage& message : messages) write_imported(json, message);
  json.end_array();
  json.end_object();
  JD_TRY([[maybe_unused]] const std::string done, post(options_, "/import/messages", body));
  return {};
}

Result<void> Importing::store_messages(const std::string& channel_id, unsigned type,
                                       std::span<const PeerMessage> messages, Place& after) {
  std::size_t most = kMessagesAtOnce;
  while (!messages.empty()) {
    std::size_t count = 0;
    for (std::size_t bytes = 0; count < std::min(most, messages.size()); ++count) {
      bytes += messages[count].payload.size();
      if (count > 0 && bytes > kImportBytesMax) break;
    }
    const auto posted = post_messages(channel_id, type, messages.first(count), after);
    if (posted) {
      after = {messages[count - 1].seq, messages[count - 1].id};
      counts_.messages += count;
      show_progress();
    } else {
      const Error& refusal = posted.error();
      // Not the channel, or what it ends with.
      const bool of_message = refusal.code() == Errc::too_large ||
                              (refusal.code() == Errc::invalid &&
                               refusal.detail().find("messages") != std::string::npos);
      if (!of_message) return refusal;
      if (count > 1) {
        // Which one it is comes out by halves.
        most = count / 2;
        continue;
      }
      report("message", channel_id, type,
             "message_seq " + std::to_string(messages[0].seq) + ": " + refusal.detail());
    }
    messages = messages.subspan(count);
    most = std::min(most * 2, kMessagesAtOnce);
  }
  return {};
}

void Importing::leave_out(const std::string& channel_id, unsigned type,
                          std::vector<PeerMessage>& messages) {
  const auto now = static_cast<std::uint64_t>(SystemClock().wall_seconds());
  std::erase_if(messages, [&](const PeerMessage& message) {
    if (message.expire != 0 && message.timestamp + message.expire <= now) return true;
    const std::string_view problem = message_problem(message);
    if (problem.empty()) return false;
    report("message", channel_id, type,
           "message_seq " + std::to_string(message.seq) + ": " + std::string(problem));
    return true;
  });
}

Result<void> Importing::find_end(const std::string& channel_id, unsigned type,
                                 std::span<const PeerMessage> messages, Place& after) {
  const Error other(Errc::conflict, "the channel ends here with another message than there");
  if (messages.empty()) {
    return Error(Errc::conflict, "the channel ends here with message_seq " +
                                     std::to_string(after.seq) + ", which is not there");
  }
  const PeerMessage& last = messages.front();
  if (last.seq != after.seq) {
    // Gone there: then it has to be gone here, too, and the server compares no id.
    after.id = kForeignIdMax;
    return {};
  }
  if (!message_problem(last).empty()) return other;
  after.id = last.id;
  // Where there is something to store that tells whether it is the same.
  if (messages.size() > 1) return {};
  // What is there already is no change, and told apart from what is not.
  auto stored = post_messages(channel_id, type, messages, {});
  if (!stored && stored.error().code() == Errc::conflict) return other;
  return stored;
}

Result<void> Importing::import_messages(const std::string& channel_id, unsigned type) {
  if (is_inbox(channel_id, type)) return {};
  if (!seen_.insert(channel_hash(channel_id, type)).second) return {};
  Place after;
  JD_TRY(after.seq, load_last_seq(channel_id, type));
  // The last message that is known is asked for again: it tells whether it is the same, and the
  // other server gives the first message of a page without its flags.
  std::uint64_t known = after.seq;
  bool more = true;
  for (bool first = true; more; first = false) {
    JD_TRY(std::vector<PeerMessage> messages,
           load_messages(channel_id, type, std::max<std::uint64_t>(known, 1), more));
    if (first && known > 0) {
      JD_RETURN_IF_ERROR(find_end(channel_id, type, messages, after));
    }
    const bool there = !messages.empty() && messages.front().seq == known;
    if (there) messages.erase(messages.begin());
    // Nearly all messages have it.
    if (known == 0 && !messages.empty()) messages.front().red_dot = true;
    if (messages.empty() && !more) return {};
    if (messages.empty() || messages.back().seq <= known) {
      return Error(Errc::invalid,
                   "its history on the other server does not go on behind message_seq " +
                       std::to_string(known));
    }
    known = messages.back().seq;
    leave_out(channel_id, type, messages);
    JD_RETURN_IF_ERROR(store_messages(channel_id, type, messages, after));
  }
  return {};
}

Result<void> Importing::search_channels() {
  std::uint64_t last = 0;
  for (;;) {
    const std::uint64_t before = last;
    JD_TRY(const std::string answer,
           get(options_.peer, "/cluster/messages?pre=1&limit=" + std::to_string(kPeerPage) +
                                  "&offset_message_id=" + std::to_string(before)));
    JD_TRY(const std::vector<PeerChannel> channels, parse_peer_search(answer, last));
    for (const PeerChannel& channel : channels) {
      if (channel.id.ends_with(kImportCommandSuffix)) continue;
      if (failed_.contains(channel_hash(channel.id, channel.type))) continue;
      JD_RETURN_IF_ERROR(
          settle_channel(import_messages(channel.id, channel.type), channel.id, channel.type));
    }
    if (channels.empty() || last == before) return {};
  }
}

// ---- conversations ------------------------------------------------------------------------------

Result<void> Importing::import_conversation(const PeerConversation& conversation) {
  std::string shown = conversation.channel_id;
  if (static_cast<ChannelType>(conversation.channel_type) == ChannelType::person) {
    shown = peer_in_pair(conversation.channel_id, conversation.uid);
    if (shown.empty()) return Error(Errc::invalid, "the channel is none of that user");
  }
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object();
  json.string("uid", conversation.uid);
  json.string("channel_id", shown);
  json.number("channel_type", conversation.channel_type);
  json.number("message_seq", conversation.read_to);
  json.end_object();
  JD_TRY([[maybe_unused]] const std::string done,
         post(options_, "/conversations/clearUnread", body));
  ++counts_.conversations;
  return {};
}

Result<void> Importing::import_conversations() {
  const std::string path = "/cluster/conversations";
  std::pair<std::string, std::uint64_t> first;  // of the page before: its user and channel
  for (std::uint64_t page = 1;; ++page) {
    JD_TRY(const std::string answer,
           get(options_.peer, path + "?limit=" + std::to_string(kPeerPage) +
                                  "&current_page=" + std::to_string(page)));
    JD_TRY(const std::vector<PeerConversation> conversations, parse_peer_conversations(answer));
    if (conversations.empty()) return {};
    std::pair<std::string, std::uint64_t> now(
        conversations.front().uid,
        channel_hash(conversations.front().channel_id, conversations.front().channel_type));
    if (now == first) return does_not_go_on(path);
    first = std::move(now);
    for (const PeerConversation& each : conversations) {
      if (each.of_commands || each.channel_id.ends_with(kImportCommandSuffix)) continue;
      if (each.uid == kSystemUid) continue;
      const std::uint64_t hash = channel_hash(each.channel_id, each.channel_type);
      // A person channel is in no other list. Others have members, who come before messages.
      if (!failed_.contains(hash) &&
          (has_part("channels") || is_pair(each.channel_id, each.channel_type))) {
        JD_RETURN_IF_ERROR(settle_channel(import_messages(each.channel_id, each.channel_type),
                                          each.channel_id, each.channel_type));
      }
      if (each.read_to == 0 || failed_.contains(hash)) continue;
      JD_RETURN_IF_ERROR(settle(import_conversation(each), "conversation of " + each.uid,
                                each.channel_id, each.channel_type));
    }
  }
}

// ---- all of it ----------------------------------------------------------------------------------

Result<void> Importing::import_all() {
  if (has_part("accounts")) JD_RETURN_IF_ERROR(import_accounts());
  if (has_part("channels")) JD_RETURN_IF_ERROR(import_channels());
  if (has_part("conversations")) JD_RETURN_IF_ERROR(import_conversations());
  if (options_.search) JD_RETURN_IF_ERROR(search_channels());
  if (has_part("devices")) JD_RETURN_IF_ERROR(import_devices());
  return {};
}

int Importing::run() {
  const Result<void> done = import_all();
  if (std::fflush(stdout) != 0) {
    line_.say("standard output cannot be written");
    return kNotFinished;
  }
  line_.say(counts_.text());
  if (done) return counts_.left == 0 ? kAllSent : kSomeRefused;
  line_.say(done.error().detail());
  return import_exit_code(done.error());
}

}  // namespace

void add_options(CLI::App& app, ImportOptions& options) {
  app.footer(kImportFooter);
  app.add_option("--from", options.peer.url, "the HTTP API of WuKongIM")->required();
  app.add_option("--from-token", options.peer.token,
                 "its managerToken; others on this machine can read it here, so rather use "
                 "--from-token-file");
  app.add_option("--from-token-file", options.peer.token_file,
                 "a file whose first line is that token");
  app.add_option("--from-ca-file", options.peer.ca_file,
                 "PEM file of authorities for its certificate, if it is https");
  add_server_options(app, options);
  app.add_option("--parts", options.parts, "what is imported, of these; all unless given")
      ->delimiter(',')
      ->check(CLI::IsMember({"accounts", "channels", "conversations", "devices"}));
  app.add_flag("--search", options.search,
               "also walk through all messages, to find channels that are in no list; each of "
               "these is then read twice");
  add_progress_option(app, options.progress);
}

Result<void> complete(ImportOptions& options) {
  if (options.search && std::ranges::find(options.parts, "channels") == options.parts.end()) {
    return Error(Errc::invalid, "--search finds channels: name them in --parts, too");
  }
  JD_RETURN_IF_ERROR(complete_server(options));
  // The variables are of the server that is written to.
  JD_RETURN_IF_ERROR(complete_server(options.peer, {"--from", "--from-token", false}));
  options.peer.timeout = options.timeout;
  options.peer.patience = options.patience;
  return {};
}

int run_import(ImportOptions options) {
  ::signal(SIGPIPE, SIG_IGN);
  if (const auto completed = complete(options); !completed) {
    std::fprintf(stderr, "jindou import: %s\n", completed.error().detail().c_str());
    return kBadCall;
  }
  catch_interrupts();
  return Importing(std::move(options)).run();
}

}  // namespace jindou::caller
