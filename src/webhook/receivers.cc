#include "webhook/receivers.h"

#include <algorithm>
#include <utility>

namespace jindou::webhook {

namespace {

constexpr std::chrono::milliseconds kAnswerTimeout{10'000};

// A command to a list of users has no channel of its own that could exclude any of them.
bool is_targeted(const Message& message) {
  return message.flags.sync_once && !message.subscribers.empty();
}

std::vector<std::string> without_sender(std::vector<std::string> uids, const Message& message) {
  std::erase(uids, message.from_uid);
  return uids;
}

}  // namespace

Result<void> OfflineReceivers::prepare(const std::vector<Message>& messages) {
  // Shared with threads of the core, which may answer after this has given up waiting.
  struct Answers {
    explicit Answers(std::size_t size) : recipients(size) {}
    AnswerCount count;
    std::vector<std::unique_ptr<Result<channel::Recipients>>> recipients;
  };
  std::vector<ChannelKey> unknown;
  for (const Message& message : messages) {
    if (is_targeted(message)) continue;
    if (channels_.try_emplace(message.channel).second) unknown.push_back(message.channel);
  }
  auto answers = std::make_shared<Answers>(unknown.size());
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    JD_CHECK_OK(core_.post_recipients(unknown[i], [answers,
                                                   i](Result<channel::Recipients> recipients) {
      answers->recipients[i] = std::make_unique<Result<channel::Recipients>>(std::move(recipients));
      answers->count.answered();
    }));
  }
  if (!answers->count.wait_for(unknown.size(), kAnswerTimeout)) {
    return Error(Errc::deadline, "the core did not say in time who receives a message");
  }
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    auto& recipients = *answers->recipients[i];
    if (!recipients) return Error(recipients.error());
    Channel& channel = channels_[unknown[i]];
    channel.recipients = std::move(*recipients);
    channel.offline = offline_among(channel.recipients);
  }
  return {};
}

std::vector<std::string> OfflineReceivers::of(const Message& message) const {
  if (message.subscribers.empty()) {
    return without_sender(channels_.at(message.channel).offline, message);
  }
  channel::Recipients recipients;
  recipients.listed = message.subscribers;
  if (!is_targeted(message)) {
    recipients.excluded = channels_.at(message.channel).recipients.excluded;
  }
  return of(message, recipients);
}

std::vector<std::string> OfflineReceivers::of(const Message& message,
                                              const channel::Recipients& recipients) const {
  return without_sender(offline_among(recipients), message);
}

bool OfflineReceivers::is_offline(std::string_view uid) const {
  if (!master_only_) return !sessions_.is_online(uid);
  const auto sessions = sessions_.find_sessions(uid);
  return std::none_of(sessions.begin(), sessions.end(), [](const presence::SessionInfo& session) {
    return session.level == DeviceLevel::master;
  });
}

std::vector<std::string> OfflineReceivers::offline_among(
    const channel::Recipients& recipients) const {
  std::vector<std::string> offline;
  const auto consider = [&](const std::string& uid) {
    if (uid == kSystemUid) return;
    if (recipients.excluded && recipients.excluded->contains(uid)) return;
    if (is_offline(uid)) offline.push_back(uid);
  };
  if (recipients.subscribers) {
    for (const std::string& uid : *recipients.subscribers) consider(uid);
  }
  const std::size_t of_set = offline.size();
  for (const std::string& uid : recipients.listed) {
    if (recipients.subscribers && recipients.subscribers->contains(uid)) continue;
    if (std::find(offline.begin() + static_cast<std::ptrdiff_t>(of_set), offline.end(), uid) ==
        offline.end()) {
      consider(uid);
    }
  }
  return offline;
}

}  // namespace jindou::webhook
