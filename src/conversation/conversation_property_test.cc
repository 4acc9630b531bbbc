// Lists, unread counts and messages against a naive model that keeps every message and every user's
// state in plain lists and looks at all of them for every question. Random histories from fixed
// seeds; a failure names its seed and step.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "conversation/conversation_reader.h"
#include "conversation/test_store.h"

namespace jindou::conversation {
namespace {

struct ModelMessage {
  std::uint64_t seq = 0;
  std::string from;
  std::vector<std::string> subscribers;
  std::int64_t timestamp = 0;
  std::int64_t stored_at_ns = 0;
  std::uint32_t expire = 0;
  bool sender_conversation = true;
  bool deleted = false;
};

struct ModelView {
  std::uint64_t read_to = 0;
  std::uint64_t deleted_to = 0;
  std::int64_t updated_at_ns = 0;
  std::uint64_t manual_count = 0;
  std::uint64_t manual_at = 0;
};

struct ModelChannel {
  std::vector<ModelMessage> messages;
  std::uint64_t cleared_to = 0;
  bool disbanded = false;
  std::int64_t disband_changed_at_ns = 0;
  std::map<std::string, ModelView> views;

  std::uint64_t last_seq() const { return messages.empty() ? 0 : messages.back().seq; }
};

// May `uid` read it, unless it has expired or was cleared?
bool is_meant_for(const ModelMessage& message, const std::string& uid) {
  if (message.deleted) return false;
  if (message.subscribers.empty() || message.from == uid) return true;
  return std::count(message.subscribers.begin(), message.subscribers.end(), uid) > 0;
}

class Model {
 public:
  std::map<ChannelKey, ModelChannel> channels;
  std::int64_t now_seconds = 0;

  bool readable(const ModelChannel& channel, const ModelMessage& message,
                const std::string& uid) const {
    // Messages have whole seconds: it is there for at least `expire` of them.
    const bool expired = message.expire != 0 && message.timestamp + message.expire < now_seconds;
    return is_meant_for(message, uid) && !expired && message.seq > channel.cleared_to;
  }

  // Of the messages of his list; history has more.
  bool listed(const ModelChannel& channel, const ModelMessage& message,
              const std::string& uid) const {
    return readable(channel, message, uid) && (message.sender_conversation || message.from != uid);
  }

  std::vector<Conversation> list(const ListQuery& query) const {
    std::vector<Conversation> out;
    for (const auto& [key, channel] : channels) {
      const auto view = channel.views.find(query.uid);
      if (view == channel.views.end() || channel.disbanded) continue;
      std::uint64_t known = 0;
      bool is_known = false;
      for (const auto& entry : query.known) {
        if (entry.type != key.type || entry.channel_id != shown(key, query.uid)) continue;
        known = entry.seq;
        is_known = true;
      }
      const auto& excluded = query.exclude_types;
      if (!is_known && std::count(excluded.begin(), excluded.end(), key.type) > 0) continue;
      auto conversation = describe(key, channel, view->second, query.uid);
      if (conversation.last_seq <= view->second.deleted_to) continue;
      if (known > 0) {
        if (conversation.last_seq <= known) continue;
      } else if (query.version > 0 && conversation.version <= query.version) {
        continue;
      }
      if (query.only_unread && conversation.unread == 0) continue;
      for (auto it = channel.messages.rbegin(); it != channel.messages.rend(); ++it) {
        if (conversation.recents.size() == query.recents) break;
        if (!listed(channel, *it, query.uid)) continue;
        if (it->seq <= std::max(view->second.deleted_to, known)) continue;
        Message recent;
        recent.seq = MessageSeq{it->seq};
        conversation.recents.push_back(recent);
      }
      out.push_back(std::move(conversation));
    }
    std::sort(out.begin(), out.end(), [&](const Conversation& a, const Conversation& b) {
      if (a.timestamp != b.timestamp) return a.timestamp > b.timestamp;
      if (a.channel.type != b.channel.type) return a.channel.type < b.channel.type;
      return shown(a.channel, query.uid) < shown(b.channel, query.uid);
    });
    return out;
  }

  static std::string shown(const ChannelKey& channel, const std::string& uid) {
    if (channel.type != ChannelType::person) return channel.id;
    return std::string(peer_in_pair(channel.id, uid));
  }

