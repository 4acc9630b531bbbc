// Connections that a limit refuses and that are kept until their peers have been told so.
//
// A refused peer may still be sending when it is told; closing at once would reset the connection
// and take the answer away from it. So a few refused ones stay open for a moment. In a burst the
// newest push out the oldest, which have had the most time to read.
#pragma once

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <deque>
#include <optional>

namespace jindou::runtime {

// The kept ones of one thread, oldest first. Removing costs O(kept).
template <typename Id>
class ToldRefusals {
 public:
  explicit ToldRefusals(std::size_t max) : max_(max) {}

  // Adds the newest. The oldest, which is removed and has to be closed, when there are too many.
  std::optional<Id> add(Id id) {
    std::optional<Id> oldest;
    if (kept_.size() >= max_) {
      oldest = kept_.front();
      kept_.pop_front();
    }
    kept_.push_back(id);
    return oldest;
  }
  // No effect for one that is not kept.
  void remove(Id id) { std::erase(kept_, id); }
  std::size_t size() const { return kept_.size(); }

 private:
  std::size_t max_;
  std::deque<Id> kept_;
};

// The same connection, served by the loop `context`; nothing of it may be under way. A closed one
// when that cannot be done.
template <typename Socket>
Socket moved_to(boost::asio::io_context& context, Socket socket) {
  Socket moved(context);
  boost::system::error_code error;
  const auto protocol = socket.local_endpoint(error).protocol();
  if (error) return moved;
  const auto handle = socket.release(error);
  if (error) return moved;
  moved.assign(protocol, handle, error);
  if (error) ::close(handle);
  return moved;
}

}  // namespace jindou::runtime
