#include "webhook/webhook.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "observe/log.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::webhook {

namespace {

constexpr std::string_view kWebhookComponent = "webhook";
constexpr std::chrono::milliseconds kLastCursors{300};

std::size_t index_of(Event event) { return static_cast<std::size_t>(event); }

}  // namespace

Webhook::Webhook(WebhookDeps deps)
    : deps_(std::move(deps)),
      cursors_(deps_.readers, deps_.core, deps_.clock, deps_.owned, deps_.letters_max),
      durable_(deps_.owned.partitions()),
      told_(deps_.record_bytes, deps_.clock.wall_ms()) {
  for (const Event event : {Event::notify, Event::offline}) {
    for (const bool to_agent : {false, true}) {
      StreamRole role;
      role.event = event;
      role.to_agent = to_agent;
      role.parallel = deps_.workers;
      streams_.push_back(std::make_unique<MessageStream>(stream_deps(event), role));
      if (event == Event::offline) offline_streams_.push_back(streams_.back().get());
    }
  }
  presence_ = std::make_unique<PresenceStream>(stream_deps(Event::online_status));
}

Webhook::~Webhook() { stop(); }

StreamDeps Webhook::stream_deps(Event event) {
  return StreamDeps{
      .readers = deps_.readers,
      .core = deps_.core,
      .cursors = cursors_,
      .durable = durable_,
      .sessions = deps_.sessions,
      .clock = deps_.clock,
      .random = deps_.random,
      .options = deps_.options,
      .counters = counters_[index_of(event)],
      .told = told_,
      .owned = deps_.owned,
      .node_id = deps_.node_id,
      .boot = {static_cast<std::uint16_t>(deps_.node_id), deps_.boot_id},
      .is_live = deps_.is_live,
      .offline_bytes_max = deps_.offline_bytes_max,
  };
}

Result<void> Webhook::start() {
  const auto options = deps_.options();
  const bool messages = options->wants(Event::notify) || options->wants(Event::recall) ||
                        options->wants(Event::edit) || options->wants(Event::offline);
  if (messages) {
    JD_RETURN_IF_ERROR(cursors_.open());
  }
  if (options->wants(Event::online_status)) {
    const MutexLock lock(mutex_);
    JD_RETURN_IF_ERROR(presence_->recover());
    presence_ready_ = true;
  }
  refresh();
  return {};
}

void Webhook::refresh() {
  const MutexLock lock(mutex_);
  if (stopped_) return;
  const auto options = deps_.options();
  // Streams are numbered in the order they were made.
  std::vector<bool> wanted;
  for (const auto& stream : streams_) wanted.push_back(stream->wanted(*options));
  cursors_.set_wanted(wanted);
  tells_messages_.store(std::find(wanted.begin(), wanted.end(), true) != wanted.end());
  for (std::size_t i = 0; i < offline_streams_.size(); ++i) {
    tells_unstored_[i].store(offline_streams_[i]->wanted(*options));
  }
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (wanted[i]) streams_[i]->start();
    streams_[i]->wake();
  }
  const bool presence = options->wants(Event::online_status);
  if (presence && !presence_ready_) {
    // Before this no session of this run was recorded, so all that are found are of earlier ones.
    if (const auto recovered = presence_->recover(); !recovered) {
      observe::log_error(kWebhookComponent, "user.onlinestatus cannot begin: {}",
                         recovered.error().text());
    } else {
      presence_ready_ = true;
    }
  }
  if (presence && presence_ready_) presence_->start();
  tells_presence_.store(presence && presence_ready_);
  presence_->wake();
}

void Webhook::stop() {
  const MutexLock lock(mutex_);
  if (std::exchange(stopped_, true)) return;
  tells_messages_.store(false);
  for (const auto& stream : streams_) stream->stop();
  cursors_.flush(/*force=*/true);
  presence_->stop();
  tells_presence_.store(false);
  cursors_.wait_flushed(kLastCursors);
}

void Webhook::post_committed(std::shared_ptr<const partition::CommittedBatch> batch) {
  if (!tells_messages_.load(std::memory_order_relaxed)) return;
  std::size_t stored = 0;
  MessageId last{};
  for (const partition::CommitEffect& effect : batch->effects) {
    std::visit(Overloaded{[&](const partition::CommittedMessage& told) {
                            if (told.message->flags.no_persist) {
                              put_unstored(told.message, effect.recipients);
                            } else {
                              ++stored;
                              last = told.message->id;
                            }
                          },
                          [](const partition::CommittedEvent&) {}},  // no webhook tells of them
               effect.what);
  }
  if (stored == 0) return;
  durable_.note(last);
  for (const auto& stream : streams_) stream->note_committed(stored);
}

