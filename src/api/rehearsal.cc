#include "api/rehearsal.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "api/answers.h"
#include "api/core_calls.h"
#include "codec/json_writer.h"
#include "model/uid_set.h"
#include "partition/recipients.h"

namespace jindou::api {

namespace {

constexpr std::size_t kOnlineLookupsMax = 100'000;
// Between two turns of the event loop.
constexpr std::size_t kUsersPerTurn = 2'000;

// What is known of a message after it was handed to the core.
struct Draft {
  ChannelKey channel;
  std::string from_uid;
  std::vector<std::string> listed;
  std::size_t bytes = 0;
};

// Who would receive what.
class Survey {
 public:
  Survey(Services& services, Request& request) : services_(services), request_(request) {}

  // Errors: as ask_recipients().
  Task<Result<Audience>> of(const Draft& draft) {
    if (!draft.listed.empty()) {
      partition::Recipients recipients;
      recipients.listed = draft.listed;
      const Audience everyone = co_await count(recipients);
      co_return Result<Audience>(without(draft.from_uid, recipients, everyone));
    }
    auto known = known_.find(draft.channel);
    if (known == known_.end()) {
      auto asked = co_await ask_recipients(services_, request_, draft.channel);
      if (!asked) co_return Result<Audience>(std::move(asked).error());
      const Audience everyone = co_await count(*asked);
      known = known_.emplace(draft.channel, Known{std::move(*asked), everyone}).first;
    }
    const Known& counted = known->second;
    co_return Result<Audience>(without(draft.from_uid, counted.recipients, counted.everyone));
  }

 private:
  // A channel is gone through once, whoever sends to it.
  struct Known {
    partition::Recipients recipients;
    Audience everyone;
  };

  static bool is_in(const std::shared_ptr<const UidSet>& set, std::string_view uid) {
    return set && set->contains(uid);
  }
  Task<Audience> count(const partition::Recipients& recipients) {
    Audience everyone;
    if (recipients.subscribers) {
      for (const std::string& uid : *recipients.subscribers) {
        if (is_in(recipients.excluded, uid)) continue;
        if (is_turn_over()) co_await request_.turns->wait();
        add(uid, everyone);
      }
    }
    for (const std::string& uid : recipients.listed) {
      if (is_in(recipients.excluded, uid) || is_in(recipients.subscribers, uid)) continue;
      if (is_turn_over()) co_await request_.turns->wait();
      add(uid, everyone);
    }
    co_return everyone;
  }
  Audience without(const std::string& sender, const partition::Recipients& recipients,
                   Audience audience) const {
    const bool counted =
        !is_in(recipients.excluded, sender) && (is_in(recipients.subscribers, sender) ||
                                                std::ranges::count(recipients.listed, sender) > 0);
    if (!counted) return audience;
    --audience.receivers;
    // He may have come or gone since.
    if (audience.online_known && audience.online > 0 && is_online(sender)) --audience.online;
    return audience;
  }
  bool is_online(const std::string& uid) const { return !services_.deps.online_flags(uid).empty(); }
  bool is_turn_over() { return ++users_ % kUsersPerTurn == 0; }
  void add(const std::string& uid, Audience& audience) {
    ++audience.receivers;
    if (lookups_ == kOnlineLookupsMax || !services_.deps.online_flags) {
      audience.online_known = false;
      return;
    }
    ++lookups_;
    if (is_online(uid)) ++audience.online;
  }

  Services& services_;
  Request& request_;
  std::map<ChannelKey, Known> known_;
  std::size_t users_ = 0;
  std::size_t lookups_ = 0;
};

void write_audience(codec::JsonWriter& json, const Audience& audience) {
  json.number("receivers", audience.receivers);
  if (!audience.online_known) return;
  json.number("online", audience.online);
  json.number("offline", audience.receivers - audience.online);
}

}  // namespace

void Audience::add(const Audience& other) {
  receivers += other.receivers;
  online += other.online;
  online_known = online_known && other.online_known;
}

void RehearsedTotal::add(const Rehearsed& message) {
  if (!message.is_sent()) return;
  bytes += message.bytes;
  audience.add(message.audience);
}

void RehearsedTotal::write(codec::JsonWriter& json) const {
  json.number("bytes", bytes);
  write_audience(json, audience);
}

void write_rehearsed_members(codec::JsonWriter& json, const Rehearsed& message,
                             std::string_view client_msg_no) {
  write_batch_members(json, message.result, client_msg_no);
  if (!message.is_sent()) return;
  json.number("bytes", message.bytes);
  write_audience(json, message.audience);
}

Task<Result<std::vector<Rehearsed>>> rehearse_all(Services& services, Request& request,
                                                  std::vector<SendCommand> commands) {
  std::vector<Draft> drafts;
  drafts.reserve(commands.size());
  for (const SendCommand& command : commands) {
    drafts.push_back(
        {command.channel, command.from_uid, command.subscribers, command.payload.size()});
  }
  auto results = co_await rehearse_commands(services, request, std::move(commands));
  if (!results) co_return Result<std::vector<Rehearsed>>(std::move(results).error());
  Survey survey(services, request);
  std::vector<Rehearsed> rehearsed(drafts.size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    Rehearsed& message = rehearsed[i];
    message.result = std::move((*results)[i]);
    if (!message.is_sent()) continue;
    auto found = co_await survey.of(drafts[i]);
    if (!found) co_return Result<std::vector<Rehearsed>>(std::move(found).error());
    message.bytes = drafts[i].bytes;
    message.audience = *found;
  }
  co_return Result<std::vector<Rehearsed>>(std::move(rehearsed));
}

Task<void> rehearse(Services& services, Request& request, Response& response,
                    std::vector<SendCommand> commands, std::vector<std::string> client_msg_nos) {
  const auto rehearsed = co_await rehearse_all(services, request, std::move(commands));
  if (!rehearsed) {
    answer_error(response, rehearsed.error());
    co_return;
  }
  RehearsedTotal total;
  std::size_t accepted = 0;
  std::size_t repeated = 0;
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.boolean("dry_run", true);
  json.begin_array("items");
  for (std::size_t i = 0; i < rehearsed->size(); ++i) {
    const Rehearsed& message = (*rehearsed)[i];
    total.add(message);
    accepted += message.is_sent() ? 1 : 0;
    repeated += message.result.state == SendResult::State::duplicate ? 1 : 0;
    json.begin_object();
    write_rehearsed_members(json, message, client_msg_nos[i]);
    json.end_object();
  }
  json.end_array();
  json.begin_object("total");
  json.number("items", rehearsed->size());
  json.number("accepted", accepted);
  json.number("duplicate", repeated);
  json.number("refused", rehearsed->size() - accepted - repeated);
  total.write(json);
  json.end_object();
  json.end_object();
}

}  // namespace jindou::api
