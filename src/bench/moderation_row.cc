#include <fmt/format.h>

#include <fstream>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "bench/http_client.h"
#include "bench/http_load.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

// Words may cost a sender a tenth of the throughput at most.
constexpr double kModerationBar = 0.9;
constexpr std::size_t kWords = 20'000;
constexpr std::size_t kPayloads = 100;
constexpr std::size_t kModeratedBytes = 200;
constexpr unsigned kSeed = 11;

// One of the 3,000 characters from U+4E00 on.
void append_han(std::string& out, std::mt19937& random) {
  const auto character = static_cast<unsigned>(0x4e00 + random() % 3000);
  out += static_cast<char>(0xe0 | (character >> 12));
  out += static_cast<char>(0x80 | ((character >> 6) & 0x3f));
  out += static_cast<char>(0x80 | (character & 0x3f));
}

void append_letters(std::string& out, std::size_t count, std::mt19937& random) {
  for (std::size_t i = 0; i < count; ++i) out += static_cast<char>('a' + random() % 26);
}

// Half of 4 to 11 Latin letters, half of 2 to 4 Chinese characters.
std::vector<std::string> make_words() {
  std::mt19937 random(kSeed);
  std::unordered_set<std::string> known;
  std::vector<std::string> words;
  while (words.size() < kWords) {
    std::string word;
    if (words.size() % 2 == 0) {
      append_letters(word, 4 + random() % 8, random);
    } else {
      for (std::size_t n = 2 + random() % 3; n > 0; --n) append_han(word, random);
    }
    if (known.insert(word).second) words.push_back(std::move(word));
  }
  return words;
}

// Texts as clients send them, of both scripts. Some hold a word; most do not.
std::vector<std::string> make_texts() {
  constexpr std::string_view kEnd = "\"}";
  std::mt19937 random(kSeed + 1);
  std::vector<std::string> payloads;
  for (std::size_t i = 0; i < kPayloads; ++i) {
    std::string payload = R"({"type":1,"content":")";
    while (payload.size() + kEnd.size() + 12 < kModeratedBytes) {
      if (random() % 2 == 0) {
        append_letters(payload, 2 + random() % 7, random);
        payload += ' ';
      } else {
        append_han(payload, random);
      }
    }
    append_letters(payload, kModeratedBytes - payload.size() - kEnd.size(), random);
    payload += kEnd;
    payloads.push_back(std::move(payload));
  }
  return payloads;
}

}  // namespace

Result<void> measure_moderation(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  const std::string list = stage.directory() + "/words.txt";
  {
    std::ofstream file(list);
    for (const std::string& word : make_words()) file << word << '\n';
    file.close();
    if (!file) return Error(Errc::storage, "cannot write " + list);
  }
  const std::vector<std::string> payloads = make_texts();
  const GroupNames groups;
  JD_TRY(const Target off, stage.open_target());
  // What is found goes through, so both servers store the same.
  JD_TRY(const Target on, stage.open_target({"moderation.lists=flag:" + list}));
  for (const Target* target : {&off, &on}) {
    HttpClient http(target->http);
    for (unsigned i = 0; i < groups.count; ++i) {
      JD_RETURN_IF_ERROR(create_group(http, groups.name(i), {"bench_reader"}));
    }
  }
  HttpLoad off_load(off.http, kBatchConnections, batch_shape(groups), payloads);
  HttpLoad on_load(on.http, kBatchConnections, batch_shape(groups), payloads);
  JD_RETURN_IF_ERROR(off_load.connect());
  JD_RETURN_IF_ERROR(on_load.connect());
  CpuMeter off_cpu(off.pid);
  CpuMeter on_cpu(on.pid);
  std::vector<double> off_rates;
  std::vector<double> on_rates;
  HttpLoad::Round without;
  HttpLoad::Round with;
  const auto run_off = [&]() -> Result<void> {
    off_cpu.begin();
    JD_TRY(without, off_load.run(options.seconds));
    off_cpu.end();
    return {};
  };
  // Round 0 warms up; who comes first changes.
  for (int round = 0; round <= options.rounds; ++round) {
    const bool off_first = round % 2 == 0;
    if (off_first) JD_RETURN_IF_ERROR(run_off());
    on_cpu.begin();
    JD_TRY(with, on_load.run(options.seconds));
    on_cpu.end();
    if (!off_first) JD_RETURN_IF_ERROR(run_off());
    progress("moderation, round {}: {} msg/s, without {} msg/s", round,
             format_number(with.per_second()), format_number(without.per_second()));
    if (round == 0) continue;
    off_rates.push_back(without.per_second());
    on_rates.push_back(with.per_second());
  }
  Row row("moderation", "batch B of texts of 200 bytes, 20,000 words looked for", median(on_rates),
          "msg/s");
  const double of_off = median(off_rates);
  compare(row, Row::Bar::at_least, kModerationBar, of_off > 0 ? row.value / of_off : 0,
          "without words: " + format_number(of_off) + " msg/s");
  row.note = fmt::format("rounds in turns, {}, without words {}; {}; without: {}", spread(on_rates),
                         spread(off_rates), on_cpu.text(), off_cpu.text());
  add_detail(row, "off_per_second", of_off);
  rows.push_back(std::move(row));
  return {};
}

}  // namespace jindou::bench
