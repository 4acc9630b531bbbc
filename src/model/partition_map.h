// Which partition keeps a channel or a user: ids are hashed here and nowhere else.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/channel.h"
#include "model/ids.h"

namespace jindou {

// A value; `count` is that of the store, fixed when it was created.
class PartitionMap {
 public:
  explicit constexpr PartitionMap(std::uint16_t count) : count_(count) {}

  PartitionId of_channel(std::string_view id) const { return partition_for(id, count_); }
  PartitionId of_channel(const ChannelKey& channel) const { return of_channel(channel.id); }
  // With the user's own inbox, {uid, person}.
  PartitionId of_user(std::string_view uid) const { return partition_for(uid, count_); }
  // `key` is the hash under which a request that may be repeated is kept.
  PartitionId of_request(std::string_view key) const { return partition_for(key, count_); }
  PartitionId of_template(std::string_view name) const { return partition_for(name, count_); }
  PartitionId of_job(std::string_view id) const { return partition_for(id, count_); }
  PartitionId of_system_accounts() const { return of_user(kSystemUid); }

  constexpr std::uint16_t count() const { return count_; }
  constexpr bool has(PartitionId partition) const { return raw(partition) < count_; }

  // All of them, ascending, for a range-based loop.
  class Ids {
   public:
    class Iterator {
     public:
      explicit constexpr Iterator(std::uint16_t at) : at_(at) {}
      constexpr PartitionId operator*() const { return PartitionId{at_}; }
      constexpr Iterator& operator++() {
        ++at_;
        return *this;
      }
      constexpr bool operator==(const Iterator&) const = default;

     private:
      std::uint16_t at_;
    };
    explicit constexpr Ids(std::uint16_t count) : count_(count) {}
    constexpr Iterator begin() const { return Iterator(0); }
    constexpr Iterator end() const { return Iterator(count_); }

   private:
    std::uint16_t count_;
  };
  constexpr Ids ids() const { return Ids(count_); }

 private:
  std::uint16_t count_;
};

}  // namespace jindou
