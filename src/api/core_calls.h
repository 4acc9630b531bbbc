// The ways into the core, and to whoever reloads the settings, as awaitable calls with a deadline.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/http_names.h"
#include "api/services.h"
#include "config/live_settings.h"
#include "partition/change.h"
#include "partition/command_group.h"

namespace jindou::api {

// The point by which `request` has to be answered.
http::DeadlineList::TimePoint request_deadline(const Services& services);

// Who sent the request, for what is asked of the core.
CallerPtr caller_of(const Request& request);

// Adds the header field Batch-Advice to the answer to a batch (batch_advice.h).
void add_batch_advice(const Services& services, const Request& request, Response& response);

using ReservationPtr = partition::CommandRouter::ReservationPtr;

// Results aligned with the commands. At the deadline what the core has begun and not decided
// becomes State::unknown, and what it has not begun is refused as `overloaded`. `reservation` is
// kept until the core is done with all of them, which may be after the answer. Errors: overloaded,
// unavailable: nothing was done.
Task<Result<std::vector<SendResult>>> send_commands(Services& services, Request& request,
                                                    std::vector<SendCommand> commands,
                                                    http::DeadlineList::TimePoint deadline,
                                                    ReservationPtr reservation = nullptr);

// The same for who tries again: commands that the core does not take, for one of these errors, are
// as they were. That they were all refused as overloaded, later but before a partition had one, is
// that error too.
Task<Result<std::vector<SendResult>>> offer_commands(Services& services, Request& request,
                                                     std::vector<SendCommand>& commands,
                                                     http::DeadlineList::TimePoint deadline,
                                                     ReservationPtr reservation);

// Hands messages to the core and waits for nothing; `done` is told what became of them, on a thread
// of the core. Errors: overloaded, unavailable: nothing was done and `done` is not called.
Result<void> post_commands(Services& services, Request& request, std::vector<SendCommand> commands,
                           partition::CommandRouter::SendDone done, ReservationPtr reservation);

// What would become of messages: results as of send_commands(), and nothing is done (see
// CommandRouter::post_rehearsal).
Task<Result<std::vector<SendResult>>> rehearse_commands(Services& services, Request& request,
                                                        std::vector<SendCommand> commands);

// Sends messages to any channels, all of them or none. The outcomes are SendResults. Errors: as
// change(): nothing was done, unless it is `deadline` or `unknown_outcome`; too_large: more than
// the core makes at once.
Task<Result<partition::TransactionResult>> send_together(Services& services, Request& request,
                                                         std::vector<SendCommand> commands);

// Errors: what the core says; deadline when it said nothing in time (outcome unknown).
Task<Result<void>> change(Services& services, Request& request, partition::Change change);

// Posts all of them at once and waits for all; they may be of any partitions. The first error that
// came, if one did: then some may have been done. No changes: success.
Task<Result<void>> change_all(Services& services, Request& request,
                              std::vector<partition::Change> changes);

// Makes commands of any partitions all or none. Errors: as change(), of the first of them that
// failed; a message that is refused fails, with its code; too_large: more than the core makes at
// once, or more than one commit has of a partition.
Task<Result<void>> make_together(Services& services, Request& request,
                                 std::vector<partition::Command> commands);

// Makes changes of any partitions all or none. Errors: as change(), of the first of them that
// failed; too_large: more than the core makes at once, or more than one commit has of a partition.
Task<Result<void>> change_together(Services& services, Request& request,
                                   std::vector<partition::Change> changes);

// Errors: as change(); also those of CommandRouter::post_event.
Task<Result<partition::EventOutcome>> append_event(Services& services, Request& request,
                                                   partition::AppendEvent event);

// Has the settings read again; `asked_by` is for the audit log. Errors: as change().
Task<Result<config::ReloadOutcome>> reload_settings(Services& services, Request& request,
                                                    std::string asked_by);

// Who would receive a message to the channel (internal id) now. Errors: as change(); storage.
Task<Result<partition::Recipients>> ask_recipients(Services& services, Request& request,
                                                   ChannelKey channel);

// The channel that messages between the two halves of an agent channel go to: the pair the other
// way round, if only that exists. Other channels are returned as they are, without a wait. Errors:
// storage, overloaded.
Task<Result<ChannelKey>> settle_channel(Services& services, ChannelKey channel);

// Settles the channel of `wanted`, a change of one channel, hands it to the core and answers.
template <class Wanted>
Task<void> settle_and_change(Services& services, Request& request, Response& response,
                             Wanted wanted) {
  auto settled = co_await settle_channel(services, wanted.channel);
  if (!settled) {
    answer_error(response, settled.error());
    co_return;
  }
  wanted.channel = std::move(*settled);
  const auto done = co_await change(services, request, std::move(wanted));
  answer_done(response, done, services.options.status_style);
}

// settle_channel() on a thread that may block.
Result<ChannelKey> load_settled_channel(const partition::History& history, ChannelKey channel);

}  // namespace jindou::api
