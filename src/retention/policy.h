// Which retention limits hold for a channel.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/channel.h"

namespace jindou::retention {

// 0: no limit.
struct Limits {
  std::uint64_t max_age_seconds = 0;
  std::uint64_t max_count = 0;
  bool operator==(const Limits&) const = default;
  bool any() const { return max_age_seconds != 0 || max_count != 0; }
};

struct Policy {
  struct TypeRule {
    ChannelType type = ChannelType::none;
    Limits limits;
  };
  Limits by_default;
  std::vector<TypeRule> by_type;

  Limits of_type(ChannelType type) const {
    for (const auto& rule : by_type) {
      if (rule.type == type) return rule.limits;
    }
    return by_default;
  }
  // A channel's own limits go before those of its type, each for itself.
  Limits of(ChannelType type, const std::optional<std::uint64_t>& own_age,
            const std::optional<std::uint64_t>& own_count) const {
    Limits limits = of_type(type);
    if (own_age) limits.max_age_seconds = *own_age;
    if (own_count) limits.max_count = *own_count;
    return limits;
  }
};

}  // namespace jindou::retention
