#include "model/channel.h"

#include <xxhash.h>

#include <boost/crc.hpp>

namespace jindou {

std::uint32_t crc32_ieee(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

std::string person_channel_id(std::string_view a, std::string_view b) {
  const std::uint32_t crc_a = crc32_ieee(a);
  const std::uint32_t crc_b = crc32_ieee(b);
  const bool a_first = crc_a != crc_b ? crc_a > crc_b : a > b;
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
  return static_cast<PartitionId>(XXH64(id.data(), id.size(), 0) % partitions);
}

}  // namespace jindou
