// How far a sending has come, on disk: for a second run that finishes what the first one began.
//
// Only what is settled counts: its items are stored by the server or refused for good. What was
// sent and has no result yet is sent again, which its client_msg_no makes safe. The file is
// replaced as a whole, so whatever happens it holds one of the states that there were.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "caller/item_form.h"

namespace jindou::caller {

struct Counts {
  std::uint64_t sent = 0;
  std::uint64_t before = 0;  // were stored before they were sent
  std::uint64_t refused = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};

struct Progress {
  Position position;
  Counts counts;
  std::uint64_t options = 0;        // ItemForm::options_hash
  std::string refused_file;         // empty: none
  std::uint64_t refused_bytes = 0;  // of it, what belongs to `position`
  friend bool operator==(const Progress&, const Progress&) = default;
};

// None: there is no file. Errors: invalid, when it is none of these.
Result<std::optional<Progress>> load_progress(const std::string& path);
// Waits for the disk. Errors: storage.
Result<void> store_progress(const std::string& path, const Progress& progress);

}  // namespace jindou::caller
