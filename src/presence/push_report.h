// What GET /message/trace is told of the devices that a message was pushed to. Plain values: the
// gateway fills them in, the API reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/device.h"
#include "model/ids.h"

namespace jindou::presence {

// Whether a message was pushed, and to whom.
struct PushQuery {
  MessageId message{};
  std::int64_t committed_at = 0;  // in seconds since 1970: it was pushed to nobody before
  std::string uid;                // only to this user; empty: to anybody
  std::size_t listed_max = 0;     // how many of the devices are named
};

// One session that a message was pushed to, as far as that is remembered. Times are milliseconds
// since 1970; 0: not remembered.
struct PushedDevice {
  SessionId session{};
  std::string uid;  // empty: the session ended too long ago, as for the next two
  std::string device_id;
  DeviceFlag device_flag = DeviceFlag::app;
  bool connected = false;         // the session is there still
  std::int64_t pushed_at_ms = 0;  // handed to the connection, which may have had more to write
  std::uint32_t repeats = 0;      // how often it was sent again
  std::int64_t acknowledged_at_ms = 0;  // 0 also: no receipt has come
};

// What the sessions of one node remember. All of the pushes and receipts since `since_ms` are there
// to be told, of older ones those that nothing has taken the place of.
struct PushReport {
  std::int64_t since_ms = 0;
  std::size_t devices = 0;           // that it was pushed to
  std::size_t acknowledged = 0;      // of these
  std::size_t nameless = 0;          // sessions that nobody knows any more whose they were: with a
                                     // uid in the query not among `devices`
  std::vector<PushedDevice> listed;  // the first ones by time
};

}  // namespace jindou::presence
