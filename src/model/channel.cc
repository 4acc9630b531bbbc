#include "model/channel.h"

#include <xxhash.h>

#include <boost/crc.hpp>

namespace jindou {

std::uint32_t crc32_ieee(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

namespace {

// True when "first@second" is the id of the pair. Equal ones are in order.
bool pair_in_order(std::string_view first, std::string_view second) {
  const std::uint32_t crc_first = crc32_ieee(first);
  const std::uint32_t crc_second = crc32_ieee(second);
  return crc_first != crc_second ? crc_first > crc_second : first >= second;
}

}  // namespace

std::string person_channel_id(std::string_view a, std::string_view b) {
  const bool a_first = pair_in_order(a, b);
  std::string id(a_first ? a : b);
  id += '@';
  id += a_first ? b : a;
  return id;
}

std::pair<std::string_view, std::string_view> split_pair_id(std::string_view id) {
  const auto at = id.find('@');
  if (at == std::string_view::npos) return {};
  return {id.substr(0, at), id.substr(at + 1)};
}

std::string_view peer_in_pair(std::string_view id, std::string_view viewer) {
  const auto [first, second] = split_pair_id(id);
  if (viewer == first) return second;
  if (viewer == second) return first;
  return {};
}

PartitionId partition_for(std::string_view id, std::uint16_t partitions) {
  if (id.ends_with(kCommandSuffix)) id.remove_suffix(kCommandSuffix.size());
  const auto [first, second] = split_pair_id(id);
  if (!first.empty() && !second.empty() && !pair_in_order(first, second)) {
    const std::string ordered = std::string(second) + '@' + std::string(first);
    return static_cast<PartitionId>(XXH64(ordered.data(), ordered.size(), 0) % partitions);
  }
  return static_cast<PartitionId>(XXH64(id.data(), id.size(), 0) % partitions);
}

}  // namespace jindou
