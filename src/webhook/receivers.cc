#include "webhook/receivers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/mutex.h"

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
    AnswerCount count;
    Mutex mutex;
    std::vector<std::pair<std::size_t, Result<partition::Recipients>>> recipients
        JD_GUARDED_BY(mutex);
  };
  std::vector<ChannelKey> unknown;
  for (const Message& message : messages) {
    if (is_targeted(message)) continue;
    if (channels_.try_emplace(message.channel).second) unknown.push_back(message.channel);
  }
  auto answers = std::make_shared<Answers>();
  Result<void> outcome;
  std::size_t asked = 0;
  for (; asked < unknown.size(); ++asked) {
    auto posted = core_.post_recipients(
        unknown[asked], [answers, i = asked](Result<partition::Recipients> recipients) {
          {
            const MutexLock lock(answers->mutex);
            answers->recipients.emplace_back(i, std::move(recipients));
          }
          answers->count.answered();
        });
    if (posted) continue;
    outcome = std::move(posted);
    break;
  }
  if (!answers->count.wait_for(asked, kAnswerTimeout)) {
    outcome = Error(Errc::deadline, "the core did not say in time who receives a message");
  }
  const MutexLock lock(answers->mutex);
  for (auto& [i, recipients] : answers->recipients) {
    if (recipients) {
      channels_[unknown[i]].recipients = std::move(*recipients);
    } else {
      outcome = Error(recipients.error());
    }
  }
  return outcome;
}

bool OfflineReceivers::knows(const Message& message) const {
  if (is_targeted(message)) return true;
  const auto found = channels_.find(message.channel);
  return found != channels_.end() && found->second.recipients;
}

std::vector<std::string> OfflineReceivers::of(const Message& message) const {
  if (message.subscribers.empty()) {
    const Channel& channel = channels_.at(message.channel);
    if (!channel.offline) channel.offline = offline_among(*channel.recipients);
    return without_sender(*channel.offline, message);
  }
  partition::Recipients recipients;
  recipients.listed = message.subscribers;
  if (!is_targeted(message)) {
    recipients.excluded = channels_.at(message.channel).recipients->excluded;
  }
  return of(message, recipients);
}

std::vector<std::string> OfflineReceivers::of(const Message& message,
                                              const partition::Recipients& recipients) const {
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
    const partition::Recipients& recipients) const {
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
