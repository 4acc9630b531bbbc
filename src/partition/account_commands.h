// Changes of the system accounts. They belong to the partition of the built-in one.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace jindou::partition {

// Adds to or removes from the system accounts, which pass the permission rules. In force on every
// partition when the change is done.
struct ChangeSystemAccounts {
  bool add = true;
  std::vector<std::string> uids;
};

using AccountCommand = std::variant<ChangeSystemAccounts>;

}  // namespace jindou::partition
