// Identifiers as distinct types, so that the compiler catches a swap.
#pragma once

#include <cstdint>

namespace jindou {

// A hash slot of channels and users: the unit of ordering and of single-writer execution.
enum class PartitionId : std::uint16_t {};

// Unique in the cluster, increasing within a partition, below 2^53 so that a JavaScript number
// holds it exactly. 0 means none. Layout: counter << 10 | partition (see message_id_of). Messages
// that were imported keep the id that another server gave them: kForeignIdMin or more.
enum class MessageId : std::uint64_t {};

// 1, 2, 3 ... without a hole inside one channel log. 0 means "not stored".
enum class MessageSeq : std::uint64_t {};

// One live session on this node; never reused while the process lives. 0 means none.
enum class SessionId : std::uint64_t {};

constexpr std::uint16_t raw(PartitionId id) { return static_cast<std::uint16_t>(id); }
constexpr std::uint64_t raw(MessageId id) { return static_cast<std::uint64_t>(id); }
constexpr std::uint64_t raw(MessageSeq seq) { return static_cast<std::uint64_t>(seq); }
constexpr std::uint64_t raw(SessionId id) { return static_cast<std::uint64_t>(id); }

constexpr int kPartitionBits = 10;
// Partitions are numbered 0..511 although the field has 10 bits. The npm client's 64-bit writer
// corrupts ids whose low 32 bits are 0xffffffc0 or more (docs/wkproto.md, "message ids"); with the
// top bit of the field always 0 the low 32 bits never get there.
constexpr std::uint16_t kPartitionsMax = 512;
// 43 bits of counter: 8.8e12 ids per partition keep the whole id below 2^53.
constexpr std::uint64_t kIdCounterMax = (std::uint64_t{1} << 43) - 1;

// None of our own is as large: ids that other servers gave are told from them, and meet none.
constexpr std::uint64_t kForeignIdMin = std::uint64_t{1} << 53;
// Ids are signed on the wire.
constexpr std::uint64_t kForeignIdMax = (std::uint64_t{1} << 63) - 1;

constexpr MessageId message_id_of(std::uint64_t counter, PartitionId partition) {
  return static_cast<MessageId>(counter << kPartitionBits | raw(partition));
}
constexpr PartitionId partition_of(MessageId id) {
  return static_cast<PartitionId>(raw(id) & ((1U << kPartitionBits) - 1));
}
constexpr std::uint64_t counter_of(MessageId id) { return raw(id) >> kPartitionBits; }

}  // namespace jindou
