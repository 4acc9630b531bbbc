#include "caller/event_stream.h"

#include <utility>

namespace jindou::caller {

EventStream::EventStream(std::size_t bytes_max, OnEvent on_event)
    : bytes_max_(bytes_max), on_event_(std::move(on_event)) {}

bool EventStream::take(std::string_view piece) {
  while (!too_large_ && !piece.empty()) {
    const auto end = piece.find('\n');
    line_ += piece.substr(0, end);
    too_large_ = line_.size() + event_.data.size() > bytes_max_;
    if (end == std::string_view::npos || too_large_) break;
    piece.remove_prefix(end + 1);
    if (line_.ends_with('\r')) line_.pop_back();
    take_line(line_);
    line_.clear();
  }
  return !too_large_;
}

void EventStream::take_line(std::string_view line) {
  if (line.empty()) {
    if (event_.name.empty()) event_.name = "message";
    if (has_data_) on_event_(event_);
    event_ = {};
    has_data_ = false;
    return;
  }
  const auto colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") {
    event_.name = value;
  } else if (name == "id") {
    event_.id = value;
  } else if (name == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }
}

}  // namespace jindou::caller
