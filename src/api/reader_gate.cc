#include "api/reader_gate.h"

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/loaded_answers.h"
#include "api/reading.h"
#include "base/assert.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "model/id_rules.h"
#include "partition/rate_limits.h"
#include "partition/recipients.h"

namespace jindou::api {
namespace {

namespace dom = simdjson::dom;

// True when `object` names somebody else as `member`; `named`: whether it names the user.
bool names_another(dom::object object, std::string_view member, std::string_view uid, bool& named) {
  for (const auto field : object) {
    if (field.key != member || field.value.is_null()) continue;
    std::string_view text;
    if (field.value.get_string().get(text) != simdjson::SUCCESS) return true;
    if (is_blank(text)) continue;
    if (text != uid) return true;
    named = true;
  }
  return false;
}

// False: the body names another user. What is no object is for its route to refuse.
bool name_reader_in_body(Request& request, std::string_view member, std::string_view uid) {
  const auto parsed = codec::parse_json(request.body);
  dom::object object;
  if (!parsed || parsed->get_object().get(object) != simdjson::SUCCESS) return true;
  bool named = false;
  if (names_another(object, member, uid, named)) return false;
  if (named) return true;
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object();
  json.string(member, uid);
  for (const auto field : object) {
    if (field.key == member) continue;
    json.key(field.key);
    json.raw(simdjson::minify(field.value));
  }
  json.end_object();
  request.reserve_body(body.size());
  request.body.assign(body);
  return true;
}

// False: the request is about another user.
bool name_reader(Request& request, std::string_view member, std::string_view uid) {
  if (request.method() == Verb::post) return name_reader_in_body(request, member, uid);
  const std::string named = request.query_value(member);
  return is_blank(named) || named == uid;
}

// What is stored of the user of a read token.
enum class ReaderStanding : std::uint8_t { good, banned, device_gone };

// Blocks. Errors: storage.
Result<ReaderStanding> load_standing(const partition::RecordReader& records,
                                     const access::Access& access, const Reader& reader) {
  const ChannelKey inbox(reader.uid, ChannelType::person);
  JD_TRY(const auto flags, records.load_flags(inbox));
  if (flags && (flags->ban || flags->disband)) return ReaderStanding::banned;
  if (!reader.device_flag) return ReaderStanding::good;
  JD_TRY(const auto stored, records.load_token(reader.uid, *reader.device_flag));
  // A device that has quit has an empty one.
  if (!stored || stored->token.empty()) return ReaderStanding::device_gone;
  const std::string mark = access.device_mark(reader.uid, stored->token);
  return mark == reader.device_mark ? ReaderStanding::good : ReaderStanding::device_gone;
}

// Blocks. Errors: storage.
Result<bool> is_own_channel(const partition::RecordReader& records, const ChannelKey& channel,
                            std::string_view uid) {
  JD_TRY(const bool is_user, is_channel_user(records, channel, uid));
  if (!is_user) return false;
  if (channel.type == ChannelType::person || channel.type == ChannelType::agent) return true;
  // Who is on it receives nothing, so he reads nothing.
  JD_TRY(const bool denied, records.has_member(channel, partition::MemberList::denylist, uid));
  return !denied;
}

bool receives(const partition::Recipients& recipients, const std::string& uid) {
  if (recipients.excluded != nullptr && recipients.excluded->contains(uid)) return false;
  const auto& listed = recipients.listed;
  if (std::ranges::find(listed, uid) != listed.end()) return true;
  return recipients.subscribers != nullptr && recipients.subscribers->contains(uid);
}

}  // namespace

std::string_view reader_member(const Route& route) {
  return route.path.starts_with("/conversation") ? "uid" : "login_uid";
}

void answer_not_for_readers(Response& response, std::string_view path) {
  answer_error(response, 403, errc_name(Errc::denied),
               "a read token is for reading the conversations and messages of its user and for "
               "nothing else: " +
                   std::string(path) + " needs the managerToken or an API key");
}

Task<bool> admit_reader(Services& services, const Route& route, Request& request,
                        Response& response) {
  const ReaderPtr reader = request.reader;
  JD_ASSERT(reader != nullptr);
  partition::RateLimits* const limits = services.deps.limits;
  if (limits != nullptr && limits->take_read(reader->uid).count() > 0) {
    answer_error(response, 429, errc_name(Errc::rate_limited),
                 "too many requests of this user (limits.readerPerSecond): nothing was done");
    co_return false;
  }
  const std::string_view member = reader_member(route);
  if (!name_reader(request, member, reader->uid)) {
    answer_error(response, 403, errc_name(Errc::denied),
                 std::string(member) + " must be the user of the read token, or be left out");
    co_return false;
  }
  const partition::RecordReader& records = services.deps.records;
  const access::Access& access = services.access;
  auto work = [&records, &access, reader] { return load_standing(records, access, *reader); };
  const auto standing = co_await load_or_answer(services, response, std::move(work));
  if (!standing) co_return false;
  switch (*standing) {
    case ReaderStanding::good: co_return true;
    case ReaderStanding::banned: answer_denied(response, Reason::ban, "the user is banned"); break;
    case ReaderStanding::device_gone:
      answer_error(response, 401, "unauthorized",
                   "the device of the read token has quit, or has another token by now: ask for "
                   "another one");
      break;
  }
  co_return false;
}

std::string query_reader(const Request& request) {
  return request.reader != nullptr ? request.reader->uid : request.query_value("login_uid");
}

Task<Result<std::vector<bool>>> find_own_channels(Services& services, Request& request,
                                                  std::vector<ChannelKey> channels) {
  std::vector<bool> own(channels.size(), true);
  const ReaderPtr reader = request.reader;
  if (reader == nullptr || channels.empty()) co_return Result<std::vector<bool>>(std::move(own));
  if (services.deps.router.asks_for_lists()) {
    for (std::size_t i = 0; i < channels.size(); ++i) {
      ChannelKey channel = channels[i];
      const auto recipients = co_await ask_recipients(services, request, std::move(channel));
      if (!recipients) co_return Result<std::vector<bool>>(recipients.error());
      own[i] = receives(*recipients, reader->uid);
    }
    co_return Result<std::vector<bool>>(std::move(own));
  }
  const partition::RecordReader& records = services.deps.records;
  auto work = [&records, reader, channels = std::move(channels)]() -> Result<std::vector<bool>> {
    std::vector<bool> found;
    found.reserve(channels.size());
    for (const ChannelKey& channel : channels) {
      JD_TRY(const bool is_own, is_own_channel(records, channel, reader->uid));
      found.push_back(is_own);
    }
    return found;
  };
  co_return co_await services.deps.blocking.run(std::move(work));
}

Task<Result<void>> check_own_channels(Services& services, Request& request,
                                      std::vector<ChannelKey> channels) {
  if (request.reader == nullptr) co_return Result<void>();
  const auto own = co_await find_own_channels(services, request, std::move(channels));
  if (!own) co_return Result<void>(own.error());
  if (std::ranges::find(*own, false) == own->end()) co_return Result<void>();
  co_return Result<void>(Error(Errc::denied, std::string(kNotOwnText)));
}

Task<Result<void>> check_own_channel(Services& services, Request& request,
                                     const ChannelKey& channel) {
  std::vector<ChannelKey> one;
  one.push_back(channel);
  co_return co_await check_own_channels(services, request, std::move(one));
}

}  // namespace jindou::api
