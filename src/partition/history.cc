#include "partition/history.h"

#include "partition/addressing.h"
#include "store/records.h"

namespace jindou::partition {

History::History(const store::PartitionReaders& readers, const Clock& clock,
                 std::uint64_t fingerprint_seed)
    : readers_(readers), clock_(clock), fingerprint_seed_(fingerprint_seed) {}

PartitionHistory History::of(const ChannelKey& channel) const {
  return PartitionHistory(readers_.of_channel(channel), clock_, fingerprint_seed_);
}

Result<RangePage> History::load_range(const RangeQuery& query) const {
  return of(query.channel).load_range(query);
}

Result<MessageSeq> History::load_last_seq(const ChannelKey& channel) const {
  return of(channel).load_last_seq(channel);
}

Result<std::optional<Message>> History::load_by_id(MessageId id) const {
  const PartitionId partition = partition_of(id);
  if (!readers_.map().has(partition)) return std::optional<Message>();
  return PartitionHistory(readers_.of(partition), clock_, fingerprint_seed_).load_by_id(id);
}

Result<std::optional<Message>> History::load_by_seq(const ChannelKey& channel,
                                                    MessageSeq seq) const {
  return of(channel).load_by_seq(channel, seq);
}

Result<bool> History::is_there(const Message& message) const {
  return of(log_of(message)).is_there(message);
}

Result<std::optional<Message>> History::load_by_client_msg_no(const ChannelKey& channel,
                                                              std::string_view client_msg_no,
                                                              std::string_view viewer) const {
  return of(channel).load_by_client_msg_no(channel, client_msg_no, viewer);
}

Result<std::optional<Message>> History::load_sent(const ChannelKey& channel,
                                                  std::string_view client_msg_no,
                                                  std::string_view from_uid,
                                                  const SentWithin& within) const {
  return of(channel).load_sent(channel, client_msg_no, from_uid, within);
}

Result<std::optional<MessageTrace>> History::load_trace(MessageId id) const {
  const PartitionId partition = partition_of(id);
  if (!readers_.map().has(partition)) return std::optional<MessageTrace>();
  return PartitionHistory(readers_.of(partition), clock_, fingerprint_seed_).load_trace(id);
}

Result<std::optional<MessageTrace>> History::load_trace_by_client_msg_no(
    const ChannelKey& channel, std::string_view client_msg_no, std::string_view viewer) const {
  JD_TRY(auto found, of(channel).load_trace_by_client_msg_no(channel, client_msg_no, viewer));
  if (found) return found;
  const ChannelKey commands = store::command_log_of(channel);
  return of(commands).load_trace_by_client_msg_no(commands, client_msg_no, viewer);
}

Result<std::vector<std::uint64_t>> History::load_read_to(
    const Message& message, const std::vector<std::string>& uids) const {
  return of(log_of(message)).load_read_to(message, uids);
}

Result<std::optional<Message>> History::load_last(const ChannelKey& channel,
                                                  std::string_view viewer) const {
  return of(channel).load_last(channel, viewer);
}

Result<MessageEvents> History::load_events(const ChannelKey& channel, MessageSeq anchor) const {
  return of(channel).load_events(channel, anchor);
}

Result<std::string> History::load_running_stream(const ChannelKey& channel) const {
  return of(channel).load_running_stream(channel);
}

Result<ChannelKey> History::load_agent_channel(std::string_view a, std::string_view b) const {
  ChannelKey forward(std::string(a) + '@' + std::string(b), ChannelType::agent);
  ChannelKey reversed(std::string(b) + '@' + std::string(a), ChannelType::agent);
  JD_TRY(const bool first, of(forward).is_known(forward));
  if (first) return forward;
  JD_TRY(const bool second, of(reversed).is_known(reversed));
  return second ? reversed : forward;
}

}  // namespace jindou::partition
