// The front door of the core: takes commands from every edge, hands them to the partitions they
// belong to, and collects the results. POST /message/sendbatch, a single send and a client's SEND
// all come through post_send().
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/message.h"
#include "model/partition_map.h"
#include "observe/metrics.h"
#include "partition/change.h"
#include "partition/intake.h"
#include "partition/intake_bulk.h"
#include "partition/intake_class.h"
#include "partition/intake_lists.h"
#include "partition/intake_moderation.h"
#include "partition/list_source.h"
#include "partition/pending_send.h"
#include "partition/placement.h"
#include "partition/recipients.h"
#include "partition/transaction.h"
#include "partition/transaction_turns.h"

namespace jindou::partition {

class InboxStage;
class Refusals;
class SendBatch;

struct RouterLimits {
  std::size_t items_in_flight_max = 200'000;
  std::size_t bytes_in_flight_max = std::size_t{256} << 20;
  // Reservations at the same time.
  std::size_t batches_in_flight_max = 256;
  // A batch of more is bulk, unless a session sends it; evaluated in pieces of so many messages.
  std::size_t bulk_batch_items = 16;
  std::size_t bulk_piece_items = 256;
  // How long what is sent may be expected to wait until it is durable; see DelayLimit.
  std::chrono::milliseconds delay_max{1'250};
  // Commands that are made all or none.
  std::size_t transaction_items_max = 1'000;
  // How long a partition waits for the others of a transaction before it is taken back.
  std::chrono::milliseconds transaction_hold_max{1'000};
};

class CommandRouter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr TimePoint kNever = TimePoint::max();

  // Room in the core for one request, from before it is parsed until all of it is done. May outlive
  // the router.
  class Reservation;
  using ReservationPtr = std::shared_ptr<Reservation>;
  // Says that a request is on its way; see Announcements. May outlive the router.
  class Announcement;
  using AnnouncementPtr = std::shared_ptr<Announcement>;

  using SendDone = partition::SendDone;
  using ChangeDone = std::function<void(Result<void>)>;

  // Borrows all of them but `map` and `limits`. What belongs to a partition that nobody is known to
  // own is refused with code `unavailable`.
  CommandRouter(const Placement& placement, PartitionMap map, InboxStage& inboxes,
                const RouterLimits& limits, const Clock& clock);

  // Asks `lists` before a send, an event or a question is handed on (ListStage). Set before the
  // first of them; null: nobody is asked. Outlives them all.
  void set_list_source(ListSource* lists) { list_stage_.set_source(lists); }
  // Whether it is asked: then the lists that are stored here do not say who is in a channel.
  bool asks_for_lists() const { return list_stage_.enabled(); }

  // Has `check` judge what is sent, also what is made together, and edits. Set before the first of
  // them; null: nothing is judged. Outlives them all.
  void set_content_check(ContentCheck* check) { moderation_stage_.set_check(check); }

  // Counts bulk messages for their receivers (intake_bulk.h). Before the first message.
  void set_bulk_limit(const store::PartitionReaders& readers, BulkCountStage::Limit limit) {
    bulk_stage_.set_limit(readers, std::move(limit));
  }
  // A request of more is bulk; one message never is.
  std::size_t bulk_batch_items() const {
    return std::max<std::size_t>(1, limits_.bulk_batch_items);
  }
  // Counts the messages that are refused, by stages or partitions: jindou_send_refused_total. Set
  // before the first message; null: nobody counts. Outlives them all.
  void count_refusals_in(observe::Metrics* metrics) { metrics_ = metrics; }
  // Remembers them there, but for those that are tried again anyway; as above.
  void remember_refusals_in(Refusals* refusals) { refusals_ = refusals; }

  // What an edit would make of the payload of a message, as far as nobody else is asked.
  Payload preview_edit(const ChannelKey& channel, std::string_view from_uid,
                       Payload payload) const {
    return moderation_stage_.preview(channel, from_uid, std::move(payload));
  }

  // What looks at messages before their partitions do: Intake::add() is where a stage is added.
  Intake& intake() { return intake_; }

  // Whether there may be room for one more message: for refusing a request by its header, before
  // its body is read. Cheap; thread-safe.
  bool has_room() const;
  // The same for a batch of so many bytes; how many items that are is guessed by the last batches
  // that had a reservation. Null: there is no room beside what else was announced. Let go before
  // reserve().
  AnnouncementPtr announce(std::size_t bytes);

  // Takes room for a batch of about that size; post_send() then makes it what is really needed.
  // Null: too much is in flight, or it takes longer than RouterLimits::delay_max. Thread-safe.
  ReservationPtr reserve(std::size_t items, std::size_t bytes);
  // Makes it that large, when more is known: for who holds the commands for a while before
  // post_send(). False: there is no room for that; then let go of it. Thread-safe.
  bool extend(Reservation& reservation, std::size_t items, std::size_t bytes);

  // Sends one or many messages; items for one channel keep their order. Thread-safe, returns at
  // once. Errors: overloaded (too much in flight), unavailable (stopping): nothing has been done,
  // `commands` are as they were, and `done` is not called. Admission is all or nothing. What no
  // partition has begun at the deadline (kNever: there is none) is refused with code `overloaded`:
  // nothing of it was done. `reservation` (null: there is none) is kept until the batch is done.
  Result<std::shared_ptr<PendingSend>> post_send(std::vector<SendCommand>&& commands, SendDone done,
                                                 TimePoint deadline = kNever,
                                                 const ReservationPtr& reservation = nullptr);
  // The same for who tries again what nobody has had room for: PendingSend::take_back() has it, and
  // it is not counted or remembered as refused.
  Result<std::shared_ptr<PendingSend>> offer_send(std::vector<SendCommand>&& commands,
                                                  SendDone done, TimePoint deadline,
                                                  const ReservationPtr& reservation);

  // What would become of these messages if they were sent now; nothing is stored or told to
  // anybody. Results as of post_send, where what would be stored is accepted, without id and seq.
  // Errors and `done` as of post_send.
  Result<std::shared_ptr<PendingSend>> post_rehearsal(std::vector<SendCommand> commands,
                                                      SendDone done, TimePoint deadline = kNever);

  // Changes a channel or user; `done` says whether the change is durable.
  // Errors: overloaded, unavailable: nothing has been done and `done` is not called.
  Result<void> post_change(Change change, ChangeDone done);

  // Appends an event to a message; `done` gets the state of its lane.
  // Errors: as post_change. `done` may get not_found (no such message, or no stream message),
  // conflict (the lane is closed), and the errors of the list source, at once or on its thread.
  using EventDone = std::function<void(Result<EventOutcome>)>;
  Result<void> post_event(AppendEvent event, EventDone done);

  // Asks who would receive a message to the channel (internal id) now. The answer comes on a thread
  // of the core. Errors: as post_change; `done` may get storage, and the errors of the list source,
  // at once or on its thread.
  using RecipientsDone = std::function<void(Result<Recipients>)>;
  Result<void> post_recipients(ChannelKey channel, RecipientsDone done);

  // Makes commands of any partitions all or none; `done` as Transaction has it. Those whose turn
  // has not come at `begin_by` are refused (`overloaded`). Errors: as post_send, and too_large
  // (more than RouterLimits::transaction_items_max): nothing has been done and `done` is not
  // called. `done` may get the errors of the list source and of the inboxes. Of the intake's stages
  // lists, moderation and the bulk count are asked: rights and rates are for whoever takes messages
  // from callers.
  Result<void> post_all(std::vector<Command> commands, Transaction::Done done,
                        TimePoint begin_by = kNever);

  std::size_t transaction_items_max() const { return limits_.transaction_items_max; }

  // Returns when nothing waits for being counted. After close(), when nothing else holds messages;
  // partitions have to go on.
  void drain() { bulk_stage_.drain(); }

  // Refuses everything from now on (`unavailable`); what is in flight finishes, also what waits in
  // the stage of the inboxes. Thread-safe.
  void close();

  std::size_t items_in_flight() const;
  std::size_t bytes_in_flight() const;
  std::size_t batches_in_flight() const;
  std::size_t batches_limit() const { return limits_.batches_in_flight_max; }
  // How many items may be in flight as long as they take as long as they do now.
  std::size_t items_limit() const;
  // True when sends are under way and none has been finished for delay_max.
  bool stalled() const;

 private:
  struct Admission;
  std::shared_ptr<Admission> try_admit(std::size_t items, std::size_t bytes);
  // Makes room that was taken larger or smaller. False: it does not fit any more.
  bool resize(Admission& admission, std::size_t items, std::size_t bytes);
  // For one change, event or question. Errors: overloaded, unavailable.
  Result<std::shared_ptr<Admission>> admit(std::size_t bytes);
  // As post_send(), or offer_send().
  Result<std::shared_ptr<PendingSend>> begin_send(std::vector<SendCommand>&& commands,
                                                  SendDone done, TimePoint deadline,
                                                  const ReservationPtr& reservation, bool is_offer);
  std::shared_ptr<SendBatch> make_batch(std::vector<SendCommand> commands,
                                        std::shared_ptr<Admission> admission, SendDone done,
                                        TimePoint deadline) const;
  // The shares of commands, each with its owner, and what they weigh. Errors: unavailable.
  Result<std::vector<Transaction::Share>> share_out(const std::vector<Command>& commands,
                                                    std::size_t& bytes) const;
  // A transaction that was let in: asks for lists, then enters.
  void begin(std::vector<Command> commands, std::vector<Transaction::Share> shares,
             std::vector<ChannelKey> channels, std::shared_ptr<Admission> admission,
             Transaction::Done done, TimePoint begin_by);
  // Fetches what is to be known of users, then it takes its turn.
  void enter(const std::shared_ptr<Transaction>& transaction, TimePoint begin_by);
  // What has passed the intake. `since`: when its caller began to wait. Fetches what is to be known
  // of users, then dispatches.
  void send_on(const std::shared_ptr<SendBatch>& batch, TimePoint since);
  void dispatch(const std::shared_ptr<SendBatch>& batch, TimePoint since);
  // Each owner gets the parts that are of its partitions.
  void hand_over(const std::shared_ptr<SendBatch>& batch);
  // `done`, before which the messages among the commands are counted and remembered if they are
  // refused.
  Transaction::Done noting_refusals(const std::vector<Command>& commands, Transaction::Done done);

  const Placement& placement_;
  PartitionMap map_;
  InboxStage& inboxes_;
  RouterLimits limits_;
  const Clock& clock_;
  observe::Metrics* metrics_ = nullptr;
  Refusals* refusals_ = nullptr;
  ListStage list_stage_;
  ModerationStage moderation_stage_;
  BulkCountStage bulk_stage_;
  ClassStage class_stage_;
  Intake intake_;
  std::atomic<bool> closed_{false};
  // Shared with admissions that may outlive the router (held by a fan-out still running).
  struct Load;
  std::shared_ptr<Load> load_;
  std::shared_ptr<TransactionTurns> turns_;  // shared with transactions
};

}  // namespace jindou::partition
