#include "partition/message_log.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/assert.h"
#include "partition/addressing.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::Table;

// Seqs at the front of a log whose messages are all gone, before it is said to begin behind them:
// that takes range deletions, which burden reads, and spares a gap for each.
constexpr std::uint64_t kEmptyFrontMin = 64;

// The store tells of them.
void forget_durable_deletions(CachedChannel& channel, std::uint64_t durable) {
  boost::unordered::erase_if(channel.deleted_lately,
                             [durable](const auto& deleted) { return deleted.second <= durable; });
}

void forget_durable_revisions(CachedChannel& channel, std::uint64_t durable) {
  boost::unordered::erase_if(channel.revised_lately, [durable](const auto& revised) {
    return revised.second.position <= durable;
  });
}

Error refusal_of(const Moderation& moderation) {
  const bool denied = moderation.code == Errc::denied;
  const Reason reason = denied ? Reason::moderated : Reason::system_error;
  std::string told = moderation.reason;
  if (told.empty() && denied) told = reason_text(reason);
  return Error(moderation.code, std::move(told)).with_reason(raw(reason));
}

// Of a message that is appended: GapRecord::run. Nothing of it is taken back with a command: the
// next message is another one then, and no run goes on over one that is not the next.
std::uint64_t note_unlisted(CachedChannel& channel, const Message& message) {
  UnlistedRun& run = channel.unlisted_run;
  const bool is_one =
      !message.sender_conversation && message.subscribers.empty() && message.expire == 0;
  const bool goes_on =
      is_one && run.seqs > 0 && run.last + 1 == raw(message.seq) && run.uid == message.from_uid;
  if (!goes_on) run = UnlistedRun();
  if (!is_one) return 1;
  if (!goes_on) run.uid = message.from_uid;
  run.last = raw(message.seq);
  return ++run.seqs;
}

}  // namespace

MessageLog::MessageLog(const Deps& deps, ChangeLog& changes, ChannelCache& channels,
                       Conversations& conversations, Receivers& receivers, EventLanes& lanes)
    : partition_(deps.reader.partition()),
      reader_(deps.reader),
      clock_(deps.clock),
      stamps_(deps.stamps),
      seq_floor_(deps.seq_floor),
      changes_(changes),
      channels_(channels),
      conversations_(conversations),
      receivers_(receivers),
      lanes_(lanes) {}

void MessageLog::skip_to(CachedChannel& log, std::uint64_t last, Txn& txn) {
  if (log.last_seq >= last) return;
  ChannelCache::remember(log, txn);
  store::GapRecord skipped;
  skipped.seqs = last - log.last_seq;
  txn.note_seqs(log.key, log.last_seq + 1, last);
  log.last_seq = last;
  txn.put(store::gap_key(partition_, log.key, static_cast<MessageSeq>(last)),
          store::encode(skipped));
  log.record.has_gaps = true;
  channels_.put_record(log, txn);
}

MessageSeq MessageLog::next_seq(CachedChannel& log, Txn& txn) {
  skip_to(log, seq_floor_, txn);
  ChannelCache::remember(log, txn);
  const std::uint64_t seq = ++log.last_seq;
  // Else nobody would ever see the message.
  JD_ASSERT(seq > log.record.cleared_to);
  JD_ASSERT(seq > seq_floor_);
  txn.note_seqs(log.key, seq, seq);
  return static_cast<MessageSeq>(seq);
}

void MessageLog::put_row(const Message& message, const ChannelKey& log, Txn& txn) {
  store::build_message_key(key_scratch_, partition_, log, message.seq);
  store::encode_before_payload(value_scratch_, message, log);
  txn.put(key_scratch_, value_scratch_, message.payload);
}

