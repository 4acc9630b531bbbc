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
#include "store/records.h"

namespace jindou::partition {

// What the webhook has given up, by the counter of its entry in the commit records.
struct WebhookLetter {
  std::uint64_t counter = 0;
  store::WebhookLetterRecord record;
};

// How far the messages of a partition have been handed to the webhook. Never moves back. With
// neither position nothing is written: it is done when all that was evaluated before is durable.
struct AdvanceWebhook {
  PartitionId partition{};
  std::optional<std::uint64_t> notified_to;  // message id counters, inclusive
  std::optional<std::uint64_t> offline_to;
  // What of msg.notify was given up on the way to notified_to: kept in the same commit, so that
  // nothing is lost between the two. What lies before the stored position is passed over, because
  // the commit that brought it there had it.
  std::vector<WebhookLetter> letters;
  std::uint64_t letters_dropped = 0;  // given up on that way, too, and not kept
};

// These dead letters are to be told again. One that is to be told again already stays as it is, and
// one that is not there is passed over: two who ask at once have it told once.
struct RedriveWebhook {
  PartitionId partition{};
  std::vector<std::uint64_t> counters;
};

// What became of dead letters that were told again.
struct SettleRedrives {
  struct Settled {
    std::uint64_t counter = 0;
    // As the record had it when it was told: for one that was settled meanwhile nothing happens.
    std::uint64_t redrives = 0;
    // Given up again. None: it was told, and is one no more.
    std::optional<store::WebhookLetterRecord> again;
  };
  PartitionId partition{};
  std::vector<Settled> settled;
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

using OutboxCommand = std::variant<AdvanceWebhook, RecordPresenceEvent, ForgetPresenceEvents,
                                   RedriveWebhook, SettleRedrives>;

}  // namespace jindou::partition
