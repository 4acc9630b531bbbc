#include "partition/intake_lists.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "partition/addressing.h"

namespace jindou::partition {

namespace {

// The channels whose lists the rules and the fan-out of this command look at. Of a person there are
// two: a source may know the inbox, or only the pair of sender and receiver.
void append_listed_channels(const SendCommand& command, std::vector<ChannelKey>& channels) {
  const auto receiver = receiver_of(command);
  if (!receiver.empty()) {
    channels.emplace_back(std::string(receiver), ChannelType::person);
    // Nobody keeps the built-in account out.
    if (command.from_uid != kSystemUid) {
      channels.emplace_back(person_channel_id(command.from_uid, receiver), ChannelType::person);
    }
  }
  const ChannelType type = command.channel.type;
  const bool by_pair = type == ChannelType::agent || type == ChannelType::person;
  if (!by_pair && !is_targeted_command(command)) channels.push_back(command.channel);
}

// The id of others names their users.
bool is_listed(const ChannelKey& channel) {
  return channel.type != ChannelType::person && channel.type != ChannelType::agent;
}

// Each once.
void sort_out(std::vector<ChannelKey>& channels) {
  std::sort(channels.begin(), channels.end());
  channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
}

}  // namespace

void ListStage::examine(IntakeTurn& turn) {
  const std::vector<SendCommand>& commands = turn.commands();
  std::vector<ChannelKey> channels;
  for (std::uint32_t item = 0; item < commands.size(); ++item) {
    if (turn.is_open(item)) append_listed_channels(commands[item], channels);
  }
  sort_out(channels);
  auto ready = std::make_shared<Kept>(source_->find_ready(channels));
  std::vector<ChannelKey> missing;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    if (!(*ready)[i]) missing.push_back(channels[i]);
  }
  turn.keep(std::move(ready));
  if (missing.empty()) return;
  std::vector<std::uint32_t> waiting;
  for (std::uint32_t item = 0; item < commands.size(); ++item) {
    if (!turn.is_open(item)) continue;
    channels.clear();
    append_listed_channels(commands[item], channels);
    const bool waits = std::any_of(channels.begin(), channels.end(), [&](const auto& channel) {
      return std::binary_search(missing.begin(), missing.end(), channel);
    });
    if (waits) waiting.push_back(item);
  }
  auto hold = turn.hold(waiting);
  ListSource& source = *source_;
  source.when_ready(missing, [hold, missing, &source](const Result<void>& outcome) {
    if (outcome) {
      hold->keep(std::make_shared<Kept>(find(source, missing)));
    } else {
      hold->refuse_all(outcome.error().code());
    }
    hold->resume();
  });
}

void ListStage::ask(const ChannelKey& channel, std::function<void(Result<Kept>)> go) {
  std::vector<ChannelKey> channels;
  if (is_listed(channel)) channels.push_back(channel);
  ask(std::move(channels), std::move(go));
}

std::vector<ChannelKey> ListStage::channels_of(const std::vector<Command>& commands) {
  std::vector<ChannelKey> channels;
  for (const Command& command : commands) {
    if (const auto* message = std::get_if<SendCommand>(&command)) {
      append_listed_channels(*message, channels);
    } else if (const auto* event = std::get_if<AppendEvent>(&command)) {
      if (is_listed(event->channel)) channels.push_back(event->channel);
    }
  }
  sort_out(channels);
  return channels;
}

void ListStage::ask(std::vector<ChannelKey> channels, std::function<void(Result<Kept>)> go) {
  if (channels.empty() || !enabled()) {
    go(Kept());
    return;
  }
  ListSource& source = *source_;
  // What is there already is held from now on: what comes may be older.
  source.when_ready(channels, [go = std::move(go), channels, before = find(source, channels),
                               &source](const Result<void>& outcome) {
    if (!outcome) return go(Error(outcome.error()));
    go(find(source, channels));
  });
}

ListStage::Kept ListStage::find(const ListSource& source, const std::vector<ChannelKey>& channels) {
  Kept kept;
  for (const ChannelKey& channel : channels) {
    if (auto lists = source.find(channel)) kept.push_back(std::move(lists));
  }
  return kept;
}

}  // namespace jindou::partition
