#include "partition/streams.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "observe/log.h"
#include "partition/addressing.h"
#include "partition/partition_history.h"
#include "store/keys.h"

namespace jindou::partition {

using store::Table;

Streams::Streams(const Deps& deps, EventLimits limits, ChannelCache& channels, Receivers& receivers)
    : partition_(deps.reader.partition()),
      reader_(deps.reader),
      clock_(deps.clock),
      fingerprint_seed_(deps.fingerprint_seed),
      channels_(channels),
      receivers_(receivers),
      lanes_(deps.reader, limits) {}

Result<void> Streams::open() {
  Result<void> decoded;
  running_.clear();
  lanes_.clear();
  const std::string streams = store::running_stream_prefix(partition_);
  JD_RETURN_IF_ERROR(reader_.scan(Table::main, streams, store::after_prefix(streams),
                                  [&](std::string_view key, std::string_view bytes) {
                                    auto record = store::decode_running_stream(bytes);
                                    if (!record) {
                                      decoded = std::move(record).error();
                                      return false;
                                    }
                                    // Nobody could add to it while the server was away.
                                    record->active_at_ms = clock_.wall_ms();
                                    running_.emplace(store::channel_of_running_stream_key(key),
                                                     std::move(*record));
                                    return true;
                                  }));
  return decoded;
}

Result<EventOutcome> Streams::append(AppendEvent& event, Txn& txn) {
  JD_RETURN_IF_ERROR(receivers_.resolve_agent_channel(event.channel));
  JD_TRY(CachedChannel * channel, channels_.load(event.channel));
  const std::int64_t now_ms = clock_.wall_ms();
  if (event.effect == AppendEvent::Effect::push) {
    JD_TRY(Recipients recipients, receivers_.of(*channel, {}));
    EventOutcome outcome;
    outcome.event_id = event.event_id;
    outcome.event_key = event.event_key;
    outcome.from_uid = event.from_uid;
    push_event(event, outcome, channel->key, std::move(recipients), now_ms, txn);
    return outcome;
  }
  JD_TRY(EventLanes::Anchor * anchor, load_anchor(event.channel, event.client_msg_no));
  const auto running = running_.find(event.channel);
  if (event.begins_stream && running != running_.end() &&
      running->second.client_msg_no != event.client_msg_no) {
    return Error(Errc::conflict, "another stream is running in the channel");
  }
  JD_TRY(Recipients recipients,
         receivers_.of(*channel, EventLanes::message_of(*anchor).subscribers));
  JD_TRY(const auto applied, lanes_.append(event, *anchor, now_ms, txn));
  if (!applied.changed) return applied.outcome;
  if (event.begins_stream) {
    store::RunningStreamRecord stream;
    stream.client_msg_no = event.client_msg_no;
    stream.active_at_ms = now_ms;
    txn.put(store::running_stream_key(partition_, event.channel), store::encode(stream));
    remember_running(event.channel, txn);
    running_[event.channel] = std::move(stream);
  } else if (applied.main_ended && running != running_.end() &&
             running->second.client_msg_no == event.client_msg_no) {
    end_running(event.channel, txn);
  }
  push_event(event, applied.outcome, channel->key, std::move(recipients), now_ms, txn);
  return applied.outcome;
}

Result<void> Streams::evaluate(const CloseIdleStreams& change, Txn& txn) {
  const std::int64_t now_ms = clock_.wall_ms();
  std::vector<ChannelKey> idle;
  for (const auto& [channel, stream] : running_) {
    const EventLanes::Anchor* anchor = lanes_.find(channel, stream.client_msg_no);
    const std::int64_t active_at =
        std::max(stream.active_at_ms, anchor != nullptr ? EventLanes::active_at_ms(*anchor) : 0);
    if (now_ms - active_at >= change.idle_ms) idle.push_back(channel);
  }
  for (const auto& channel : idle) {
    AppendEvent end;
    end.channel = channel;
    end.client_msg_no = running_[channel].client_msg_no;
    end.effect = AppendEvent::Effect::close;
    end.event_id = end.client_msg_no;
    end.event_type = change.event_type;
    end.event_key = kMainLane;
    end.end_reason = kEndReasonTimeout;
    end.form = EventForm::text;
    // Each stream ends as a whole or stays as it is, whatever becomes of the others.
    const Txn::SavePoint point = txn.save();
    const auto closed = append(end, txn);
    if (closed) {
      txn.keep(point);
      continue;
    }
    txn.roll_back(point);
    if (closed.error().code() == Errc::storage) {
      observe::log_warn("channel", "an idle stream stays open, it cannot be read: {}",
                        closed.error().text());
      remember_running(channel, txn);
      running_[channel].active_at_ms = now_ms;  // tried again when it was idle once more
    } else {
      // The anchor is gone: there is nothing left to be closed.
      end_running(channel, txn);
    }
  }
  return {};
}

Result<EventLanes::Anchor*> Streams::load_anchor(const ChannelKey& channel,
                                                 const std::string& client_msg_no) {
  if (EventLanes::Anchor* anchor = lanes_.find(channel, client_msg_no)) return anchor;
  const PartitionHistory history(reader_, clock_, fingerprint_seed_);
  JD_TRY(const auto message, history.load_by_client_msg_no(channel, client_msg_no));
  JD_TRY(CachedChannel * state, channels_.load(channel));
  // A deletion may be on its way to the store still.
  const bool gone = message && (raw(message->seq) <= state->record.cleared_to ||
                                state->deleted_lately.contains(raw(message->seq)));
  if (!message || gone) {
    return Error(Errc::not_found, "no message with this client_msg_no in the channel");
  }
  if (message->is_recalled() || state->is_recalled_lately(raw(message->seq))) {
    return Error(Errc::not_found, "the message was recalled");
  }
  if ((message->setting & kSettingStream) == 0) {
    return Error(Errc::invalid, "the message is no stream message (send it with is_stream = 1)");
  }
  return lanes_.load(*message);
}

void Streams::remember_running(const ChannelKey& channel, Txn& txn) {
  if (!txn.undoable()) return;
  const auto known = running_.find(channel);
  auto before = known != running_.end() ? std::optional(known->second) : std::nullopt;
  txn.undo([this, channel, before = std::move(before)] {
    if (before) {
      running_.insert_or_assign(channel, *before);
    } else {
      running_.erase(channel);
    }
  });
}

void Streams::end_running(const ChannelKey& channel, Txn& txn) {
  remember_running(channel, txn);
  txn.erase(store::running_stream_key(partition_, channel));
  running_.erase(ChannelKey(channel));
}

void Streams::describe(StateLines& lines) const {
  lanes_.describe(lines);
  for (const auto& [channel, stream] : running_) {
    lines.add("running", channel, store::encode(stream), stream.active_at_ms);
  }
}

void Streams::push_event(const AppendEvent& event, const EventOutcome& outcome,
                         const ChannelKey& channel, Recipients recipients, std::int64_t now_ms,
                         Txn& txn) {
  if (recipients.listed.empty() && !recipients.subscribers &&
      !allows_session_subscriptions(channel.type)) {
    return;
  }
  auto pushed = std::make_shared<MessageEvent>();
  pushed->channel = channel;
  pushed->client_msg_no = event.client_msg_no;
  pushed->message_id = outcome.message_id;
  pushed->from_uid = outcome.from_uid;
  pushed->event_id = outcome.event_id.empty() ? event.client_msg_no : outcome.event_id;
  pushed->event_type = event.event_type;
  pushed->event_key = event.event_key;
  pushed->msg_event_seq = outcome.msg_event_seq;
  pushed->status = outcome.status;
  pushed->visibility = event.visibility;
  pushed->occurred_at_ms = event.occurred_at_ms != 0 ? event.occurred_at_ms : now_ms;
  pushed->payload = event.payload;
  pushed->form = event.form;
  txn.add_effect({CommittedEvent{std::move(pushed)}, std::move(recipients)});
}

}  // namespace jindou::partition
