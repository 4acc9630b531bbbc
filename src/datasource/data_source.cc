#include "datasource/data_source.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <utility>

#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "observe/log.h"
#include "runtime/thread_identity.h"

namespace jindou::datasource {

namespace {

// A list of some hundred thousand users.
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20;
// Requests for one channel: three lists and the flags.
constexpr std::size_t kParallel = 4;
// After a failure an answer from before is used for so long, before the source is asked again.
constexpr std::chrono::milliseconds kRetryPause{1'000};
// How often the switch is looked at while the source is off.
constexpr std::chrono::milliseconds kIdleCheck{1'000};

std::string body_of(std::string_view command, const ChannelKey* channel) {
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object();
  json.string("cmd", command);
  json.begin_object("data");
  if (channel != nullptr) {
    json.string("channel_id", channel->id);
    json.number("channel_type", raw(channel->type));
  }
  json.end_object();
  json.end_object();
  return body;
}

http::Call request_of(const DataSourceOptions& options, std::string body) {
  http::Call request;
  request.url = options.addr;
  request.body = std::move(body);
  request.headers = {"Content-Type: application/json"};
  request.connect_timeout = options.timeout;
  request.timeout = options.timeout;
  request.ca_file = options.ca_file;
  return request;
}

// Empty when the answer is no list of texts. null is an empty list.
std::optional<std::vector<std::string>> read_uids(const http::CallAnswer& answer) {
  if (answer.status != 200) return std::nullopt;
  const auto parsed = codec::parse_json(answer.body);
  if (!parsed) return std::nullopt;
  std::vector<std::string> uids;
  if (parsed->is_null()) return uids;
  simdjson::dom::array array;
  if (parsed->get_array().get(array) != simdjson::SUCCESS) return std::nullopt;
  for (const simdjson::dom::element element : array) {
    std::string_view uid;
    if (element.get_string().get(uid) != simdjson::SUCCESS) return std::nullopt;
    if (!uid.empty()) uids.emplace_back(uid);
  }
  return uids;
}

bool read_flag(simdjson::dom::object object, std::string_view name) {
  simdjson::dom::element value;
  if (object[name].get(value) != simdjson::SUCCESS) return false;
  return codec::to_flag(value).value_or(false);
}

std::optional<ChannelFlags> read_flags(const http::CallAnswer& answer) {
  if (answer.status != 200) return std::nullopt;
  const auto parsed = codec::parse_json(answer.body);
  simdjson::dom::object object;
  if (!parsed || parsed->get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
  ChannelFlags flags;
  flags.large = read_flag(object, "large");
  flags.ban = read_flag(object, "ban");
  flags.disband = read_flag(object, "disband");
  return flags;
}

std::shared_ptr<const UidSet> set_of(std::vector<std::string> uids) {
  return std::make_shared<UidSet>(std::make_move_iterator(uids.begin()),
                                  std::make_move_iterator(uids.end()));
}

bool share_a_channel(const std::vector<ChannelKey>& a, const std::vector<ChannelKey>& b) {
  return std::any_of(a.begin(), a.end(), [&b](const ChannelKey& channel) {
    return std::find(b.begin(), b.end(), channel) != b.end();
  });
}

}  // namespace

DataSource::DataSource(DataSourceDeps deps) : deps_(std::move(deps)) {}

DataSource::~DataSource() { stop(); }

void DataSource::start() {
  for (unsigned i = 0; i < deps_.workers; ++i) {
    threads_.emplace_back([this] { run_worker(); });
  }
  threads_.emplace_back([this] { run_accounts(); });
}

void DataSource::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (http::Sender* sender : senders_) sender->stop();
    work_.notify_all();
    stopped_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  std::list<Waiting> left;
  {
    const MutexLock lock(mutex_);
    left.swap(waiting_);
  }
  for (auto& waiting : left) waiting.go(Error(Errc::unavailable, "the server is stopping"));
}

bool DataSource::enabled() const {
  const bool enabled = !deps_.options()->addr.empty();
  // Written when it changes only: all threads look at it.
  if (enabled != in_use()) in_use_.store(enabled, std::memory_order_relaxed);
  return enabled;
}

std::shared_ptr<const partition::ListSource::Lists> DataSource::find(
    const ChannelKey& channel) const {
  const MutexLock lock(mutex_);
  const auto it = entries_.find(channel);
  return it == entries_.end() ? nullptr : it->second.lists;
}

std::vector<std::shared_ptr<const partition::ListSource::Lists>> DataSource::find_ready(
    const std::vector<ChannelKey>& channels) const {
  std::vector<std::shared_ptr<const Lists>> found(channels.size());
  const TimePoint now = deps_.clock.steady();
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < channels.size(); ++i) {
    if (is_ready(channels[i], now)) found[i] = entries_.find(channels[i])->second.lists;
  }
  return found;
}

// Under the mutex nobody can begin to hold one; whoever lets go is noticed the next time.
bool DataSource::Entry::is_held() const {
  // The entry and its own answer use the lease; any other use is an answer from before.
  const long own_uses = lists ? 2 : 1;
  return (lists && lists.use_count() > 1) || lease.use_count() > own_uses;
}

bool DataSource::is_ready(const ChannelKey& channel, TimePoint now) const {
  const auto it = entries_.find(channel);
  return it != entries_.end() && it->second.lists && now < it->second.fresh_until;
}

void DataSource::ask(const ChannelKey& channel) {
  Entry& entry = entries_[channel];
  entry.failed = false;
  if (entry.asking) return;
  entry.asking = true;
  queue_.push_back(channel);
  work_.notify_one();
}

void DataSource::when_ready(std::vector<ChannelKey> channels,
                            std::function<void(Result<void>)> go) {
  // Until `go` has returned, which finds them again.
  std::vector<std::shared_ptr<const Lists>> held;
  {
    MutexLock lock(mutex_);
    const TimePoint now = deps_.clock.steady();
    const bool ready = std::all_of(channels.begin(), channels.end(),
                                   [&](const ChannelKey& channel)
                                       JD_REQUIRES(mutex_) { return is_ready(channel, now); }) &&
                       std::none_of(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) {
                         return share_a_channel(waiting.channels, channels);
                       });
    if (!ready && !stopping_ && waiting_.size() < deps_.waiting_max) {
      for (const ChannelKey& channel : channels) {
        if (!is_ready(channel, now)) ask(channel);
      }
      waiting_.push_back(Waiting{std::move(channels), std::move(go)});
      return;
    }
    if (!ready) {
      const bool stopping = stopping_;
      lock.unlock();
      go(stopping ? Error(Errc::unavailable, "the server is stopping")
                  : Error(Errc::overloaded, "too many sends wait for the data source"));
      return;
    }
    for (const ChannelKey& channel : channels) held.push_back(entries_.find(channel)->second.lists);
  }
  go({});
}

// Lets those go that need not wait any longer, one after another: `go` is called without the lock,
// and the entry stays in the list meanwhile, so that nobody overtakes it.
void DataSource::release(MutexLock& lock) {
  if (releasing_) return;  // the thread that is at it looks again
  releasing_ = true;
  for (;;) {
    // Channels of those that go on waiting: whoever comes behind them waits too.
    boost::unordered_flat_set<ChannelKey, ChannelKeyHash> held;
    auto next = waiting_.begin();
    Result<void> outcome;
    for (; next != waiting_.end(); ++next) {
      bool waits =
          std::any_of(next->channels.begin(), next->channels.end(),
                      [&held](const ChannelKey& channel) { return held.contains(channel); });
      bool failed = false;
      for (const ChannelKey& channel : next->channels) {
        const auto it = entries_.find(channel);
        const bool known = it != entries_.end();
        if (known && it->second.asking) waits = true;
        if (known && !it->second.lists && it->second.failed) failed = true;
      }
      if (!waits) {
        if (failed) outcome = Error(Errc::unavailable, "the data source does not answer");
        break;
      }
      held.insert(next->channels.begin(), next->channels.end());
    }
    if (next == waiting_.end()) break;
    auto go = std::move(next->go);
    lock.unlock();
    go(std::move(outcome));
    go = nullptr;  // with all it holds, which may be much, while others can go on
    lock.lock();
    waiting_.erase(next);
  }
  releasing_ = false;
}

void DataSource::make_room() {
  const std::size_t most = deps_.options()->cache_count;
  if (entries_.size() <= most) return;
  const TimePoint now = deps_.clock.steady();
  boost::unordered_flat_set<ChannelKey, ChannelKeyHash> needed;
  for (const Waiting& waiting : waiting_) {
    needed.insert(waiting.channels.begin(), waiting.channels.end());
  }
  // First what is too old anyway, then anything.
  for (const bool old_only : {true, false}) {
    boost::unordered::erase_if(entries_, [&](const auto& item) JD_REQUIRES(mutex_) {
      if (entries_.size() <= most || item.second.asking || item.second.is_held() ||
          needed.contains(item.first)) {
        return false;
      }
      return !old_only || now >= item.second.fresh_until;
    });
  }
}

void DataSource::run_worker() {
  runtime::name_this_thread("datasource");
  http::Sender sender(kParallel, kAnswerBytesMax);
  MutexLock lock(mutex_);
  senders_.push_back(&sender);
  while (!stopping_) {
    work_.wait(lock, [this]() JD_REQUIRES(mutex_) { return stopping_ || !queue_.empty(); });
    if (stopping_) break;
    const ChannelKey channel = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    const auto options = deps_.options();
    std::shared_ptr<Answer> lists;
    if (!options->addr.empty()) lists = fetch(sender, channel, *options);
    lock.lock();
    Entry& entry = entries_[channel];
    entry.asking = false;
    entry.failed = !lists;
    const TimePoint now = deps_.clock.steady();
    if (lists) {
      lists->lease = entry.lease;
      entry.lists = std::move(lists);
      entry.fresh_until = now + options->cache_time;
    } else {
      // What was answered before goes on to hold.
      entry.fresh_until = now + kRetryPause;
      observe::log_warn("datasource", "no lists for a channel of type {}; {}", raw(channel.type),
                        entry.lists ? "the last answer is used" : "sends to it are refused");
    }
    release(lock);
    make_room();
  }
  std::erase(senders_, &sender);
}

std::shared_ptr<DataSource::Answer> DataSource::fetch_pair(http::Sender& sender,
                                                           const ChannelKey& pair,
                                                           const DataSourceOptions& options) const {
  const std::vector<http::Call> requests = {request_of(options, body_of("getBlacklist", &pair))};
  http::CallAnswer answer;
  sender.send_all(requests, [&answer](std::size_t, http::CallAnswer received) {
    answer = std::move(received);
    return true;
  });
  // A source that keeps its lists by receiver may refuse an id it has never heard of.
  const bool unknown = answer.status >= 400 && answer.status < 500;
  auto denylist = unknown ? std::make_optional<std::vector<std::string>>() : read_uids(answer);
  if (!denylist) return nullptr;
  auto lists = std::make_shared<Answer>();
  lists->denylist = set_of(std::move(*denylist));
  lists->allowlist = set_of({});
  lists->subscribers = set_of({});
  return lists;
}

std::shared_ptr<DataSource::Answer> DataSource::fetch(http::Sender& sender,
                                                      const ChannelKey& channel,
                                                      const DataSourceOptions& options) const {
  const bool person = channel.type == ChannelType::person;
  if (person && !split_pair_id(channel.id).first.empty()) {
    return fetch_pair(sender, channel, options);
  }
  std::vector<http::Call> requests;
  requests.push_back(request_of(options, body_of("getBlacklist", &channel)));
  requests.push_back(request_of(options, body_of("getWhitelist", &channel)));
  // The inbox of a person has no subscribers.
  const std::size_t subscribers_at = requests.size();
  if (!person) requests.push_back(request_of(options, body_of("getSubscribers", &channel)));
  const std::size_t info_at = requests.size();
  if (options.channel_info_on) {
    requests.push_back(request_of(options, body_of("getChannelInfo", &channel)));
  }
  std::vector<http::CallAnswer> answers(requests.size());
  sender.send_all(requests, [&answers](std::size_t index, http::CallAnswer answer) {
    answers[index] = std::move(answer);
    return true;
  });
  auto lists = std::make_shared<Answer>();
  auto denylist = read_uids(answers[0]);
  auto allowlist = read_uids(answers[1]);
  std::optional<std::vector<std::string>> subscribers = std::vector<std::string>();
  if (!person) subscribers = read_uids(answers[subscribers_at]);
  if (!denylist || !allowlist || !subscribers) return nullptr;
  lists->denylist = set_of(std::move(*denylist));
  lists->allowlist = set_of(std::move(*allowlist));
  lists->subscribers = set_of(std::move(*subscribers));
  if (options.channel_info_on) {
    lists->flags = read_flags(answers[info_at]);
    if (!lists->flags) return nullptr;
  }
  return lists;
}

void DataSource::run_accounts() {
  runtime::name_this_thread("datasource");
  http::Sender sender(1, kAnswerBytesMax);
  MutexLock lock(mutex_);
  senders_.push_back(&sender);
  bool asked = false;
  while (!stopping_) {
    lock.unlock();
    const auto options = deps_.options();
    std::chrono::milliseconds pause = kIdleCheck;
    if (!options->addr.empty()) {
      const std::vector<http::Call> requests = {
          request_of(*options, body_of("getSystemUIDs", nullptr))};
      std::optional<std::vector<std::string>> uids;
      sender.send_all(requests, [&uids](std::size_t, const http::CallAnswer& answer) {
        uids = read_uids(answer);
        return true;
      });
      if (uids) {
        deps_.set_system_accounts(std::move(uids));
        pause = std::max(options->cache_time, kIdleCheck);
      }
      asked = true;
    } else if (asked) {
      asked = false;
      deps_.set_system_accounts(std::nullopt);
    }
    lock.lock();
    stopped_.wait_for(lock, pause, [this]() JD_REQUIRES(mutex_) { return stopping_; });
  }
  std::erase(senders_, &sender);
}

}  // namespace jindou::datasource
