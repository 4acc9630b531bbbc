// Judges what is to be sent, before it reaches its partition: words that are looked for, a service
// of the operator that is asked.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "model/channel.h"
#include "model/moderation.h"
#include "model/payload.h"

namespace jindou::partition {

// One payload on its way in. Borrowed: all of it stays where it is until the check is done.
struct CheckedContent {
  std::string_view from_uid;
  std::string_view client_msg_no;  // may be empty
  const ChannelKey* channel = nullptr;
  Payload* payload = nullptr;           // may be replaced
  ModerationPtr* moderation = nullptr;  // set where something is found
  bool is_edit = false;
  bool is_rehearsal = false;  // nothing comes of it, and nothing is counted
};

// Outlives whatever is on its way. Thread-safe.
class ContentCheck {
 public:
  virtual ~ContentCheck() = default;

  // False: nothing else is called. Asked once per batch; cheap, does not block.
  virtual bool enabled() const = 0;

  // Judges by what is in memory. True: ask() is to be called for it as well. Does not block.
  virtual bool check(const CheckedContent& content) = 0;

  // Judges what takes time; `go` is called once, at once or later on another thread. Does not
  // block.
  virtual void ask(std::vector<CheckedContent> contents, std::function<void()> go) = 0;
};

}  // namespace jindou::partition