void Webhook::put_unstored(std::shared_ptr<const Message> message,
                           const partition::Recipients& recipients) {
  const std::size_t which = message->channel.type == ChannelType::agent ? 1 : 0;
  if (!tells_unstored_[which].load(std::memory_order_relaxed)) return;
  MessageStream& stream = *offline_streams_[which];
  UnstoredMessage unstored;
  unstored.message = std::move(message);
  unstored.recipients = recipients;
  stream.put_unstored(std::move(unstored));
  stream.note_committed(1);
}

void Webhook::note_presence(const presence::PresenceChange& change) {
  if (tells_presence_.load(std::memory_order_relaxed)) presence_->note(change);
}

WebhookStatus Webhook::status() const {
  WebhookStatus status;
  const std::int64_t now = deps_.clock.wall_seconds();
  const auto note_oldest = [now](EventCounts& counts, std::int64_t oldest) {
    if (oldest == 0 || oldest >= now) return;
    counts.oldest_age = std::max(counts.oldest_age, static_cast<std::uint64_t>(now - oldest));
  };
  for (std::size_t i = 0; i < kEvents; ++i) {
    status.events[i].sent = counters_[i].sent.load(std::memory_order_relaxed);
    status.events[i].failed_attempts = counters_[i].failed_attempts.load(std::memory_order_relaxed);
    status.events[i].dead_letters = counters_[i].dead_letters.load(std::memory_order_acquire);
    counters_[i].last_failure.copy_to(status.events[i]);
  }
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    // Two streams per event, as the constructor makes them.
    status.events[i / 2].backlog += streams_[i]->backlog();
    note_oldest(status.events[i / 2], streams_[i]->oldest_seconds());
    status.receiver_down = status.receiver_down || streams_[i]->receiver_down();
  }
  EventCounts& presence = status.events[index_of(Event::online_status)];
  presence.backlog = presence_->backlog();
  note_oldest(presence, presence_->oldest_seconds());
  status.receiver_down = status.receiver_down || presence_->receiver_down();
  return status;
}

std::uint64_t Webhook::letters_dropped() const {
  std::uint64_t sum = 0;
  std::string value;
  for (const PartitionId partition : deps_.owned.list()) {
    const auto found = deps_.readers.of(partition).get(
        store::Table::main, store::webhook_letters_dropped_key(partition), value);
    if (!found || !*found) continue;
    if (const auto dropped = store::decode_webhook_letters_dropped(value)) sum += dropped->count;
  }
  return sum;
}

void Webhook::append_metrics(std::string& out) const {
  const WebhookStatus now = status();
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                          std::uint64_t EventCounts::*member) {
    out.append("# HELP ").append(name).append(" ").append(help).append("\n");
    out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
    for (std::size_t i = 0; i < kEvents; ++i) {
      out.append(name).append("{event=\"").append(event_name(static_cast<Event>(i)));
      out.append("\"} ").append(std::to_string(now.events[i].*member)).append("\n");
    }
  };
  family("jindou_webhook_sent_total", "counter", "Messages or changes a receiver was told of.",
         &EventCounts::sent);
  family("jindou_webhook_failed_attempts_total", "counter",
         "Requests that were not answered with success.", &EventCounts::failed_attempts);
  family("jindou_webhook_dead_letters_total", "counter",
         "Messages or changes given up: refused, too old, or too many waiting.",
         &EventCounts::dead_letters);
  family("jindou_webhook_backlog", "gauge", "Messages or changes waiting to be told.",
         &EventCounts::backlog);
  family("jindou_webhook_oldest_seconds", "gauge",
         "For how long the oldest of them has been waiting.", &EventCounts::oldest_age);
  out +=
      "# HELP jindou_webhook_dead_letters_dropped_total Dead letters of msg.notify that are not "
      "kept "
      "any more, because others came.\n"
      "# TYPE jindou_webhook_dead_letters_dropped_total counter\n";
  out += "jindou_webhook_dead_letters_dropped_total " + std::to_string(letters_dropped()) + "\n";
  out +=
      "# HELP jindou_webhook_backlog_limit With more waiting the oldest are given up: "
      "webhook.backlogMax.\n# TYPE jindou_webhook_backlog_limit gauge\n";
  out += "jindou_webhook_backlog_limit " + std::to_string(deps_.options()->backlog_max) + "\n";
}

}  // namespace jindou::webhook
