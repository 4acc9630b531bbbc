// Permissions of logins as objects.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "codec/json_writer.h"
#include "config/settings.h"

namespace jindou::api {

// The member `name`: an array of `resource` and its `actions`, one letter each or "*".
inline void write_grants(codec::JsonWriter& json, std::string_view name,
                         std::span<const config::Permission> permissions) {
  json.begin_array(name);
  for (const config::Permission& permission : permissions) {
    json.begin_object();
    json.string("resource", permission.resource);
    json.begin_array("actions");
    for (std::size_t i = 0; i < permission.actions.size(); ++i) {
      json.string(std::string_view(permission.actions).substr(i, 1));
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
}

}  // namespace jindou::api
