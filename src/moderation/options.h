// What the settings say about moderation (docs/configuration.md, "moderation.*").
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace jindou::moderation {

enum class Action : unsigned char { refuse, mask, flag };

struct ListOptions {
  std::string name;  // of the file, without folder and ending
  Action action = Action::refuse;
  std::string path;
  bool operator==(const ListOptions&) const = default;
};

// The operator's service.
struct ServiceOptions {
  std::string url;      // empty: nobody is asked
  std::string ca_file;  // authorities for https, besides the system's
  std::chrono::milliseconds timeout{1'000};
  bool refuse_when_down = false;
  std::size_t batch_items = 100;
  std::size_t waiting_bytes_max = std::size_t{64} << 20;
  std::size_t breaker_failures = 5;
  std::chrono::milliseconds breaker_pause{5'000};
  std::size_t payload_bytes_max = 32'767;  // of a payload that it gives
};

struct Options {
  std::vector<ListOptions> lists;
  std::vector<std::string> members;  // of JSON payloads, whose strings are looked at
  bool exempt_system_accounts = true;
  std::size_t words_max = 100'000;  // of one list
  std::size_t file_bytes_max = std::size_t{8} << 20;
  std::chrono::milliseconds check_interval{10'000};  // 0: only when refresh() is called
  ServiceOptions service;
};

// As they are now; thread-safe.
using OptionsSource = std::function<std::shared_ptr<const Options>()>;

// One list: "refuse:/etc/jindou/words.txt". Errors: invalid (names the entry); also of two with one
// name, and of more than can be compiled together.
Result<std::vector<ListOptions>> parse_lists(const std::vector<std::string>& entries);

}  // namespace jindou::moderation
