// Reads of what is stored of channels and users besides their messages: flags, lists, limits,
// tokens, what became of messages. Everything acknowledged is visible here.
//
// Thread-safe; every load_ call blocks on disk, so edges call it through runtime::BlockingPool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/device.h"
#include "partition/conversation_commands.h"
#include "partition/list_commands.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

struct DeviceToken {
  std::string token;
  DeviceLevel level = DeviceLevel::slave;
};

struct RetentionLimits {
  std::optional<std::uint64_t> max_age_seconds;
  std::optional<std::uint64_t> max_count;
};

// What a log went through that is no new message.
struct LogChange {
  std::uint64_t number = 0;  // among those of its log
  store::EntryKind kind = store::EntryKind::removal;
  std::uint64_t seq = 0;       // as the kind says
  std::int64_t timestamp = 0;  // seconds
};
struct LogChanges {
  std::vector<LogChange> changes;  // ascending, without holes
  std::uint64_t last = 0;          // number of the last one of the log; 0: there was none
  // False: not everything behind the number is known any more, and `changes` is empty. Read the log
  // anew, and go on behind `last`.
  bool complete = true;
  bool more = false;  // of the page: the next one begins behind the last of `changes`
};

// A stored template without its payloads.
struct TemplateInfo {
  std::string name;
  std::vector<std::uint64_t> versions;  // that there are, ascending, at least one
};
// One version of it, as it was when the others were these.
struct TemplateVersion {
  std::uint64_t version = 0;
  std::int64_t created_at = 0;  // seconds
  std::string payload;
  std::vector<std::uint64_t> versions;
};

class RecordReader {
 public:
  explicit RecordReader(const store::PartitionReaders& readers) : readers_(readers) {}

  // What it reads from: for other readers of the same rows.
  const store::PartitionReaders& readers() const { return readers_; }

  // Errors of all: storage.
  // A list of a channel, sorted by uid.
  Result<std::vector<std::string>> load_members(const ChannelKey& channel, MemberList list) const;
  Result<bool> has_member(const ChannelKey& channel, MemberList list, std::string_view uid) const;
  // The limits set for this very channel; empty members: the configured defaults hold.
  Result<RetentionLimits> load_retention(const ChannelKey& channel) const;
  // Without the built-in one, sorted; the first `most` of them.
  Result<std::vector<std::string>> load_system_accounts(std::size_t most = SIZE_MAX) const;
  // What the last POST /message/sync of the user returned; empty when it was acknowledged.
  Result<std::vector<CommandPosition>> load_command_sync(std::string_view uid) const;

  // Flags of a channel (for a person: {uid, person}); empty when it was never created.
  Result<std::optional<ChannelFlags>> load_flags(const ChannelKey& channel) const;
  // Empty when no token was ever registered for that device.
  Result<std::optional<DeviceToken>> load_token(std::string_view uid, DeviceFlag flag) const;

  // What is known of a request that may be repeated (see ClaimRequest), also one that is over;
  // empty when nobody has made it. `key` names its partition.
  Result<std::optional<store::RequestRecord>> load_request(std::string_view key) const;
  PartitionId partition_of_request(std::string_view key) const {
    return readers_.map().of_request(key);
  }
  // 0: the newest version. Empty when there is no such template or version.
  Result<std::optional<TemplateVersion>> load_template_version(std::string_view name,
                                                               std::uint64_t version) const;
  // The number that its next version has, whether or not the template is there.
  Result<std::uint64_t> load_next_template_version(std::string_view name) const;
  // Templates of all partitions behind the name `after`, sorted by name, at most `count`.
  Result<std::vector<TemplateInfo>> load_templates(std::string_view after, std::size_t count) const;

  // Changes of a log behind the one numbered `after`, at most `count`. `log` is the log itself:
  // commands have their own (store::command_log_of). As it was at one moment.
  Result<LogChanges> load_changes(const ChannelKey& log, std::uint64_t after,
                                  std::size_t count) const;

 private:
  store::PartitionReaders readers_;
};

}  // namespace jindou::partition
