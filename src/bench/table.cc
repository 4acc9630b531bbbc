#include "bench/table.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <thread>

#include "store/rocksdb_build.h"

namespace jindou::bench {

namespace {

std::string proc_value(const char* file, std::string_view name) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with(name)) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

// Magic numbers of statfs(2).
std::string file_system_name(const std::string& directory) {
  struct statfs info {};
  if (::statfs(directory.c_str(), &info) != 0) return "unknown";
  switch (static_cast<std::uint32_t>(info.f_type)) {
    case 0xef53: return "ext2/3/4";
    case 0x58465342: return "xfs";
    case 0x9123683e: return "btrfs";
    case 0x01021994: return "tmpfs (memory: syncing costs nothing here)";
    case 0x794c7630: return "overlayfs";
    case 0x2fc12fc1: return "zfs";
    case 0x6969: return "nfs";
    default: return fmt::format("type {:#x}", static_cast<std::uint32_t>(info.f_type));
  }
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out.append(fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

// JSON has no infinities.
std::string json_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

std::string bar_text(const Row& row) {
  switch (row.bar_kind) {
    case Row::Bar::at_least: return fmt::format(">= {}", format_number(row.bar));
    case Row::Bar::at_most: return fmt::format("<= {}", format_number(row.bar));
    case Row::Bar::none: break;
  }
  return "-";
}

// Columns of a cell: bytes that are not UTF-8 continuations.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

bool Row::holds() const {
  switch (bar_kind) {
    case Bar::at_least: return ratio >= bar;
    case Bar::at_most: return ratio <= bar;
    case Bar::none: break;
  }
  return true;
}

double Row::missed_percent() const {
  if (holds() || bar == 0) return 0;
  return std::abs(ratio - bar) / bar * 100;
}

Facts machine_facts(const std::string& directory) {
  Facts facts;
  facts.emplace_back("cpu", proc_value("/proc/cpuinfo", "model name"));
  facts.emplace_back("cores", std::to_string(std::thread::hardware_concurrency()));
  facts.emplace_back("memory", proc_value("/proc/meminfo", "MemTotal"));
  utsname system{};
  if (::uname(&system) == 0) {
    facts.emplace_back("kernel", std::string(system.sysname) + " " + system.release);
  }
  facts.emplace_back("file system", file_system_name(directory));
  facts.emplace_back("compiler", std::string("g++/clang ") + __VERSION__);
  facts.emplace_back("rocksdb", store::rocksdb_build());
#ifdef NDEBUG
  facts.emplace_back("build", "optimised");
#else
  facts.emplace_back("build", "with debug assertions: figures are not representative");
#endif
  return facts;
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string format_number(double value) {
  const double size = std::abs(value);
  if (size < 10) return fmt::format("{:.2f}", value);
  if (size < 1000) return fmt::format("{:.1f}", value);
  const std::string digits = format_count(static_cast<std::uint64_t>(std::llround(size)));
  return value < 0 ? "-" + digits : digits;
}

std::string render_table(const std::vector<Row>& rows) {
  constexpr std::size_t kColumns = 7;
  using Line = std::array<std::string, kColumns>;
  std::vector<Line> lines;
  lines.push_back({"measured", "value", "reference", "ratio", "bar", "holds", "note"});
  for (const Row& row : rows) {
    Line line;
    line[0] = row.measured;
    line[1] = format_number(row.value) + " " + row.unit;
    line[2] = row.reference.empty() ? "-" : row.reference;
    line[3] = row.reference.empty() ? "-" : format_number(row.ratio);
    line[4] = bar_text(row);
    if (!row.compared()) {
      line[5].push_back('-');
    } else {
      // Rounded up, so that a narrow miss does not read as none; less what the division itself
      // adds.
      const double missed = std::ceil(row.missed_percent() - 1e-6);
      line[5] = row.holds() ? "yes" : fmt::format("no, by {:.0f} %", missed);
    }
    line[6] = row.note;
    lines.push_back(line);
  }
  std::array<std::size_t, kColumns> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string out;
  for (std::size_t n = 0; n < lines.size(); ++n) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      out.append("| ").append(lines[n][i]);
      out.append(widths[i] - width_of(lines[n][i]) + 1, ' ');
    }
    out.append("|\n");
    if (n != 0) continue;
    for (const std::size_t width : widths) out.append("|").append(width + 2, '-');
    out.append("|\n");
  }
  return out;
}

std::string render_json(const Facts& facts, const std::vector<Row>& rows) {
  std::string out = "{\n  \"machine\": {";
  for (std::size_t i = 0; i < facts.size(); ++i) {
    out.append(i == 0 ? "" : ", ");
    out.append(json_text(facts[i].first)).append(": ").append(json_text(facts[i].second));
  }
  out.append("},\n  \"rows\": [\n");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    out.append("    {\"name\": ").append(json_text(row.name));
    out.append(", \"measured\": ").append(json_text(row.measured));
    out.append(", \"value\": ").append(json_number(row.value));
    out.append(", \"unit\": ").append(json_text(row.unit));
    if (!row.reference.empty()) {
      out.append(", \"reference\": ").append(json_text(row.reference));
    }
    if (row.compared()) {
      out.append(", \"ratio\": ").append(json_number(row.ratio));
      out.append(row.bar_kind == Row::Bar::at_least ? ", \"at_least\": " : ", \"at_most\": ");
      out.append(json_number(row.bar));
      out.append(", \"holds\": ").append(row.holds() ? "true" : "false");
    }
    for (const auto& [name, value] : row.details) {
      out.append(", ").append(json_text(name)).append(": ").append(json_number(value));
    }
    if (!row.note.empty()) out.append(", \"note\": ").append(json_text(row.note));
    out.append(i + 1 == rows.size() ? "}\n" : "},\n");
  }
  out.append("  ]\n}\n");
  return out;
}

}  // namespace jindou::bench
