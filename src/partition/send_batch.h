// One post_send() under way: the commands, and the results as the partitions decide them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "model/message.h"
#include "observe/metrics.h"
#include "partition/pending_send.h"
#include "partition/send_class.h"

namespace jindou::partition {

class Refusals;

// Each part belongs to one partition. A part's commands are touched by its partition's thread only.
class SendBatch final : public PendingSend, public std::enable_shared_from_this<SendBatch> {
 public:
  struct Part {
    PartitionId partition{};
    std::vector<std::uint32_t> items;  // indices into commands, in the caller's order
  };

  SendBatch(std::vector<SendCommand> commands, std::vector<Part> parts,
            std::shared_ptr<void> admission, std::chrono::steady_clock::time_point deadline,
            SendDone done);

  std::vector<SendCommand>& commands() { return commands_; }
  const std::vector<Part>& parts() const { return parts_; }
  SendClass send_class() const { return send_class_; }
  // Only what would become of it is told: partitions evaluate it and take it back.
  bool is_rehearsal() const { return is_rehearsal_; }
  // Before it is handed to anybody.
  void make_rehearsal() { is_rehearsal_ = true; }
  // Keeps the batch counted as in flight while any copy lives.
  const std::shared_ptr<void>& admission() const { return admission_; }

  // Until it is handed to partitions, one thread at a time takes things out of it:
  // neither refused nor split off.
  bool is_open(std::uint32_t item) const { return gone_.empty() || !gone_[item]; }
  void refuse_item(std::uint32_t item, const SendResult& why);
  // Takes open items out, into a batch of their own; their results are told with the others'.
  // Nothing of it is begun when the caller was answered before.
  std::shared_ptr<SendBatch> split(const std::vector<bool>& wanted);
  // After these: parts() has what is open. False: there is nothing.
  bool settle();
  // Gives way to others, and is evaluated in pieces of so many messages, into which it is cut
  // before it is handed over. Not a rehearsal: what it finds out is forgotten with each piece, and
  // counts for the items behind.
  void make_bulk(std::size_t piece_items) {
    send_class_ = SendClass::bulk;
    piece_items_ = piece_items;
  }
  void cut_into_pieces();
  // Items that are refused, by whomever, are counted there when the caller is answered. Before it
  // is handed to anybody; what is split off counts with it.
  void count_refusals_in(observe::Metrics* metrics) { metrics_ = metrics; }
  // Remembers there what is refused of it, by whomever. As above.
  void remember_refusals_in(Refusals* refusals) { refusals_ = refusals; }
  // Whoever posted it tries again when all of it is refused as overloaded by refuse(): the commands
  // are his then (take_back()), and nothing of that is counted or remembered. As above.
  void make_offer() { is_offer_ = true; }
  // Lives as long as the batch.
  void keep(std::shared_ptr<const void> what) { kept_.push_back(std::move(what)); }
  // Of the request it was made of, before anything was split off.
  std::size_t request_items() const { return request_items_; }
  const CallerPtr& caller() const { return caller_; }

  // `finished` is called once, when every item that is in parts() is decided, whether or not the
  // caller was answered before. Before the batch is handed to any partition.
  void start_timing(std::function<void()> finished) { finished_ = std::move(finished); }

  // Called by the partition before it evaluates a part. False: the batch's time was over before,
  // the caller has been or is being told that nothing of the part was done, and nothing may be
  // done.
  bool begin_part(std::size_t part, std::chrono::steady_clock::time_point now);

  // Decides items of a part, in the order of the part, from its `first` on: all of them, or those
  // of one commit when the part is too large for one. The last item of the batch answers the
  // caller. Each item is decided once.
  void finish_items(std::size_t part, std::size_t first, const std::vector<SendResult>& results);

  // A message that was taken out of the `place`-th item of a part was not stored: its refusal is
  // remembered by its channel, sender and number. Before that item is decided.
  void give_back(std::size_t part, std::size_t place, const Message& message);

  // Refuses a whole part, of which nothing was begun.
  void refuse_part(std::size_t part, Errc code);
  // Refuses everything that is not decided, before the batch was handed to any partition. Nobody
  // touches the commands after that.
  void refuse(Errc code);

  void expire() override;
  std::vector<SendCommand> take_back() override;

 private:
  // Of items that were split off.
  void finish_split(const std::vector<std::uint32_t>& items,
                    const std::vector<SendResult>& results);
  // Decides `count` items; `result_of(i)` names the i-th and its result. `split`: they are those of
  // a batch that was split off.
  template <class ResultOf>
  void decide(std::size_t count, bool split, const ResultOf& result_of);
  void count_refusals(const std::vector<SendResult>& results) const;
  // Takes what was refused or split off out of parts_, at which the deadline looks.
  void drop_gone_items() JD_REQUIRES(mutex_);
  // The results as they are, and what no partition has begun as too late.
  std::vector<SendResult> take_late_results() JD_REQUIRES(mutex_);

  std::vector<SendCommand> commands_;
  std::vector<Part> parts_;
  std::shared_ptr<void> admission_;
  std::chrono::steady_clock::time_point deadline_;
  SendClass send_class_ = SendClass::interactive;
  bool is_rehearsal_ = false;
  bool is_offer_ = false;
  std::size_t request_items_;
  CallerPtr caller_;
  observe::Metrics* metrics_ = nullptr;
  Refusals* refusals_ = nullptr;
  std::size_t piece_items_ = 0;  // 0: it is not cut
  std::vector<bool> gone_;       // by item; empty: none is
  std::vector<std::shared_ptr<const void>> kept_;

  Mutex mutex_;  // items are decided on commit threads, the deadline comes from an edge
  SendDone done_ JD_GUARDED_BY(mutex_);  // empty once answered
  std::function<void()> finished_;
  std::vector<SendResult> results_ JD_GUARDED_BY(mutex_);
  std::size_t items_left_ JD_GUARDED_BY(mutex_);
  std::size_t own_items_left_ JD_GUARDED_BY(mutex_);  // without those that were split off
  std::vector<bool> begun_ JD_GUARDED_BY(mutex_);     // by part
  bool refused_whole_ JD_GUARDED_BY(mutex_) = false;  // and that is the answer
  std::vector<std::weak_ptr<SendBatch>> split_off_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::partition
