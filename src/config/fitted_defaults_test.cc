// Defaults follow the memory there is, and nothing that somebody configured does.
#include "config/fitted_defaults.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou::config {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

LoadedSettings loaded(const Overrides& overrides = {}) {
  return *load_settings_text("", {}, overrides);
}

LoadedSettings fitted(std::uint64_t machine_bytes, const Overrides& overrides = {}) {
  LoadedSettings out = loaded(overrides);
  fit_defaults(out, {machine_bytes, "the memory of the machine"});
  EXPECT_TRUE(validate(out.settings).has_value());
  return out;
}

TEST(FittedDefaults, AreThoseOfTheTableWithTwoGibibytes) {
  const Settings plain = loaded().settings;
  for (const std::uint64_t bytes : {std::uint64_t{0}, 2048 * kMiB, 4096 * kMiB}) {
    const Settings now = fitted(bytes).settings;
    for (const Setting& setting : settings_table()) {
      EXPECT_EQ(format_setting(setting, now), format_setting(setting, plain)) << setting.key;
    }
  }
}

TEST(FittedDefaults, ShrinkInProportionBelow) {
  const Settings small = fitted(512 * kMiB).settings;
  EXPECT_EQ(small.storage.write_buffer_bytes, 8 * kMiB);
  EXPECT_EQ(small.storage.block_cache_bytes, 32 * kMiB);
  EXPECT_EQ(small.dedup.filter_bytes_max, 64 * kMiB);
  EXPECT_EQ(small.dedup.generation_entries, 6144u);
  EXPECT_EQ(small.core.channel_cache_count, 25'000u);
  EXPECT_EQ(small.core.bytes_in_flight, 64 * kMiB);
  EXPECT_EQ(small.api.body_bytes_in_flight, 64 * kMiB);
  EXPECT_EQ(small.api.answer_bytes_in_flight, 48 * kMiB);
  EXPECT_EQ(small.gateway.inbound_bytes_in_flight, 64 * kMiB);
  EXPECT_EQ(small.delivery.queue_bytes_max, 64 * kMiB);
  EXPECT_EQ(fitted(2047 * kMiB).settings.storage.block_cache_bytes, 127 * kMiB);
}

TEST(FittedDefaults, KeepWhatIsNeeded) {
  const Settings tiny = fitted(1 * kMiB).settings;
  EXPECT_EQ(tiny.storage.write_buffer_bytes, 4 * kMiB);
  EXPECT_EQ(tiny.core.bytes_in_flight, 16 * kMiB);
  // A batch of the longest kind is still accepted.
  const Settings large = fitted(64 * kMiB, {{"api.maxBodyBytes", "100MiB"},
                                            {"api.maxBatch", "50000"},
                                            {"gateway.preAuthFrameBytesMax", "1MiB"}})
                             .settings;
  EXPECT_EQ(large.core.bytes_in_flight, 100 * kMiB);
  EXPECT_EQ(large.api.body_bytes_in_flight, 100 * kMiB + kBodyReadRoom);
  EXPECT_EQ(large.api.answer_bytes_in_flight, batch_answer_bytes(50'000));
}

TEST(FittedDefaults, WhatIsConfiguredStays) {
  const LoadedSettings now = fitted(256 * kMiB, {{"storage.blockCacheBytes", "200MiB"}});
  EXPECT_EQ(now.settings.storage.block_cache_bytes, 200 * kMiB);
  EXPECT_EQ(now.settings.storage.write_buffer_bytes, 4 * kMiB);
  const std::string report = settings_report(now);
  EXPECT_NE(report.find("200MiB                   # flag"), std::string::npos) << report;
  EXPECT_NE(report.find("4MiB                     # fitted to the memory"), std::string::npos);
}

TEST(FittedDefaults, TheSettingGoesBeforeTheMachine) {
  const LoadedSettings less = fitted(65'536 * kMiB, {{"runtime.memoryLimit", "512MiB"}});
  EXPECT_EQ(less.settings.storage.write_buffer_bytes, 8 * kMiB);
  EXPECT_EQ(less.fit, "caches and buffers are made for 512 MiB: runtime.memoryLimit");
  EXPECT_TRUE(less.warnings.empty());
  const LoadedSettings more = fitted(256 * kMiB, {{"runtime.memoryLimit", "4GiB"}});
  EXPECT_EQ(more.settings.storage.write_buffer_bytes, 32 * kMiB);
  ASSERT_EQ(more.warnings.size(), 1u);
  EXPECT_NE(more.warnings[0].find("4096 MiB is more than 256 MiB, the memory of the machine"),
            std::string::npos)
      << more.warnings[0];
}

TEST(FittedDefaults, SayWhatTheyFollow) {
  EXPECT_EQ(fitted(512 * kMiB).fit,
            "caches and buffers are made for 512 MiB: the memory of the machine");
  EXPECT_NE(fitted(4096 * kMiB).fit.find("4096 MiB are enough (the memory of the machine)"),
            std::string::npos);
  EXPECT_NE(fitted(0).fit.find("not known"), std::string::npos);
}

}  // namespace
}  // namespace jindou::config
