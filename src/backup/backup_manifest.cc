#include "backup/backup_manifest.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/read_file.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "store/crc32c.h"
#include "store/store_identity.h"

namespace jindou::backup {

namespace {

constexpr int kManifestFormat = 1;
// Some 10 million files.
constexpr std::size_t kManifestBytesMax = std::size_t{1} << 30;
constexpr std::string_view kSumMember = ",\"crc32c\":\"";
constexpr std::string_view kAfterSum = "\"}\n";
constexpr std::size_t kSumDigits = 8;

std::string hex_of(std::uint32_t sum) { return fmt::format("{:08x}", sum); }

std::optional<std::uint32_t> sum_of_hex(std::string_view digits) {
  std::uint32_t sum = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, sum, 16);
  if (digits.size() != kSumDigits || parsed.ec != std::errc() || parsed.ptr != end) {
    return std::nullopt;
  }
  return sum;
}

Error not_as_written(std::string_view what) {
  return Error(Errc::storage, fmt::format("it is damaged: {}", what));
}

// Of a text whose checksum is right: members are there, unless another program wrote it.
class Members {
 public:
  explicit Members(simdjson::dom::element object) : object_(object) {}

  std::uint64_t number(const char* name) {
    std::uint64_t value = 0;
    note(object_[name].get(value));
    return value;
  }
  std::string text(const char* name) {
    std::string_view value;
    note(object_[name].get(value));
    return std::string(value);
  }
  std::uint32_t sum(const char* name) {
    const auto value = sum_of_hex(text(name));
    if (!value) ok_ = false;
    return value.value_or(0);
  }
  simdjson::dom::array array(const char* name) {
    simdjson::dom::array value;
    note(object_[name].get(value));
    return value;
  }
  bool ok() const { return ok_; }

 private:
  void note(simdjson::error_code error) { ok_ = ok_ && error == simdjson::SUCCESS; }

  simdjson::dom::element object_;
  bool ok_ = true;
};

// A name that stays in the directory.
bool is_plain(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace

std::uint64_t BackupManifest::bytes() const {
  std::uint64_t sum = 0;
  for (const BackupFile& file : files) sum += file.bytes;
  return sum;
}

std::uint32_t identity_sum(std::uint16_t partitions, std::uint64_t fingerprint_seed) {
  return store::crc32c(store::identity_text({partitions, fingerprint_seed}));
}

std::string encode_manifest(const BackupManifest& manifest) {
  std::string out;
  codec::JsonWriter json(out);
  json.begin_object();
  json.number("format", kManifestFormat);
  json.string("jindou", manifest.jindou);
  json.number("store_format", manifest.store_format);
  json.number("made_at_ms", manifest.made_at_ms);
  json.number("partitions", manifest.partitions);
  json.string("identity", hex_of(manifest.identity));
  json.begin_array("positions");
  for (const std::uint64_t position : manifest.positions) json.number(position);
  json.end_array();
  json.number("id_bound", manifest.id_bound);
  json.number("linked_bytes", manifest.linked_bytes);
  json.begin_array("files");
  for (const BackupFile& file : manifest.files) {
    json.begin_object();
    json.string("name", file.name);
    json.number("bytes", file.bytes);
    json.string("crc32c", hex_of(file.crc32c));
    json.end_object();
  }
  json.end_array();
  const std::string sum = hex_of(store::crc32c(out));
  return fmt::format("{}{}{}{}", out, kSumMember, sum, kAfterSum);
}

Result<BackupManifest> decode_manifest(std::string_view text) {
  const std::size_t tail = kSumMember.size() + kSumDigits + kAfterSum.size();
  if (text.size() < tail || !text.ends_with(kAfterSum)) return not_as_written("it has no end");
  const std::string_view summed = text.substr(0, text.size() - tail);
  const std::string_view end = text.substr(summed.size());
  const auto sum = sum_of_hex(end.substr(kSumMember.size(), kSumDigits));
  if (!end.starts_with(kSumMember) || !sum || *sum != store::crc32c(summed)) {
    return not_as_written("its checksum is another one");
  }
  JD_TRY(const auto object, codec::parse_json(text));
  Members members(object);
  if (const auto format = members.number("format"); !members.ok() || format != kManifestFormat) {
    return Error(Errc::storage,
                 fmt::format("it has format {}, and this version of Jindou reads {}: use the one "
                             "that made it",
                             format, kManifestFormat));
  }
  BackupManifest manifest;
  manifest.jindou = members.text("jindou");
  manifest.store_format = static_cast<int>(members.number("store_format"));
  manifest.made_at_ms = static_cast<std::int64_t>(members.number("made_at_ms"));
  manifest.partitions = static_cast<std::uint16_t>(members.number("partitions"));
  manifest.identity = members.sum("identity");
  bool ok = true;
  for (const auto value : members.array("positions")) {
    std::uint64_t position = 0;
    ok = ok && value.get(position) == simdjson::SUCCESS;
    manifest.positions.push_back(position);
  }
  manifest.id_bound = members.number("id_bound");
  manifest.linked_bytes = members.number("linked_bytes");
  for (const auto value : members.array("files")) {
    Members file(value);
    manifest.files.push_back({file.text("name"), file.number("bytes"), file.sum("crc32c")});
    ok = ok && file.ok() && is_plain(manifest.files.back().name);
  }
  if (!ok || !members.ok()) return not_as_written("a member is missing or is none of this program");
  return manifest;
}

Result<BackupManifest> read_manifest(const std::string& directory) {
  const std::string path = directory + "/" + kBackupManifestName;
  const auto text = read_file(path, kManifestBytesMax, FileKind::regular);
  if (!text) return Error(text.error().code(), path + ": " + text.error().detail());
  auto manifest = decode_manifest(*text);
  if (!manifest) return Error(Errc::storage, path + ": " + manifest.error().detail());
  return manifest;
}

}  // namespace jindou::backup
