// Server-sent events out of the bytes of an answer, as the HTML standard has them, as far as Jindou
// uses it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace jindou::caller {

struct ServerEvent {
  std::string name;  // "message" when it has none
  std::string id;
  std::string data;  // its lines, with line feeds between them
};

// Not thread-safe. Memory: one event.
class EventStream {
 public:
  using OnEvent = std::function<void(const ServerEvent& event)>;

  // `bytes_max`: of one event with its line that is not complete yet.
  EventStream(std::size_t bytes_max, OnEvent on_event);

  // What comes next; events that are complete are told. An event without data is none, a comment
  // neither. False, from then on: an event is larger than one may be.
  bool take(std::string_view piece);

 private:
  void take_line(std::string_view line);

  const std::size_t bytes_max_;
  const OnEvent on_event_;
  std::string line_;
  ServerEvent event_;
  bool has_data_ = false;
  bool too_large_ = false;
};

}  // namespace jindou::caller
