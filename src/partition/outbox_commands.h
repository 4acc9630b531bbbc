// What is to be told to the customer's webhook, and how far that has got.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/device.h"
#include "model/ids.h"
#include "model/node_boot.h"

namespace jindou::partition {

// How far the messages of a partition have been handed to the webhook. Never moves back. With
// neither position nothing is written: it is done when all that was evaluated before is durable.
struct AdvanceWebhook {
  PartitionId partition{};
  std::optional<std::uint64_t> notified_to;  // message id counters, inclusive
  std::optional<std::uint64_t> offline_to;
};

// A session came or went, to be told to the webhook: kept until ForgetPresenceEvents. `text` is the
// webhook's own form of the event. Of a node that died another one tells that its sessions went.
struct RecordPresenceEvent {
  std::string uid;
  DeviceFlag device_flag = DeviceFlag::app;
  NodeBoot start;  // that has, or had, the session
  std::uint64_t session_id = 0;
  bool online = true;
  std::int64_t at_ns = 0;
  std::string text;
};

// Events of the partition that were delivered or given up; their keys.
struct ForgetPresenceEvents {
  PartitionId partition{};
  std::vector<std::string> keys;
};

using OutboxCommand = std::variant<AdvanceWebhook, RecordPresenceEvent, ForgetPresenceEvents>;

}  // namespace jindou::partition
