#include "api/rehearsal.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
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

struct Audience {
  std::size_t receivers = 0;
  std::size_t online = 0;
  bool online_known = true;
};

// Who would receive what. The sender's other devices are no receivers.
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

Task<void> rehearse(Services& services, Request& request, Response& response,
                    std::vector<SendCommand> commands, std::vector<std::string> client_msg_nos) {
  std::vector<Draft> drafts;
  for (const SendCommand& command : commands) {
    drafts.push_back(
        {command.channel, command.from_uid, command.subscribers, command.payload.size()});
  }
  const auto results = co_await rehearse_commands(services, request, std::move(commands));
  if (!results) {
    answer_error(response, results.error());
    co_return;
  }
  Survey survey(services, request);
  Audience all;
  std::size_t accepted = 0;
  std::size_t repeated = 0;
  std::size_t bytes = 0;
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.boolean("dry_run", true);
  json.begin_array("items");
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    const SendResult& result = (*results)[i];
    std::optional<Audience> audience;
    if (result.state == SendResult::State::accepted) {
      const auto found = co_await survey.of(drafts[i]);
      if (!found) {
        response.body.clear();
        answer_error(response, found.error());
        co_return;
      }
      audience = *found;
      all.receivers += audience->receivers;
      all.online += audience->online;
      all.online_known = all.online_known && audience->online_known;
      bytes += drafts[i].bytes;
      ++accepted;
    }
    repeated += result.state == SendResult::State::duplicate ? 1 : 0;
    json.begin_object();
    write_batch_members(json, result, client_msg_nos[i]);
    if (audience) {
      json.number("bytes", drafts[i].bytes);
      write_audience(json, *audience);
    }
    json.end_object();
  }
  json.end_array();
  json.begin_object("total");
  json.number("items", drafts.size());
  json.number("accepted", accepted);
  json.number("duplicate", repeated);
  json.number("refused", drafts.size() - accepted - repeated);
  json.number("bytes", bytes);
  write_audience(json, all);
  json.end_object();
  json.end_object();
}

}  // namespace jindou::api
