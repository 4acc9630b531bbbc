#include "store/store_identity.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/read_file.h"
#include "model/partition_map.h"

namespace jindou::store {

namespace {

constexpr std::size_t kTextBytesMax = 4096;
constexpr std::size_t kSeedDigits = 16;
constexpr std::string_view kFormat = "1";

Error bad(const std::string& why) { return Error(Errc::invalid, why); }

// The whole of it, in that base.
template <class Number>
std::optional<Number> parse_number(std::string_view text, int base) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view without_spaces(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r";
  const auto first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

struct Fields {
  std::optional<std::string_view> format;
  std::optional<std::string_view> partitions;
  std::optional<std::string_view> seed;

  std::optional<std::string_view>* find(std::string_view name) {
    if (name == "format") return &format;
    if (name == "partitions") return &partitions;
    return name == "fingerprintSeed" ? &seed : nullptr;
  }
};

Result<Fields> parse_lines(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = without_spaces(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    const std::string_view name = without_spaces(line.substr(0, colon));
    auto* const field = fields.find(name);
    if (colon == std::string_view::npos || field == nullptr) {
      return bad("it holds a line that is none of format, partitions and fingerprintSeed");
    }
    if (*field) return bad(fmt::format("it names {} twice", name));
    *field = without_spaces(line.substr(colon + 1));
  }
  return fields;
}

}  // namespace

std::string identity_text(const StoreIdentity& identity) {
  return fmt::format(
      "# What the nodes of a cluster have in common. Give each of them a copy, and keep it "
      "secret.\n"
      "format: {}\npartitions: {}\nfingerprintSeed: {:016x}\n",
      kFormat, identity.partitions, identity.fingerprint_seed);
}

Result<StoreIdentity> parse_identity_text(std::string_view text) {
  JD_TRY(const Fields fields, parse_lines(text));
  if (!fields.format || !fields.partitions || !fields.seed) {
    return bad("it has to name format, partitions and fingerprintSeed");
  }
  if (*fields.format != kFormat) {
    return bad("its format is none that this version knows; use the version that wrote it");
  }
  const auto partitions = parse_number<std::uint16_t>(*fields.partitions, 10);
  if (!partitions || *partitions == 0 || *partitions > kPartitionsMax) {
    return bad(fmt::format("its number of partitions is none from 1 to {}", kPartitionsMax));
  }
  const auto seed = parse_number<std::uint64_t>(*fields.seed, 16);
  if (!seed || fields.seed->size() != kSeedDigits) {
    return bad("its fingerprintSeed is not of 16 hexadecimal digits");
  }
  return StoreIdentity{*partitions, *seed};
}

Result<std::optional<StoreIdentity>> read_identity_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return std::optional<StoreIdentity>();
  const auto unusable = [&path](const std::string& why) {
    return bad(fmt::format(
        "cluster.identityFile: {}: {}; give a copy of the file of the cluster, or take the setting "
        "away",
        path, why));
  };
  const auto text = read_file(path, kTextBytesMax, FileKind::regular);
  if (!text) return unusable(text.error().detail());
  const auto identity = parse_identity_text(*text);
  if (!identity) return unusable(identity.error().detail());
  return std::optional<StoreIdentity>(*identity);
}

Result<StoreIdentity> share_identity(const std::string& path, const StoreIdentity& identity) {
  const std::string text = identity_text(identity);
  // Of this process alone: nodes may start at once on a file system that they share.
  std::string draft = path + ".XXXXXX";
  const int file = ::mkostemp(draft.data(), O_CLOEXEC);  // with mode 600
  bool written = file >= 0 &&
                 ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                 ::fsync(file) == 0;
  // Replaces nothing: the nodes that begin at the same time take what the first of them wrote.
  if (written) written = ::link(draft.c_str(), path.c_str()) == 0;
  const int why = errno;
  if (file >= 0) ::close(file);
  ::unlink(draft.c_str());
  if (written) return identity;
  if (why == EEXIST) {
    JD_TRY(const auto theirs, read_identity_file(path));
    if (theirs) return *theirs;
  }
  return bad(fmt::format(
      "cluster.identityFile: {} cannot be written: {}; name a file in a directory that the server "
      "may write to, or take the setting away",
      path, std::strerror(why)));
}

Result<WantedIdentity> load_wanted_identity(std::uint16_t partitions, const std::string& file) {
  WantedIdentity wanted;
  wanted.partitions = partitions;
  wanted.file = file;
  if (file.empty()) return wanted;
  JD_TRY(wanted.given, read_identity_file(file));
  if (wanted.given && wanted.given->partitions != partitions) {
    return bad(fmt::format(
        "{} is of a cluster with {} partitions, and storage.partitions is {}: set it to {}", file,
        wanted.given->partitions, partitions, wanted.given->partitions));
  }
  return wanted;
}

Result<void> check_identity(const StoreIdentity& stored, const std::string& directory,
                            const WantedIdentity& wanted) {
  if (wanted.partitions != stored.partitions) {
    return bad(fmt::format(
        "the store in {} was made with {} partitions, which cannot change, and storage.partitions "
        "is {}: set it to {}, or name another dataDir for a new store",
        directory, stored.partitions, wanted.partitions, stored.partitions));
  }
  if (wanted.given && *wanted.given != stored) {
    return bad(fmt::format(
        "the store in {} has another identity than {} (cluster.identityFile): it belongs to "
        "another cluster; name the file of that one, or another dataDir for a new node",
        directory, wanted.file));
  }
  return {};
}

}  // namespace jindou::store