void MessageLog::append(Message& message, const ChannelKey& log, CachedChannel* channel,
                        CachedChannel& log_state, Txn& txn) {
  message.seq = next_seq(log_state, txn);
  const std::uint64_t seq = raw(message.seq);
  channels_.touch(log_state, txn);
  put_row(message, log, txn);
  if (message.expire != 0) {
    const auto at = static_cast<std::uint64_t>(message.expires_at());
    txn.put(store::expiry_key(partition_, at, log, message.seq), {});
  }
  if (channel == nullptr) {
    // A targeted command: each of its users has a position in the log that was made for them.
    for (const auto& uid : message.subscribers) {
      const auto it = log_state.conversations.find(uid);
      if (it != log_state.conversations.end() && it->second.record) continue;
      store::ConversationRecord record;
      record.command_read_to = seq - 1;
      conversations_.put(log_state, uid, record, txn);
    }
    return;
  }
  if (&log_state != channel) return;
  const std::uint64_t run = note_unlisted(*channel, message);
  if (auto gap = store::gap_of(message)) {
    gap->run = run;
    txn.put(store::gap_key(partition_, log, message.seq), store::encode(*gap));
    if (!channel->record.has_gaps) {
      ChannelCache::remember(*channel, txn);
      channel->record.has_gaps = true;
      channels_.put_record(*channel, txn);
    }
  }
  if ((message.setting & kSettingStream) != 0) lanes_.add_anchor(message, txn);
  if (!message.sender_conversation) return;
  // The sender has read what was there when he wrote.
  conversations_.follow(*channel, message.from_uid, seq, message.expire != 0, txn);
}

Result<MessageLog::Clearing> MessageLog::prepare_clearing(CachedChannel& log, std::uint64_t up_to) {
  Clearing clearing;
  clearing.log = &log;
  clearing.up_to = std::min(up_to, log.last_seq);
  if (clearing.up_to > log.record.cleared_to) {
    JD_TRY(clearing.has_events, lanes_.has_any(log.key, log.record.cleared_to + 1, clearing.up_to));
  }
  return clearing;
}

void MessageLog::clear(const Clearing& clearing, Txn& txn) {
  CachedChannel& log = *clearing.log;
  const std::uint64_t up_to = clearing.up_to;
  if (up_to <= log.record.cleared_to) return;
  const auto first = static_cast<MessageSeq>(log.record.cleared_to + 1);
  const auto behind = static_cast<MessageSeq>(up_to + 1);
  if (clearing.has_events) {
    lanes_.erase(log.key, log.record.cleared_to + 1, up_to, txn);
  }
  txn.erase_range(store::message_range_begin(partition_, log.key, first),
                  store::message_key(partition_, log.key, behind));
  if (log.record.has_gaps) {
    txn.erase_range(store::gap_key(partition_, log.key, first),
                    store::gap_key(partition_, log.key, behind));
  }
  ChannelCache::remember(log, txn);
  log.record.cleared_to = up_to;
  changes_.add(store::EntryKind::clearing, log, up_to, txn);
  if (up_to == log.last_seq) changes_.keep_last(log, txn);  // nothing is left that they are about
  channels_.put_record(log, txn);
}

Result<void> MessageLog::evaluate(const ClearMessages& change, Txn& txn) {
  ChannelKey key = change.channel;
  JD_RETURN_IF_ERROR(receivers_.resolve_agent_channel(key));
  JD_TRY(CachedChannel * log, channels_.load(change.commands ? store::command_log_of(key) : key));
  JD_TRY(const Clearing clearing, prepare_clearing(*log, change.up_to));
  clear(clearing, txn);
  return {};
}

Result<bool> MessageLog::find_row(const CachedChannel& log, std::uint64_t seq,
                                  std::string& value) const {
  const bool given = seq > log.record.cleared_to && seq <= log.last_seq;
  if (!given || log.deleted_lately.contains(seq)) return false;
  return reader_.get(Table::main,
                     store::message_key(partition_, log.key, static_cast<MessageSeq>(seq)), value);
}

Result<void> MessageLog::evaluate(const DeleteMessages& change, Txn& txn) {
  ChannelKey key = change.channel;
  JD_RETURN_IF_ERROR(receivers_.resolve_agent_channel(key));
  JD_TRY(CachedChannel * channel, channels_.load(key));
  std::vector<std::uint64_t> wanted = change.seqs;
  std::ranges::sort(wanted);
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  // A gap may stand for many seqs: none is written over or put inside it.
  std::vector<std::uint64_t> seqs;
  std::string value;
  for (const std::uint64_t seq : wanted) {
    JD_TRY(const bool there, find_row(*channel, seq, value));
    if (there) seqs.push_back(seq);
  }
  if (seqs.empty()) return {};
  std::vector<std::uint64_t> with_events;
  for (const std::uint64_t seq : seqs) {
    JD_TRY(const bool any, lanes_.has_any(key, seq, seq));
    if (any) with_events.push_back(seq);
  }
  // No seq is given twice, also when the last message is among the deleted ones.
  ChannelCache::remember(*channel, txn);
  channel->record.has_gaps = true;
  channel->record.seq_floor = channel->last_seq;
  forget_durable_deletions(*channel, channels_.durable());
  for (const std::uint64_t seq : with_events) lanes_.erase(key, seq, seq, txn);
  for (const std::uint64_t seq : seqs) {
    ChannelCache::note_deleted(*channel, seq, txn);
    txn.erase(store::message_key(partition_, key, static_cast<MessageSeq>(seq)));
    txn.put(store::gap_key(partition_, key, static_cast<MessageSeq>(seq)),
            store::encode(store::GapRecord()));
    changes_.add(store::EntryKind::removal, *channel, seq, txn);
  }
  channels_.put_record(*channel, txn);
  return {};
}

