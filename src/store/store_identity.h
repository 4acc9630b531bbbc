// What a store is made with and keeps for as long as it lives, and what all nodes have in common
// that apply each other's commits: the number of partitions, by which channels and users are
// divided, and the secret seed of the fingerprints, by which a client_msg_no is found again. A node
// with another one would look for everything in the wrong place
// (docs/decisions/0026-what-nodes-share.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::store {

struct StoreIdentity {
  std::uint16_t partitions = 0;
  std::uint64_t fingerprint_seed = 0;
  friend bool operator==(const StoreIdentity&, const StoreIdentity&) = default;
};

// As a file that is given to other nodes has it.
std::string identity_text(const StoreIdentity& identity);
// Errors: invalid, which says what is wrong with the text.
Result<StoreIdentity> parse_identity_text(std::string_view text);

// None: there is no such file. Errors: invalid, which names the file.
Result<std::optional<StoreIdentity>> read_identity_file(const std::string& path);
// Makes the file, which only its owner can read: all of it or none. Returns what the file holds
// then: `identity`, unless somebody else has made it meanwhile. Errors: invalid, which names it.
Result<StoreIdentity> share_identity(const std::string& path, const StoreIdentity& identity);

// What an operator asks of a store.
struct WantedIdentity {
  std::uint16_t partitions = 0;        // storage.partitions
  std::string file;                    // cluster.identityFile; may be empty
  std::optional<StoreIdentity> given;  // what the file holds
};
// Reads the file, when one is named. Errors: invalid, also for a file with other partitions.
Result<WantedIdentity> load_wanted_identity(std::uint16_t partitions, const std::string& file);
// Errors: invalid, which says what to do.
Result<void> check_identity(const StoreIdentity& stored, const std::string& directory,
                            const WantedIdentity& wanted);

}  // namespace jindou::store