 private:
  Conversation describe(const ChannelKey& key, const ModelChannel& channel, const ModelView& view,
                        const std::string& uid) const {
    Conversation conversation;
    conversation.channel = key;
    const std::int64_t acted_at_ns = std::max(view.updated_at_ns, channel.disband_changed_at_ns);
    conversation.version = acted_at_ns;
    for (const auto& message : channel.messages) {
      if (!listed(channel, message, uid)) continue;
      conversation.last_seq = message.seq;
      conversation.timestamp = message.timestamp;
      conversation.version = std::max(acted_at_ns, message.stored_at_ns);
    }
    std::uint64_t own = 0;
    for (const auto& message : channel.messages) {
      const bool moves = message.from == uid && message.sender_conversation;
      if (moves && message.seq > own) own = message.seq;
    }
    const std::uint64_t eff = std::max({view.read_to, view.deleted_to, own, channel.cleared_to});
    const std::uint64_t from = view.manual_count > 0 ? std::max(view.manual_at, eff) : eff;
    conversation.unread = view.manual_count;
    for (const auto& message : channel.messages) {
      if (message.seq > from && listed(channel, message, uid)) ++conversation.unread;
    }
    conversation.read_to = eff;
    if (view.manual_count > 0) {
      const auto last = conversation.last_seq;
      conversation.read_to = last > conversation.unread ? last - conversation.unread : 0;
    }
    return conversation;
  }
};

class History {
 public:
  explicit History(std::uint32_t seed) : random_(seed) {
    for (const auto* id : {"g1", "g2", "g3"}) channels_.emplace_back(id, ChannelType::group);
    channels_.emplace_back("c1", ChannelType::community);
    channels_.emplace_back(person_channel_id("u1", "u2"), ChannelType::person);
    channels_.emplace_back(person_channel_id("u1", "u3"), ChannelType::person);
    for (const auto& channel : channels_) {
      model_.channels[channel];
      if (channel.type != ChannelType::person) continue;
      const auto [a, b] = split_pair_id(channel.id);
      join(channel, std::string(a));
      join(channel, std::string(b));
    }
  }

  void step() {
    t_.clock.ns += below(3'000'000'000);
    model_.now_seconds = t_.clock.wall_seconds();
    const ChannelKey& key = channels_[below(channels_.size())];
    ModelChannel& channel = model_.channels[key];
    const std::string uid = some_user();
    const auto view = channel.views.find(uid);
    const auto dice = below(100);
    if (dice < 55) {
      send(key, channel);
    } else if (dice < 63) {
      if (key.type != ChannelType::person && view == channel.views.end()) join(key, uid);
    } else if (view == channel.views.end()) {
      return;
    } else if (dice < 73) {
      const std::uint64_t seq = below(channel.last_seq() + 1);
      view->second.read_to = std::max(view->second.read_to, seq);
      view->second.manual_count = 0;
      view->second.updated_at_ns = t_.clock.ns;
      t_.read(uid, key, seq);
    } else if (dice < 80) {
      const std::uint64_t count = std::min<std::uint64_t>(below(6) + 1, channel.last_seq());
      view->second.manual_count = count;
      view->second.manual_at = channel.last_seq();
      view->second.updated_at_ns = t_.clock.ns;
      t_.set_unread(uid, key, count);
    } else if (dice < 85) {
      view->second.deleted_to = channel.last_seq();
      view->second.manual_count = 0;
      view->second.updated_at_ns = t_.clock.ns;
      t_.remove(uid, key);
    } else if (dice < 92) {
      erase_one(key, channel);
    } else if (dice < 95) {
      channel.cleared_to = std::max(channel.cleared_to, below(channel.last_seq() + 1));
      t_.change_channel(
          key, [&](store::ChannelRecord& record) { record.cleared_to = channel.cleared_to; });
    } else if (dice < 96 && key.type == ChannelType::community) {
      channel.disbanded = !channel.disbanded;
      channel.disband_changed_at_ns = t_.clock.ns;
      t_.set_disband(key, channel.disbanded);
    } else if (dice < 98 && key.type != ChannelType::person) {
      leave(key, uid);
    }
  }

  void check() {
    // A version is reported up to a nanosecond before now.
    t_.clock.ns += 1'000'000;
    for (const auto* uid : {"u1", "u2", "u3", "u4"}) {
      ListQuery query;
      query.uid = uid;
      query.recents = below(4);
      if (below(2) == 0) query.version = t_.clock.ns - below(40'000'000'000);
      query.only_unread = below(3) == 0;
      if (below(3) == 0) query.exclude_types.push_back(channels_[below(channels_.size())].type);
      if (below(2) == 0) {
        const ChannelKey& key = channels_[below(channels_.size())];
        ListQuery::KnownChannel known;
        known.channel_id = Model::shown(key, uid);
        known.type = key.type;
        known.seq = below(model_.channels[key].last_seq() + 2);
        query.known.push_back(known);
      }
      compare(query);
      compare_messages(uid);
    }
  }

 private:
  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random_);
  }
  std::string some_user() { return "u" + std::to_string(below(4) + 1); }

