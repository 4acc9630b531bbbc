#include "partition/intake_moderation.h"

#include <cstdint>
#include <utility>
#include <variant>

#include "partition/change.h"

namespace jindou::partition {

namespace {

// Not what the server itself has to say.
bool is_judged(const SendCommand& command) { return command.origin != Origin::server; }

CheckedContent content_of(SendCommand& command, bool is_rehearsal) {
  CheckedContent content;
  content.from_uid = command.from_uid;
  content.client_msg_no = command.client_msg_no;
  content.channel = &command.channel;
  content.payload = &command.payload;
  content.moderation = &command.moderation;
  content.is_rehearsal = is_rehearsal;
  return content;
}

CheckedContent content_of(EditMessage& edit) {
  CheckedContent content;
  content.from_uid = edit.from_uid;
  content.channel = &edit.channel;
  content.payload = &edit.payload;
  content.moderation = &edit.moderation;
  content.is_edit = true;
  return content;
}

}  // namespace

void ModerationStage::examine(IntakeTurn& turn) {
  std::vector<SendCommand>& commands = turn.commands();
  const bool is_rehearsal = turn.is_rehearsal();
  std::vector<std::uint32_t> waiting;
  for (std::uint32_t item = 0; item < commands.size(); ++item) {
    if (!turn.is_open(item) || !is_judged(commands[item])) continue;
    if (check_->check(content_of(commands[item], is_rehearsal))) waiting.push_back(item);
  }
  if (waiting.empty()) return;
  for (const std::uint32_t item : waiting) commands[item].awaits_verdict = true;
  const auto hold = turn.hold(waiting);
  std::vector<CheckedContent> contents;
  for (SendCommand& command : hold->commands()) {
    if (!std::exchange(command.awaits_verdict, false)) continue;
    contents.push_back(content_of(command, is_rehearsal));
  }
  check_->ask(std::move(contents), [hold] { hold->resume(); });
}

void ModerationStage::judge(std::shared_ptr<std::vector<Command>> commands,
                            std::function<void()> go) {
  if (!enabled()) return go();
  std::vector<CheckedContent> contents;
  const auto judge_one = [&](const CheckedContent& content) {
    if (check_->check(content)) contents.push_back(content);
  };
  for (Command& command : *commands) {
    if (auto* message = std::get_if<SendCommand>(&command)) {
      if (is_judged(*message)) judge_one(content_of(*message, false));
    } else if (auto* change = std::get_if<Change>(&command)) {
      if (auto* edit = std::get_if<EditMessage>(change)) judge_one(content_of(*edit));
    }
  }
  if (contents.empty()) return go();
  check_->ask(std::move(contents), [commands, go = std::move(go)] { go(); });
}

Payload ModerationStage::preview(const ChannelKey& channel, std::string_view from_uid,
                                 Payload payload) const {
  if (!enabled()) return payload;
  ModerationPtr found;
  CheckedContent content;
  content.from_uid = from_uid;
  content.channel = &channel;
  content.payload = &payload;
  content.moderation = &found;
  content.is_edit = true;
  content.is_rehearsal = true;
  (void)check_->check(content);
  return payload;
}

}  // namespace jindou::partition
