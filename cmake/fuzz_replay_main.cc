// Runs a fuzz target without libFuzzer: every seed file named on the command line (or found in a
// directory named there), then a fixed sequence of mutations of them. The sequence depends on
// nothing but the seeds, so a failure repeats.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string mutate(std::string input, std::mt19937& random) {
  const auto steps = 1 + random() % 6;
  for (std::uint_fast32_t i = 0; i < steps; ++i) {
    const std::size_t at = input.empty() ? 0 : random() % input.size();
    switch (random() % 5) {
      case 0: input.insert(at, 1, static_cast<char>(random() & 0xff)); break;
      case 1:
        if (!input.empty()) input.erase(at, 1 + random() % 8);
        break;
      case 2:
        if (!input.empty()) input[at] = static_cast<char>(random() & 0xff);
        break;
      case 3:
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << (random() % 8)));
        break;
      default:
        if (!input.empty()) input.insert(at, input.substr(at, 1 + random() % 16));
        break;
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  // Enough to reach the shallow branches, little enough for a unit test under a sanitizer.
  constexpr int kMutations = 5000;
  std::vector<std::string> seeds{""};
  for (int i = 1; i < argc; ++i) {
    std::error_code none;
    if (std::filesystem::is_directory(argv[i], none)) {
      std::vector<std::filesystem::path> files;
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
      std::sort(files.begin(), files.end());
      for (const auto& file : files) seeds.push_back(read_file(file));
    } else if (std::filesystem::is_regular_file(argv[i], none)) {
      seeds.push_back(read_file(argv[i]));
    }
  }
  for (const auto& seed : seeds) run(seed);
  std::mt19937 random(1);
  std::string previous;
  for (int i = 0; i < kMutations; ++i) {
    // Half of the inputs grow out of the last one, which reaches deeper than single steps do.
    const bool restart = random() % 2 == 0 || previous.size() > 4096;
    previous = mutate(restart ? seeds[random() % seeds.size()] : previous, random);
    run(previous);
  }
  std::printf("%zu seeds, %d mutations\n", seeds.size(), kMutations);
  return 0;
}
