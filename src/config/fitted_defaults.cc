#include "config/fitted_defaults.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "config/keys.h"

namespace jindou::config {

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// From here on the defaults are those of the table.
constexpr std::uint64_t kPlentyBytes = 2048 * kMiB;
// A setting can hold no more.
constexpr std::uint64_t kLimitBytesMax = std::uint64_t{1} << 50;

// A buffer or cache that the table made for kPlentyBytes. `least` is where it still does its work:
// below, the limit cannot be kept. `percent`: of its share of the limit; less for what takes more
// memory than it counts.
struct Fitted {
  std::string_view key;
  std::size_t& (*member)(Settings&);
  std::size_t least;
  unsigned percent = 100;
};

#define JD_MEMBER(member) [](Settings& settings) -> std::size_t& { return settings.member; }

constexpr Fitted kFitted[] = {
    {"storage.writeBufferBytes", JD_MEMBER(storage.write_buffer_bytes), 4 * kMiB},
    {"storage.blockCacheBytes", JD_MEMBER(storage.block_cache_bytes), 8 * kMiB},
    {"dedup.filterBytesMax", JD_MEMBER(dedup.filter_bytes_max), 4 * kMiB},
    {"dedup.generationEntries", JD_MEMBER(dedup.generation_entries), 2048},
    {"core.channelCacheCount", JD_MEMBER(core.channel_cache_count), 1000},
    {"core.bytesInFlight", JD_MEMBER(core.bytes_in_flight), 16 * kMiB},
    {"api.bodyBytesInFlight", JD_MEMBER(api.body_bytes_in_flight), 16 * kMiB},
    {"api.answerBytesInFlight", JD_MEMBER(api.answer_bytes_in_flight), 16 * kMiB, 75},
    {"gateway.inboundBytesInFlight", JD_MEMBER(gateway.inbound_bytes_in_flight), 16 * kMiB},
    {"gateway.pushRecordBytes", JD_MEMBER(gateway.push_record_bytes), kMiB},
    {"delivery.queueBytesMax", JD_MEMBER(delivery.queue_bytes_max), 16 * kMiB},
};

#undef JD_MEMBER

std::size_t share_of(std::size_t value, std::uint64_t limit) {
  const std::uint64_t share = value * (limit / kMiB) / (kPlentyBytes / kMiB);
  return static_cast<std::size_t>(share >= kMiB ? share - share % kMiB : share);
}

// What validate() asks for holds for what was configured, and has to for what was fitted: the
// largest single thing goes in.
void keep_what_is_needed(Settings& settings) {
  const auto raise = [](std::size_t& value, std::size_t least) { value = std::max(value, least); };
  raise(settings.core.bytes_in_flight, settings.api.max_body_bytes);
  raise(settings.api.body_bytes_in_flight, settings.api.max_body_bytes + kBodyReadRoom);
  raise(settings.api.answer_bytes_in_flight, batch_answer_bytes(settings.api.max_batch));
  raise(settings.gateway.inbound_bytes_in_flight, inbound_bytes_needed(settings.gateway));
}

void shrink(LoadedSettings& loaded, std::uint64_t limit) {
  for (const Fitted& fitted : kFitted) {
    const auto at = static_cast<std::size_t>(find_setting(fitted.key) - settings_table().data());
    if (loaded.origins[at] != SettingOrigin::by_default) continue;
    std::size_t& value = fitted.member(loaded.settings);
    const std::size_t share = share_of(value * fitted.percent / 100, limit);
    value = std::max(share, std::min(fitted.least, value));
    loaded.origins[at] = SettingOrigin::fitted;
  }
  keep_what_is_needed(loaded.settings);
}

std::string shown(std::uint64_t bytes) { return fmt::format("{} MiB", bytes / kMiB); }

}  // namespace

void fit_defaults(LoadedSettings& loaded, const MemoryShare& machine) {
  const std::uint64_t configured = loaded.settings.runtime.memory_limit;
  const std::uint64_t limit =
      std::min(configured != 0 ? configured : machine.bytes, kLimitBytesMax);
  if (limit == 0) {
    loaded.fit =
        "the memory of this machine is not known: caches and buffers are made for 2 GiB or more "
        "(runtime.memoryLimit)";
    return;
  }
  const std::string source = configured != 0 ? "runtime.memoryLimit" : machine.source;
  if (limit < kPlentyBytes) shrink(loaded, limit);
  loaded.fit = limit < kPlentyBytes
                   ? fmt::format("caches and buffers are made for {}: {}", shown(limit), source)
                   : fmt::format("caches and buffers have their defaults: {} are enough ({})",
                                 shown(limit), source);
  if (configured != 0 && machine.bytes != 0 && configured > machine.bytes) {
    loaded.warnings.push_back(fmt::format("runtime.memoryLimit: {} is more than {}, {}",
                                          shown(configured), shown(machine.bytes), machine.source));
  }
}

}  // namespace jindou::config
