// The bodies of the calls that an operator makes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bodies/field.h"

namespace jindou::bodies {

// POST /conn/remove and /conn/kick.
struct EndConnection {
  std::string uid;
  std::uint64_t conn_id = 0;
  std::uint64_t node_id = 0;
  std::uint64_t op_node_id = 0;
  static Fields<EndConnection> fields();
};

// POST /tag/remove.
struct ForgetTag {
  std::uint64_t node_id = 0;
  static Fields<ForgetTag> fields();
};

// POST /manager/login.
struct ManagerLogin {
  std::string username;
  std::string password;
  static Fields<ManagerLogin> fields();
};

std::span<const PathBody> connection_bodies();
std::span<const PathBody> login_bodies();

}  // namespace jindou::bodies
