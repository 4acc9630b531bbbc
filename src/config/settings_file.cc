#include "config/settings_file.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <cstddef>
#include <sstream>
#include <string>

#include "config/settings.h"

namespace jindou::config {
namespace {

// A configuration file has some hundred lines; a larger one is another file given by mistake.
constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;
// "---" at the end of a file makes one.
constexpr std::size_t kEmptyDocumentsMax = 16;

// Whether there is anything in a document.
class ContentProbe final : public YAML::EventHandler {
 public:
  bool found() const { return found_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { found_ = true; }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {
    found_ = true;
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    found_ = true;
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    found_ = true;
  }
  void OnMapEnd() override {}

 private:
  bool found_ = false;
};

}  // namespace

Result<std::string> read_settings_file(const std::filesystem::path& path, FileKind kind) {
  auto text = read_file(path.string(), kFileBytesMax, kind);
  if (text) return text;
  return Error(text.error().code(), fmt::format("cannot read the configuration file {}: {}",
                                                path.string(), text.error().detail()));
}

Result<YAML::Node> only_document(std::string_view text, std::string_view name) {
  // Not YAML::LoadAll: it has no end where the text of a broken document is never taken up.
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  for (std::size_t index = 0;; ++index) {
    ContentProbe probe;
    if (!parser.HandleNextDocument(probe)) break;
    if (index == 0 || (!probe.found() && index < kEmptyDocumentsMax)) continue;
    return Error(Errc::invalid,
                 fmt::format("{} holds more than one YAML document, divided by lines of \"---\": "
                             "settings must be in the first",
                             name));
  }
  return YAML::Load(std::string(text));
}

}  // namespace jindou::config
