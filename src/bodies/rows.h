// Rows that many tables have. The arguments of the templates lead to the member, as those of at<>
// do.
#pragma once

#include <string_view>

#include "bodies/field.h"
#include "model/id_rules.h"

namespace jindou::bodies {

template <auto... To>
constexpr Field uid_row(std::string_view meaning = "the user") {
  return {
      .name = "uid", .type = FieldType::id, .to = at<To...>, .meaning = meaning, .required = true};
}

// What may also be an internal id; whether it is one the route has to find out.
template <auto... To>
constexpr Field channel_id_row(std::string_view meaning = "the channel; for type 1 the other user",
                               bool required = true) {
  return {.name = "channel_id", .to = at<To...>, .meaning = meaning, .required = required};
}

template <auto... To>
constexpr Field channel_type_row(std::string_view meaning = "1 person, 2 group, …",
                                 bool required = true) {
  return {.name = "channel_type",
          .type = FieldType::channel_type,
          .to = at<To...>,
          .meaning = meaning,
          .required = required};
}

template <auto... To>
constexpr Field flag_row(std::string_view name, std::string_view meaning) {
  return {.name = name, .type = FieldType::flag, .to = at<To...>, .meaning = meaning};
}

template <auto... To>
constexpr Field number_row(std::string_view name, std::string_view meaning) {
  return {.name = name, .type = FieldType::number, .to = at<To...>, .meaning = meaning};
}

// Which node is meant.
template <auto... To>
constexpr Field node_row(std::string_view name) {
  return number_row<To...>(name, "of this node, or 0; any other is refused");
}

// A name that the caller chose, such as an idempotency key.
template <auto... To>
constexpr Field label_row(std::string_view name, std::string_view meaning, bool required) {
  return {.name = name,
          .to = at<To...>,
          .meaning = meaning,
          .required = required,
          .bytes_max = kClientMsgNoBytesMax};
}

}  // namespace jindou::bodies
