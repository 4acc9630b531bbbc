#include "config/conversion.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "config/keys.h"
#include "config/loaded_settings.h"
#include "config/settings_file.h"

namespace jindou::config {
namespace {

constexpr std::string_view kHeader =
    "# Converted from a configuration of WuKongIM. What has no effect here is a comment with the\n"
    "# reason. Addresses that are not written down listen on this machine alone: httpAddr\n"
    "# localhost:5001, manager.addr localhost:5300, demo.addr localhost:5172. The data directory\n"
    "# of WuKongIM cannot be opened: jindou import reads the messages from the running server.\n";

// One key of the file.
struct Line {
  const Setting* setting = nullptr;  // null: it is only a comment
  std::string key;
  std::string value;
  std::string note;

  std::string text() const {
    const std::string entry = fmt::format("{}{}: {}", setting == nullptr ? "# " : "", key, value);
    return note.empty() ? entry + '\n' : fmt::format("{}  # {}\n", entry, note);
  }
};

// On one line and quoted where YAML needs it.
std::string written(const YAML::Node& value) {
  YAML::Emitter out;
  out.SetSeqFormat(YAML::Flow);
  out.SetMapFormat(YAML::Flow);
  out << value;
  std::string text = value.IsNull() ? std::string() : std::string(out.c_str());
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// The setting that a sentence of validate() is about: they begin with its key.
const Setting* setting_of(std::string_view sentence) {
  return find_setting(sentence.substr(0, sentence.find_first_of(": ")));
}

class Converter {
 public:
  Result<void> read(const YAML::Node& map, const std::string& prefix, int depth) {
    if (depth >= kFileDepthMax) {
      return Error(Errc::invalid, fmt::format("it is nested too deeply at '{}'", prefix));
    }
    for (const auto& entry : map) {
      if (++entries_ > kFileEntriesMax) return Error(Errc::invalid, "it has too many entries");
      if (!entry.first.IsScalar()) {
        return Error(Errc::invalid, "a configuration key must be plain text");
      }
      const std::string key = prefix + entry.first.Scalar();
      if (entry.second.IsMap() && entry.second.size() > 0) {
        JD_RETURN_IF_ERROR(read(entry.second, key + '.', depth + 1));
      } else {
        lines_.push_back(read_value(key, entry.second));
      }
    }
    return {};
  }

  Conversion finish() && {
    Conversion out;
    settle(out.problem);
    out.text = kHeader;
    if (!out.problem.empty()) out.text += "#\n# Not accepted as it is: " + out.problem + '\n';
    out.text += '\n';
    for (const Line& line : lines_) out.text += line.text();
    return out;
  }

 private:
  Line read_value(const std::string& key, const YAML::Node& value) {
    Line line;
    line.key = key;
    line.value = written(value);
    const Setting* setting = find_setting(key);
    if (setting == nullptr) {
      const IgnoredKey* ignored = find_ignored(key);
      line.note = ignored != nullptr ? std::string(ignored->note) : unknown_key(key).detail();
      if (is_group(key)) line.note = "nothing is given below it";
      return line;
    }
    if (value.IsNull()) {
      line.note = "without a value";
      return line;
    }
    if (is_taken(*setting)) {
      line.note = fmt::format("'{}' is given twice", setting->key);
      return line;
    }
    if (const auto parsed = parse(*setting, value); !parsed) {
      line.note = parsed.error().detail();
      return line;
    }
    line.setting = setting;
    if (find_setting(setting->key) == setting && key != setting->key) line.note = "was " + key;
    line.key = setting->key;
    return line;
  }

  bool is_taken(const Setting& setting) const {
    return std::any_of(lines_.begin(), lines_.end(),
                       [&](const Line& line) { return line.setting == &setting; });
  }

  Result<void> parse(const Setting& setting, const YAML::Node& value) {
    if (value.IsScalar()) return parse_setting(setting, value.Scalar(), settings_);
    if (!setting.is_list() || !value.IsSequence()) {
      return Error(Errc::invalid, "it must be a single value");
    }
    std::vector<std::string> values;
    for (const auto& entry : value) {
      if (!entry.IsScalar()) return Error(Errc::invalid, "an entry must be plain text");
      values.push_back(entry.Scalar());
    }
    return parse_setting(setting, std::move(values), settings_);
  }

  // Takes back what the rules between settings refuse, until they are content or name a key that
  // the file does not have.
  void settle(std::string& problem) {
    for (;;) {
      const auto valid = validate(settings_);
      if (valid) return;
      problem = valid.error().detail();
      const Setting* setting = setting_of(problem);
      const auto line = std::find_if(lines_.begin(), lines_.end(), [&](const Line& each) {
        return setting != nullptr && each.setting == setting;
      });
      if (line == lines_.end()) return;
      if (setting == find_setting("httpAddr")) {
        keep_on_loopback(*line, problem);
      } else {
        line->setting = nullptr;
        line->note = problem;
        const Settings defaults;
        copy_value(*setting, defaults, settings_);
      }
      problem.clear();
    }
  }

  // The port stays. Which way out is right, the operator knows.
  void keep_on_loopback(Line& line, const std::string& why) {
    const auto address = parse_listen_address(settings_.http_addr);
    line.note = fmt::format("was {}: {}", line.value, why);
    settings_.http_addr = fmt::format("localhost:{}", address ? address->port : 5001);
    line.value = settings_.http_addr;
  }

  Settings settings_;
  std::vector<Line> lines_;
  std::size_t entries_ = 0;
};

}  // namespace

Result<Conversion> convert_wukongim(std::string_view yaml, std::string_view name) {
  Converter converter;
  try {
    JD_TRY(const YAML::Node root, only_document(yaml, name));
    if (!root.IsNull() && root.IsDefined()) {
      if (!root.IsMap()) {
        return Error(Errc::invalid, fmt::format("{} must be a map of keys to values", name));
      }
      if (const auto read = converter.read(root, "", 0); !read) {
        return Error(Errc::invalid, fmt::format("{}: {}", name, read.error().detail()));
      }
    }
  } catch (const YAML::Exception& error) {
    return Error(Errc::invalid, fmt::format("{} is not YAML: {}", name, error.what()));
  }
  return std::move(converter).finish();
}

}  // namespace jindou::config