Result<Message> MessageLog::load_revisable(const CachedChannel& channel, std::uint64_t seq,
                                           MessageId id) const {
  const Error unknown(Errc::not_found, "there is no such message");
  const auto at = static_cast<MessageSeq>(seq);
  std::string value;
  JD_TRY(const bool there, find_row(channel, seq, value));
  if (!there) return unknown;
  JD_TRY(Message message, store::decode_message(value, channel.key, at));
  if (message.id != id) return unknown;
  if (message.flags.sync_once) {
    return Error(Errc::invalid, "a command message can be neither recalled nor edited");
  }
  if (message.expired_at(clock_.wall_seconds())) {
    return Error(Errc::not_found, "the message has expired");
  }
  // What was done to it may be on its way to the store still.
  const auto lately = channel.revised_lately.find(seq);
  if (lately != channel.revised_lately.end()) {
    message.revision = lately->second.revision;
    message.moderation = lately->second.moderation;
  }
  if (message.is_recalled()) return Error(Errc::conflict, "the message was recalled before");
  return message;
}

void MessageLog::put_revised(store::EntryKind kind, CachedChannel& channel, Message& message,
                             std::string operator_uid, Txn& txn) {
  changes_.add(kind, channel, raw(message.seq), txn);
  Revision& revision = *message.revision;
  revision.at = clock_.wall_seconds();
  revision.change = channel.record.changes_to;
  revision.operator_uid = std::move(operator_uid);
  channel.record.revised_at_ns = stamps_.next_ns(txn);
  forget_durable_revisions(channel, channels_.durable());
  ChannelCache::note_revised(channel, message, txn);
  put_row(message, channel.key, txn);
  channels_.put_record(channel, txn);
}

Result<void> MessageLog::evaluate(const RecallMessage& change, Txn& txn) {
  ChannelKey key = change.channel;
  JD_RETURN_IF_ERROR(receivers_.resolve_agent_channel(key));
  JD_TRY(CachedChannel * channel, channels_.load(key));
  JD_TRY(Message message, load_revisable(*channel, change.seq, change.id));
  JD_TRY(const bool has_events, lanes_.has_any(key, change.seq, change.seq));
  ChannelCache::remember(*channel, txn);
  if (has_events) lanes_.erase(key, change.seq, change.seq, txn);
  // It is no anchor any more, and nobody has it unread.
  message.setting = static_cast<std::uint8_t>(message.setting & ~kSettingStream);
  message.payload = std::string(kRecalledPayload);
  if (!message.revision) message.revision.emplace();
  message.revision->recalled = true;
  channel->record.has_gaps = true;
  txn.put(store::gap_key(partition_, key, message.seq), store::encode(store::GapRecord()));
  put_revised(store::EntryKind::recall, *channel, message, change.operator_uid, txn);
  return {};
}

Result<void> MessageLog::evaluate(const EditMessage& change, Txn& txn) {
  ChannelKey key = change.channel;
  JD_RETURN_IF_ERROR(receivers_.resolve_agent_channel(key));
  JD_TRY(CachedChannel * channel, channels_.load(key));
  JD_TRY(Message message, load_revisable(*channel, change.seq, change.id));
  if (change.moderation && change.moderation->refused) return refusal_of(*change.moderation);
  const std::uint64_t version = message.revision ? message.revision->version : 0;
  if (change.version != version + 1) {
    return Error(Errc::conflict, "the message was edited by somebody else meanwhile");
  }
  ChannelCache::remember(*channel, txn);
  message.payload = change.payload;
  message.moderation = change.moderation;
  if (!message.revision) message.revision.emplace();
  message.revision->version = change.version;
  put_revised(store::EntryKind::edit, *channel, message, change.operator_uid, txn);
  return {};
}

