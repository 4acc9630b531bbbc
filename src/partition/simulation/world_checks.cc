#include <algorithm>

#include "partition/event_lanes.h"
#include "partition/history.h"
#include "partition/record_reader.h"
#include "partition/simulation/world.h"
#include "store/keys.h"
#include "store/list_change.h"
#include "store/read_position.h"

namespace jindou::partition::simulation {

void World::check_store() {
  check_facts(true);
  check_partition_rows();
  check_replicas();
  check_caches();
  check_marks(disk_);
  check_conversations();
  check_views();
  check_lanes();
  check_running_streams();
  settle_inboxes();
  check_log_changes();
  const History history(readers(), clock_, kFingerprintSeed);
  Stored stored;
  collect(stored);
  check_jobs(stored);
  check_keyed(stored);
  std::set<SendKey> keys;
  for (const auto& [log, messages] : stored) {
    std::uint64_t expected = cleared_to(log);
    for (const auto& [seq, message] : messages) {
      if (seq <= expected) return fail("a cleared message is still there in " + log.id);
      while (++expected < seq) {
        if (!removals_.may_be_gone(log, expected)) {
          return fail("a hole in the seqs of " + log.id);
        }
        if (!has_gap(log, expected)) return fail("nothing tells of a hole in " + log.id);
      }
      const bool restricted = !message.subscribers.empty() || message.expire != 0;
      if (restricted && !has_gap(log, seq)) return fail("a gap is missing in " + log.id);
      if (!message.sender_conversation && counts_for_sender(log, message)) {
        return fail("a message counts that was to leave its sender's list alone in " + log.id);
      }
      if (!expires_in_time(log, message)) return fail("an expiry is missing in " + log.id);
      if (message.client_msg_no.starts_with("n") &&
          !keys.insert({log, message.from_uid, message.client_msg_no}).second) {
        return fail("two messages under one key in " + log.id);
      }
      const auto open = open_sends_.find({log, message.from_uid, message.client_msg_no});
      if (open != open_sends_.end() && open->second <= 0) {
        return fail("a message that was refused is there in " + log.id);
      }
    }
  }
  for (const auto& [log, messages] : acknowledged_) {
    for (const auto& [seq, known] : messages) {
      const auto& there = stored[log];
      const auto it = there.find(seq);
      if (it == there.end()) {
        if (removals_.may_be_gone(log, seq)) continue;
        return fail("an acknowledged message is missing in " + log.id);
      }
      if (removals_.must_be_gone(log, seq)) return fail("a message is back in " + log.id);
      check_revision(log, known, it->second);
      if (roll(20) != 0) continue;
      const auto by_id = history.load_by_id(known.id);
      if (!by_id) return fail("look-up by id fails");
      const bool cleared = is_cleared(log, seq) || it->second.expired_at(clock_.wall_seconds());
      if (by_id->has_value() == cleared) return fail("look-up by id disagrees in " + log.id);
      if (cleared || !first_.contains({log, it->second.from_uid, it->second.client_msg_no})) {
        continue;
      }
      const auto by_number = history.load_by_client_msg_no(log, it->second.client_msg_no);
      if (!by_number || !by_number->has_value()) {
        if (!any_gone(log)) return fail("look-up by client_msg_no misses in " + log.id);
      } else if ((*by_number)->client_msg_no != it->second.client_msg_no) {
        return fail("look-up by client_msg_no finds another message");
      }
    }
  }
}

void World::check_revision(const ChannelKey& log, const Known& known, const Message& message) {
  const std::uint64_t seq = raw(message.seq);
  auto state = RevisionModel::state_of(message);
  if (message.id != known.id || !revisions_.allows(log, seq, known.payload, state)) {
    return fail("an acknowledged message is not what it was made in " + log.id);
  }
  revisions_.settle(log, seq, std::move(state));
  if (!message.revision) return;
  compare_with_change(log, message);
  if (!message.is_recalled()) return;
  if (!has_gap(log, seq)) return fail("a recalled message counts as unread in " + log.id);
  const PartitionId partition = partition_for(log.id, kPartitions);
  const auto events = read_events({disk_, partition}, log, message.seq);
  if (!events) return fail("unreadable events");
  if (!events->lanes.empty()) fail("a recalled message has events in " + log.id);
}

bool World::has_gap(const ChannelKey& log, std::uint64_t seq) {
  // Nobody counts what is unread of commands.
  if (log.id.ends_with(kCommandSuffix)) return true;
  std::string value;
  const auto key = store::gap_key(partition_for(log.id, kPartitions), log, MessageSeq{seq});
  const auto found = disk_.get(store::Table::main, key, value);
  return found && *found;
}

bool World::counts_for_sender(const ChannelKey& log, const Message& message) {
  if (log.id.ends_with(kCommandSuffix)) return false;
  std::string value;
  const auto key = store::gap_key(partition_for(log.id, kPartitions), log, message.seq);
  const auto found = disk_.get(store::Table::main, key, value);
  if (!found || !*found) return true;
  const auto gap = store::decode_gap(value);
  return !gap || gap->readable_by(message.from_uid, 0);
}

bool World::expires_in_time(const ChannelKey& log, const Message& message) {
  if (message.expire == 0) return true;
  std::string value;
  const auto at = static_cast<std::uint64_t>(message.expires_at());
  const auto key = store::expiry_key(partition_for(log.id, kPartitions), at, log, message.seq);
  const auto found = disk_.get(store::Table::main, key, value);
  return found && *found;
}

std::uint64_t World::cleared_to(const ChannelKey& log) {
  std::string value;
  const auto found = disk_.get(store::Table::main,
                               store::channel_key(partition_for(log.id, kPartitions), log), value);
  if (!found || !*found) return 0;
  return store::decode_channel(value)->cleared_to;
}

bool World::any_gone(const ChannelKey& log) {
  return cleared_to(log) > 0 || may_expire_ || removals_.any(log);
}

void World::check_conversations() {
  for (int i = 0; i < 7; ++i) {
    const ChannelKey group("g" + std::to_string(i), ChannelType::group);
    const PartitionId partition = partition_for(group.id, kPartitions);
    const History history(readers(), clock_, kFingerprintSeed);
    const RecordReader records(readers());
    const auto subscribers = records.load_members(group, MemberList::subscribers);
    const auto denied = records.load_members(group, MemberList::denylist);
    const auto last = history.load_last_seq(group);
    check_tombstones(group);
    if (!subscribers || !denied || !last) return fail("a list cannot be read");
    lists_.settle(group, check_lists(group));
    if (is_changing(group)) {
      ++summary_.resumed;
      continue;  // conversations follow
    }
    for (const auto& uid : *subscribers) {
      if (std::find(denied->begin(), denied->end(), uid) != denied->end()) continue;
      std::string value;
      const auto found =
          disk_.get(store::Table::main, store::conversation_key(partition, uid, group), value);
      if (!found || !*found) return fail("a subscriber without conversation in " + group.id);
      const auto record = store::decode_conversation(value);
      if (!record) return fail("an unreadable conversation");
      if (record->read_to > raw(*last) || record->deleted_to > raw(*last) ||
          record->manual_count > raw(*last)) {
        return fail("a conversation ahead of its channel " + group.id);
      }
    }
  }
}

void World::check_tombstones(const ChannelKey& group) {
  const PartitionId partition = partition_for(group.id, kPartitions);
  for (int i = 0; i < 4; ++i) {
    const std::string uid = "u" + std::to_string(i);
    std::string value;
    const auto row =
        disk_.get(store::Table::main, store::conversation_key(partition, uid, group), value);
    if (!row) return fail("a conversation cannot be read");
    std::int64_t& changed_at = conversation_changed_at_[{group, uid}];
    if (*row) {
      const auto record = store::decode_conversation(value);
      if (!record) return fail("an unreadable conversation");
      changed_at = record->updated_at_ns;
    } else if (changed_at != 0) {
      const auto tombstone =
          disk_.get(store::Table::main, store::tombstone_key(partition, uid, group), value);
      if (!tombstone) return fail("a tombstone cannot be read");
      if (!*tombstone) {
        const auto mark =
            disk_.get(store::Table::main, store::tombstones_dropped_key(partition), value);
        if (!mark) return fail("a mark cannot be read");
        if (!*mark || store::decode_tombstone(value)->deleted_at_ns <= changed_at) {
          return fail("a conversation went without a trace from " + group.id);
        }
      }
      changed_at = 0;
    }
  }
}

ListModel::Lists World::check_lists(const ChannelKey& group) {
  const RecordReader records(readers());
  ListModel::Lists lists;
  for (std::size_t list = 0; list < lists.size(); ++list) {
    const auto uids = records.load_members(group, static_cast<MemberList>(list));
    if (!uids) fail("a list cannot be read");
    if (uids) lists[list] = {uids->begin(), uids->end()};
    const std::string asked = "u" + std::to_string(roll(8));
    const auto member = records.has_member(group, static_cast<MemberList>(list), asked);
    if (!member || *member != lists[list].contains(asked)) fail("two looks at a list disagree");
  }
  if (!lists_.allows(group, lists)) {
    fail("the lists are not what they were changed to in " + group.id);
  }
  return lists;
}

void World::check_partition_rows() {
  std::string value;
  for (const auto& [reserved, outcome] : reserved_) {
    if (!outcome->must_hold()) continue;
    const auto key = store::partition_state_key(reserved.partition);
    const auto found = disk_.get(store::Table::main, key, value);
    if (!found || !*found) return fail("a partition without state");
    if (store::decode_partition_state(value)->stamped_to_ns < reserved.until_ns) {
      return fail("time that was reserved is not");
    }
  }
  for (const auto& [key, outcome] : dropped_records_) {
    const auto found = disk_.get(store::Table::main, key, value);
    if (!found) return fail("a commit record cannot be read");
    if (*found && outcome->must_hold()) return fail("a commit record that was dropped is there");
  }
}

void World::check_replicas() {
  disk_.catch_up();
  const auto rows = [](const store::Reader& reader) {
    std::vector<std::pair<std::string, std::string>> all;
    const auto scanned = reader.scan(store::Table::main, "", "\xff\xff",
                                     [&all](std::string_view key, std::string_view value) {
                                       all.emplace_back(key, value);
                                       return true;
                                     });
    if (!scanned) all.clear();
    return all;
  };
  const auto wanted = rows(disk_);
  for (const store::Reader* const replica : disk_.replicas()) {
    if (rows(*replica) != wanted) fail("a replica has other rows");
  }
}

void World::check_facts(bool settled) {
  const auto wrong = facts_.find_wrong(disk_);
  if (!wrong) return fail("facts cannot be read");
  if (!wrong->empty()) return fail("not what was stored: " + *wrong);
  const auto wrong_job = jobs_.find_wrong(disk_);
  if (!wrong_job) return fail("jobs cannot be read");
  if (!wrong_job->empty()) return fail(*wrong_job);
  if (!settled) return;
  if (!facts_.settle(disk_)) fail("facts cannot be read");
  if (!jobs_.settle(disk_)) fail("jobs cannot be read");
}

void World::settle_inboxes() {
  InboxDirectory stored(readers(), 64);
  for (int i = 0; i < 4; ++i) {
    const std::string uid = "u" + std::to_string(i);
    const auto inbox = stored.load(uid);
    if (!inbox) return fail("an inbox cannot be read");
    InboxState state;
    if (*inbox) {
      state.send_ban = (*inbox)->flags.send_ban;
      state.denied.insert((*inbox)->denylist.begin(), (*inbox)->denylist.end());
    }
    if (!judges_.allows(uid, state)) return fail("not the inbox of " + uid);
    judges_.settle(uid, std::move(state));
  }
}

void World::check_views() {
  auto cursors = readers().open_cursors(store::Table::main);
  for (const auto& [channel, floors] : views_.floors()) {
    const PartitionId partition = partition_for(channel.id, kPartitions);
    auto cursor = cursors.of(partition);
    for (const auto& floor : floors) {
      std::string value;
      if (!floor.outcome->must_hold()) continue;
      const auto key = store::conversation_key(partition, floor.uid, channel);
      const auto found = disk_.get(store::Table::main, key, value);
      if (!found || !*found) continue;  // a stranger, or one who is denied
      const auto row = store::decode_conversation(value);
      if (!row) return fail("an unreadable conversation");
      const auto read_to = store::load_read_position(cursor, channel, floor.uid, *row);
      if (!read_to) return fail("a read position cannot be read");
      // Of what nobody can read any more nothing tells that it was read.
      std::uint64_t floor_read_to = floor.read_to;
      while (floor_read_to > *read_to && removals_.may_be_gone(channel, floor_read_to)) {
        --floor_read_to;
      }
      if (*read_to < floor_read_to || row->deleted_to < floor.deleted_to ||
          row->command_read_to < floor.command_read_to) {
        return fail("a view went back: " + floor.uid + " in " + channel.id);
      }
    }
  }
}

std::optional<MessageSeq> World::find_anchor(const LaneModel::Anchor& anchor) {
  const auto told = first_.find({anchor.channel, anchor.from_uid, anchor.client_msg_no});
  if (told == first_.end()) return std::nullopt;
  return told->second.seq;
}

void World::check_lanes() {
  for (LaneModel::Anchor& anchor : lanes_.anchors()) {
    const PartitionId partition = partition_for(anchor.channel.id, kPartitions);
    const auto seq = find_anchor(anchor);
    if (!seq) continue;  // nobody knows whether it is there
    const auto events = read_events({disk_, partition}, anchor.channel, *seq);
    if (!events) return fail("unreadable events");
    std::string value;
    const auto there =
        disk_.get(store::Table::main, store::message_key(partition, anchor.channel, *seq), value);
    if (!there) return fail("a message cannot be read");
    if (!*there) {
      if (!events->lanes.empty()) return fail("events outlive " + anchor.client_msg_no);
      continue;
    }
    const auto message = store::decode_message(value, anchor.channel, *seq);
    if (!message) return fail("an unreadable message");
    if (message->is_recalled()) continue;  // see check_revision()
    LaneModel::Lanes lanes;
    for (const auto& lane : events->lanes) {
      lanes[lane.event_key] = describe_lane(lane.status, lane.snapshot);
    }
    if (!anchor.lanes.allows(lanes)) return fail("not the events of " + anchor.client_msg_no);
    anchor.lanes.settle(std::move(lanes));
  }
}

// What runs has not ended, or its anchor is gone.
void World::check_running_streams() {
  for (const LaneModel::Anchor& anchor : lanes_.anchors()) {
    const PartitionId partition = partition_for(anchor.channel.id, kPartitions);
    const auto seq = find_anchor(anchor);
    std::string value;
    const auto running =
        disk_.get(store::Table::main, store::running_stream_key(partition, anchor.channel), value);
    if (!running) return fail("a running stream cannot be read");
    if (!*running || !seq) continue;
    if (store::decode_running_stream(value)->client_msg_no != anchor.client_msg_no) continue;
    const auto events = read_events({disk_, partition}, anchor.channel, *seq);
    if (!events) return fail("unreadable events");
    for (const auto& lane : events->lanes) {
      if (lane.event_key == kMainLane && lane.status != LaneStatus::open) {
        return fail("a stream runs that has ended: " + anchor.client_msg_no);
      }
    }
  }
}

bool World::is_changing(const ChannelKey& group) {
  auto cursor = readers().of_channel(group).open_cursor(store::Table::main);
  const auto change = store::load_list_change(cursor, group);
  if (!change) fail("an unreadable change of a list");
  return change && change->has_value();
}

void World::check_nothing_left() {
  if (!asked_.empty()) return fail("a transaction that nobody is told of");
  const RecordReader records(readers());
  for (int i = 0; i < 7; ++i) {
    const ChannelKey group("g" + std::to_string(i), ChannelType::group);
    const PartitionId partition = partition_for(group.id, kPartitions);
    if (is_changing(group)) return fail("a change of a list does not end in " + group.id);
    Result<Recipients> recipients = Error(Errc::internal);
    wanted_owner(partition).host(partition).ask_recipients(
        group, [&recipients](Result<Recipients> told) { recipients = std::move(told); });
    const auto subscribers = records.load_members(group, MemberList::subscribers);
    if (!recipients || !subscribers) return fail("a list cannot be read");
    std::vector<std::string> known;
    if (recipients->subscribers) {
      known.assign(recipients->subscribers->begin(), recipients->subscribers->end());
    }
    std::sort(known.begin(), known.end());
    if (known != *subscribers) return fail("memory disagrees with the rows in " + group.id);
  }
  disk_.catch_up();
  check_caches();
}

void World::collect(Stored& stored) {
  std::set<ChannelKey> logs;
  for (const auto& [key, payloads] : attempted_) logs.insert(std::get<0>(key));
  for (const auto& log : logs) {
    const auto prefix = store::message_prefix(partition_for(log.id, kPartitions), log);
    const auto scanned = disk_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                    [&](std::string_view key, std::string_view value) {
                                      const MessageSeq seq = store::seq_of_message_key(key);
                                      auto message = store::decode_message(value, log, seq);
                                      if (message)
                                        stored[log].emplace(raw(seq), std::move(*message));
                                      if (!message) fail("an unreadable message");
                                      return true;
                                    });
    if (!scanned) fail("a scan fails");
  }
}

}  // namespace jindou::partition::simulation
