// simulate [--seed N] [--seeds COUNT] [--steps STEPS]: runs simulations from the command line, to
// replay a failing seed or to search for one.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "partition/simulation/simulation.h"

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  std::uint64_t steps = 400;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    std::uint64_t value = 0;
    std::from_chars(argv[i + 1], argv[i + 1] + std::strlen(argv[i + 1]), value);
    if (name == "--seed") seed = value;
    if (name == "--seeds") seeds = value;
    if (name == "--steps") steps = value;
  }
  jindou::partition::simulation::Summary total;
  for (std::uint64_t i = 0; i < seeds; ++i) {
    const auto summary =
        jindou::partition::simulation::run_simulation(seed + i, static_cast<int>(steps));
    if (!summary.violation.empty()) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed + i),
                  summary.violation.c_str());
      return 1;
    }
    total.sends += summary.sends;
    total.acknowledged += summary.acknowledged;
    total.duplicates += summary.duplicates;
    total.unknown += summary.unknown;
    total.power_cuts += summary.power_cuts;
    total.failures += summary.failures;
    total.loads += summary.loads;
    total.failed_reads += summary.failed_reads;
    total.resumed += summary.resumed;
  }
  std::printf(
      "%llu seeds from %llu, %llu steps each: %llu sends, %llu acknowledged, %llu duplicates, "
      "%llu unknown, %llu power cuts, %llu failed commits, %llu index loads, "
      "%llu failed reads, %llu changes of lists resumed; no violation\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(seed),
      static_cast<unsigned long long>(steps), static_cast<unsigned long long>(total.sends),
      static_cast<unsigned long long>(total.acknowledged),
      static_cast<unsigned long long>(total.duplicates),
      static_cast<unsigned long long>(total.unknown),
      static_cast<unsigned long long>(total.power_cuts),
      static_cast<unsigned long long>(total.failures), static_cast<unsigned long long>(total.loads),
      static_cast<unsigned long long>(total.failed_reads),
      static_cast<unsigned long long>(total.resumed));
  return 0;
}