  void join(const ChannelKey& key, const std::string& uid) {
    ModelChannel& channel = model_.channels[key];
    ModelView view;
    view.read_to = channel.last_seq();
    view.updated_at_ns = t_.clock.ns;
    channel.views[uid] = view;
    t_.join(uid, key, view.read_to);
  }
  void leave(const ChannelKey& key, const std::string& uid) {
    model_.channels[key].views.erase(uid);
    t_.store.erase(store::Table::main,
                   store::conversation_key(TestStore::partition(key), uid, key));
  }
  void send(const ChannelKey& key, ModelChannel& channel) {
    SendOptions options;
    ModelMessage message;
    message.from = some_user();
    if (key.type == ChannelType::person) {
      const auto [a, b] = split_pair_id(key.id);
      message.from = below(2) == 0 ? a : b;
    }
    if (below(5) == 0) options.subscribers.push_back(some_user());
    if (below(5) == 0) options.expire = static_cast<std::uint32_t>(below(20) + 1);
    options.sender_conversation = below(6) != 0;
    message.sender_conversation = options.sender_conversation;
    message.subscribers = options.subscribers;
    message.expire = options.expire;
    message.seq = t_.send(key, message.from, options);
    model_.now_seconds = t_.clock.wall_seconds();
    message.timestamp = model_.now_seconds;
    message.stored_at_ns = t_.clock.ns;
    channel.messages.push_back(std::move(message));
  }
  void erase_one(const ChannelKey& key, ModelChannel& channel) {
    if (channel.messages.empty()) return;
    // Mostly near the head, where it matters.
    const std::uint64_t back = below(std::min<std::uint64_t>(channel.messages.size(), 4));
    ModelMessage& message = channel.messages[channel.messages.size() - 1 - back];
    message.deleted = true;
    t_.erase_message(key, message.seq);
  }

  // A position may be lower by messages that are no more.
  static bool same_position(const ModelChannel& channel, std::uint64_t got, std::uint64_t wanted) {
    return got == wanted ||
           (got < wanted && std::all_of(channel.messages.begin(), channel.messages.end(),
                                        [&](const ModelMessage& message) {
                                          return message.deleted || message.seq <= got ||
                                                 message.seq > wanted;
                                        }));
  }

  void compare(const ListQuery& query) {
    const auto wanted = model_.list(query);
    const auto got = t_.reader.load_list(query);
    ASSERT_TRUE(got.has_value());
    ASSERT_EQ(got->size(), wanted.size()) << query.uid;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      SCOPED_TRACE(query.uid + " " + wanted[i].channel.id);
      const Conversation& a = (*got)[i];
      const Conversation& b = wanted[i];
      ASSERT_EQ(a.channel, b.channel);
      ASSERT_EQ(a.last_seq, b.last_seq);
      ASSERT_EQ(a.unread, b.unread);
      ASSERT_TRUE(same_position(model_.channels[b.channel], a.read_to, b.read_to))
          << a.read_to << " instead of " << b.read_to;
      ASSERT_EQ(a.timestamp, b.timestamp);
      ASSERT_EQ(a.version, b.version);
      ASSERT_EQ(a.recents.size(), b.recents.size());
      for (std::size_t j = 0; j < b.recents.size(); ++j) {
        ASSERT_EQ(a.recents[j].seq, b.recents[j].seq);
      }
    }
    // Pages put together are the whole list.
    ListQuery paged = query;
    paged.page_size = 2;
    std::vector<ChannelKey> channels;
    for (paged.page = 1; paged.page <= channels_.size(); ++paged.page) {
      const auto page = t_.reader.load_list(paged);
      ASSERT_TRUE(page.has_value());
      for (const auto& conversation : *page) channels.push_back(conversation.channel);
    }
    ASSERT_EQ(channels.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) ASSERT_EQ(channels[i], wanted[i].channel);
  }

  void compare_messages(const std::string& uid) {
    const ChannelKey& key = channels_[below(channels_.size())];
    const ModelChannel& channel = model_.channels[key];
    MessagesQuery query;
    query.channel = key;
    query.from_seq = below(channel.last_seq() + 2);
    query.limit = below(6);
    query.newest_first = below(2) == 0;
    std::vector<std::uint64_t> wanted;
    for (const auto& message : channel.messages) {
      if (message.seq < query.from_seq || !model_.readable(channel, message, uid)) continue;
      wanted.push_back(message.seq);
    }
    if (query.newest_first) std::reverse(wanted.begin(), wanted.end());
    wanted.resize(std::min(wanted.size(), query.limit));
    const auto got = t_.reader.load_messages(uid, query);
    ASSERT_TRUE(got.has_value());
    ASSERT_EQ(got->messages.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(raw(got->messages[i].seq), wanted[i]);
    }
  }

  std::mt19937 random_;
  TestStore t_;
  Model model_;
  std::vector<ChannelKey> channels_;
};

TEST(ConversationProperty, ListsAndCountsAreThoseOfANaiveModel) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    History history(seed);
    for (int step = 0; step < 250; ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(step));
      history.step();
      if (step % 3 == 0) history.check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace jindou::conversation