Result<void> MessageLog::evaluate(const SetRetention& change, Txn& txn) {
  JD_TRY(CachedChannel * channel, channels_.load(change.channel));
  JD_RETURN_IF_ERROR(check_not_disbanded(*channel));
  ChannelCache::remember(*channel, txn);
  channel->record.retention_seconds = change.max_age_seconds;
  channel->record.retention_count = change.max_count;
  channels_.put_record(*channel, txn);
  return {};
}

Result<void> MessageLog::evaluate(const ReclaimExpired& change, Txn& txn) {
  struct Expired {
    const std::string* key;
    store::Expiry expiry;
    CachedChannel* log;
    bool has_events;
  };
  const std::int64_t now = clock_.wall_seconds();
  std::vector<Expired> expired;
  expired.reserve(change.keys.size());
  for (const auto& key : change.keys) {
    store::Expiry expiry = store::expiry_of_key(key);
    if (!expiry.over_at(now)) continue;
    JD_TRY(CachedChannel * log, channels_.load(expiry.log));
    JD_TRY(const bool has_events, lanes_.has_any(expiry.log, raw(expiry.seq), raw(expiry.seq)));
    expired.push_back({&key, std::move(expiry), log, has_events});
  }
  std::map<CachedChannel*, std::vector<std::uint64_t>> gone;
  for (const Expired& each : expired) gone[each.log].push_back(raw(each.expiry.seq));
  std::map<CachedChannel*, std::uint64_t> empty_to;
  for (auto& [log, seqs] : gone) {
    JD_TRY(empty_to[log], find_empty_front(*log, std::move(seqs)));
  }
  for (const auto& [key, expiry, log, has_events] : expired) {
    txn.erase(*key);
    const std::uint64_t seq = raw(expiry.seq);
    if (seq <= log->record.cleared_to) continue;
    ChannelCache::remember(*log, txn);
    const bool last = seq == log->last_seq && log->record.seq_floor < seq;
    if (last) log->record.seq_floor = seq;
    if (last || !log->record.has_gaps) {
      log->record.has_gaps = true;
      channels_.put_record(*log, txn);
    }
    if (has_events) lanes_.erase(expiry.log, seq, seq, txn);
    // A clock that is set back does not bring it back for the events that come next.
    forget_durable_deletions(*log, channels_.durable());
    ChannelCache::note_deleted(*log, seq, txn);
    channels_.touch(*log, txn);
    txn.erase(store::message_key(partition_, expiry.log, expiry.seq));
    // Without a row nothing tells when it was over; the gap does, for whoever counts.
    if (!expiry.log.id.ends_with(kCommandSuffix)) {
      txn.put(store::gap_key(partition_, expiry.log, expiry.seq),
              store::encode(store::GapRecord()));
    }
  }
  for (const auto& [log, up_to] : empty_to) clear({log, up_to, false}, txn);
  return {};
}

Result<std::uint64_t> MessageLog::find_empty_front(const CachedChannel& log,
                                                   std::vector<std::uint64_t> gone) const {
  std::sort(gone.begin(), gone.end());
  const auto is_gone = [&gone](std::uint64_t seq) {
    return std::binary_search(gone.begin(), gone.end(), seq);
  };
  std::uint64_t first = 0;  // that stays
  JD_RETURN_IF_ERROR(reader_.scan(
      Table::main,
      store::message_key(partition_, log.key, static_cast<MessageSeq>(log.record.cleared_to + 1)),
      store::after_prefix(store::message_prefix(partition_, log.key)),
      [&](std::string_view key, std::string_view) {
        const std::uint64_t seq = raw(store::seq_of_message_key(key));
        if (!is_gone(seq)) first = seq;
        return first == 0;
      }));
  // What is not in the store yet comes behind everything that is.
  std::uint64_t empty_to = first > 0 ? first - 1 : 0;
  if (first == 0 && is_gone(log.last_seq)) empty_to = log.last_seq;
  return empty_to >= log.record.cleared_to + kEmptyFrontMin ? empty_to : 0;
}

Result<void> MessageLog::evaluate(const DropCommitRecords& change, Txn& txn) {
  for (const std::uint64_t counter : change.first_counters) {
    txn.erase(store::commit_record_key(partition_, counter));
  }
  return {};
}

}  // namespace jindou::partition
