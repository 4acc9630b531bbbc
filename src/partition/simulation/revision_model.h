// What messages may have become by edits and recalls, as far as callers know.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "model/channel.h"
#include "model/message.h"
#include "partition/log_commands.h"
#include "partition/simulation/possible.h"

namespace jindou::partition::simulation {

class RevisionModel {
 public:
  struct State {
    std::string payload;
    std::uint64_t version = 0;
    bool recalled = false;
    auto operator<=>(const State&) const = default;
  };

  static State state_of(const Message& message) {
    State state;
    state.payload = message.payload.str();
    if (message.revision) state.version = message.revision->version;
    state.recalled = message.is_recalled();
    return state;
  }

  // `sent`: the payload that the message was sent with.
  void begin(const RecallMessage& command, const std::string& sent, const SharedOutcome& outcome) {
    const auto recall = [](State& state) {
      if (state.recalled) return;
      state.recalled = true;
      state.payload = kRecalledPayload;
    };
    find(command.channel, command.seq, sent).attempt(recall, outcome);
  }
  void begin(const EditMessage& command, const std::string& sent, const SharedOutcome& outcome) {
    const auto edit = [version = command.version, payload = command.payload.str()](State& state) {
      if (state.recalled || version != state.version + 1) return;
      state.version = version;
      state.payload = payload;
    };
    find(command.channel, command.seq, sent).attempt(edit, outcome);
  }

  // Of a message that was told to be sent with that payload.
  bool allows(const ChannelKey& log, std::uint64_t seq, const std::string& sent,
              const State& state) const {
    const auto known = messages_.find({log, seq});
    return known == messages_.end() ? state == State{sent, 0, false} : known->second.allows(state);
  }
  // As Possible has it.
  void settle(const ChannelKey& log, std::uint64_t seq, State state) {
    const auto known = messages_.find({log, seq});
    if (known != messages_.end()) known->second.settle(std::move(state));
  }
  // As Possible has it.
  std::size_t open(const ChannelKey& log, std::uint64_t seq) const {
    const auto known = messages_.find({log, seq});
    return known == messages_.end() ? 0 : known->second.open();
  }

 private:
  Possible<State>& find(const ChannelKey& log, std::uint64_t seq, const std::string& sent) {
    const auto [it, fresh] = messages_.try_emplace(std::pair(log, seq));
    if (fresh) it->second.settle({sent, 0, false});
    return it->second;
  }

  std::map<std::pair<ChannelKey, std::uint64_t>, Possible<State>> messages_;
};

}  // namespace jindou::partition::simulation
