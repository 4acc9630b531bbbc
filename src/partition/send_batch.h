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
#include "partition/pending_send.h"
#include "partition/send_class.h"

namespace jindou::partition {

// Each part belongs to one partition. A part's commands are touched by its partition's thread only.
class SendBatch final : public PendingSend {
 public:
  struct Part {
    PartitionId partition{};
    std::vector<std::uint32_t> items;  // indices into commands, in the caller's order
  };

  SendBatch(std::vector<SendCommand> commands, std::vector<Part> parts,
            std::shared_ptr<void> admission, std::chrono::steady_clock::time_point deadline,
            SendDone done, SendClass send_class = SendClass::interactive);

  std::vector<SendCommand>& commands() { return commands_; }
  const std::vector<Part>& parts() const { return parts_; }
  SendClass send_class() const { return send_class_; }
  // Keeps the batch counted as in flight while any copy lives.
  const std::shared_ptr<void>& admission() const { return admission_; }

  // `finished` is called once, when every item is decided, whether or not the caller was answered
  // before. Before the batch is handed to any partition.
  void start_timing(std::function<void()> finished) { finished_ = std::move(finished); }

  // Called by the partition before it evaluates a part. False: the batch's time was over before,
  // the caller has been or is being told that nothing of the part was done, and nothing may be
  // done.
  bool begin_part(std::size_t part, std::chrono::steady_clock::time_point now);

  // Decides items of a part, in the order of the part, from its `first` on: all of them, or those
  // of one commit when the part is too large for one. The last item of the batch answers the
  // caller. Each item is decided once.
  void finish_items(std::size_t part, std::size_t first, const std::vector<SendResult>& results);

  // Refuses a whole part, of which nothing was begun.
  void refuse_part(std::size_t part, Errc code);
  // Refuses everything that is not decided, before the batch was handed to any partition.
  void refuse(Errc code);

  void expire() override;

 private:
  std::vector<SendCommand> commands_;
  std::vector<Part> parts_;
  std::shared_ptr<void> admission_;
  std::chrono::steady_clock::time_point deadline_;
  SendClass send_class_;

  Mutex mutex_;  // items are decided on commit threads, the deadline comes from an edge
  SendDone done_ JD_GUARDED_BY(mutex_);  // empty once answered
  std::function<void()> finished_;
  std::vector<SendResult> results_ JD_GUARDED_BY(mutex_);
  std::size_t items_left_ JD_GUARDED_BY(mutex_);
  std::vector<bool> begun_ JD_GUARDED_BY(mutex_);  // by part
};

}  // namespace jindou::partition
