#include "codec/payload_template.h"

#include <utility>

#include "base/assert.h"
#include "codec/json_fault.h"
#include "codec/json_writer.h"
#include "model/id_rules.h"

namespace jindou::codec {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
constexpr std::string_view kLiteralOpen = "{{{{";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// What begins a JSON value that a payload may be. A number or a word by itself is plain text.
bool begins_like_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  const std::string_view rest = text.substr(first);
  if (rest.front() == '[' || rest.front() == '"') return true;
  return rest.front() == '{' && !rest.starts_with(kOpen);
}

}  // namespace

std::string_view variable_name_problem(std::string_view name) {
  if (name.empty()) return "must not be empty";
  if (name.size() > kVariableNameBytesMax) return "must not be longer than 64 bytes";
  if (name.find_first_of(" \t{}\"\\") != std::string_view::npos) {
    return "must not have spaces, braces, quotes or backslashes";
  }
  if (has_control_characters(name)) return "must not have control characters";
  return {};
}

class PayloadTemplate::Parser {
 public:
  explicit Parser(std::string_view payload) : payload_(payload) {}

  Result<PayloadTemplate> run() {
    while (at_ < payload_.size()) {
      const std::string_view rest = payload_.substr(at_);
      if (rest.starts_with(kLiteralOpen)) {
        take_text(kOpen, kLiteralOpen.size());
      } else if (rest.starts_with(kOpen)) {
        JD_RETURN_IF_ERROR(take_place(rest));
      } else {
        const std::string_view text = rest.substr(0, rest.find(kOpen));
        take_text(text, text.size());
      }
    }
    // Places are in strings only as long as what is around them is JSON.
    out_.json_ = begins_like_json(payload_) && codec::is_json(skeleton_);
    if (!out_.json_) {
      for (Place& place : out_.places_) place.form = Form::text;
    }
    return std::move(out_);
  }

 private:
  void take_text(std::string_view text, std::size_t bytes) {
    for (const char c : text) {
      if (in_string_ && !escaped_ && c == '"') {
        in_string_ = false;
      } else if (!in_string_ && c == '"') {
        in_string_ = true;
      }
      escaped_ = in_string_ && !escaped_ && c == '\\';
    }
    out_.text_ += text;
    skeleton_ += text;
    at_ += bytes;
  }

  Result<void> take_place(std::string_view rest) {
    const std::size_t end = rest.find(kClose, kOpen.size());
    if (end == std::string_view::npos) {
      return Error(Errc::invalid, "has \"{{\" at byte " + std::to_string(at_) +
                                      " without \"}}\" behind it; two braces that are no place "
                                      "for a variable are written \"{{{{\"");
    }
    const std::string_view name = trimmed(rest.substr(kOpen.size(), end - kOpen.size()));
    if (const std::string_view problem = variable_name_problem(name); !problem.empty()) {
      return Error(Errc::invalid, "has \"{{\" at byte " + std::to_string(at_) +
                                      " with a name of a variable that " + std::string(problem) +
                                      "; two braces that are no place for a variable are written "
                                      "\"{{{{\"");
    }
    Place place;
    place.text_end = static_cast<std::uint32_t>(out_.text_.size());
    place.offset = static_cast<std::uint32_t>(at_);
    place.form = in_string_ ? Form::escaped : Form::value;
    const std::size_t hash = NameTable::hash_of(name);
    const auto name_at = [this](std::size_t at) -> std::string_view { return out_.names_[at]; };
    std::size_t known = known_.find(name, hash, name_at);
    if (known == NameTable::kNone) {
      if (out_.names_.size() == kVariablesMax) {
        return Error(Errc::invalid,
                     "names more than " + std::to_string(kVariablesMax) + " variables");
      }
      known = out_.names_.size();
      out_.names_.emplace_back(name);
      out_.hashes_.push_back(hash);
      known_.add(hash, known);
    }
    place.name = static_cast<std::uint32_t>(known);
    out_.places_.push_back(place);
    const std::size_t bytes = end + kClose.size();
    // A value that melts into nothing beside it; in a string it is text as any other, and an escape
    // before it stays the error that it is.
    skeleton_ += in_string_ ? rest.substr(0, bytes) : std::string_view("null");
    escaped_ = false;
    at_ += bytes;
    return {};
  }

  std::string_view payload_;
  std::size_t at_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;  // in a string, behind a backslash
  std::string skeleton_;  // the payload without its variables
  NameTable known_;       // of the names
  PayloadTemplate out_;
};

Result<PayloadTemplate> PayloadTemplate::parse(std::string_view payload) {
  return Parser(payload).run();
}

const TemplateVariable* TemplateVariables::find(std::string_view name, std::size_t hash) const {
  const std::size_t place =
      table_.find(name, hash, [this](std::size_t at) { return list_[at].name; });
  return place == NameTable::kNone ? nullptr : &list_[place];
}

void TemplateVariables::add(const TemplateVariable& variable) {
  JD_ASSERT(list_.size() < kVariablesMax);
  table_.add(NameTable::hash_of(variable.name), list_.size());
  list_.push_back(variable);
}

void PayloadTemplate::find_values(const TemplateVariables& own, const TemplateVariables& defaults,
                                  Values& values) const {
  values.resize(names_.size());
  for (std::size_t i = 0; i < names_.size(); ++i) {
    values[i] = own.find(names_[i], hashes_[i]);
    if (values[i] == nullptr) values[i] = defaults.find(names_[i], hashes_[i]);
  }
}

std::size_t PayloadTemplate::first_place_of(std::size_t name) const {
  for (const Place& place : places_) {
    if (place.name == name) return place.offset;
  }
  return 0;
}

void PayloadTemplate::append(const TemplateVariable& variable, Form form, std::string& out) const {
  if (form == Form::text || (form == Form::value && !variable.is_string)) {
    out += variable.text;
  } else if (form == Form::value) {
    json_append_string(out, variable.text);
  } else {
    json_append_escaped(out, variable.text);
  }
}

bool PayloadTemplate::fill(const Values& values, std::size_t bytes_max, std::string& out) const {
  JD_ASSERT(values.size() == names_.size());
  const std::size_t begin = out.size();
  const auto fits = [&](std::size_t more) {
    const std::size_t bytes = out.size() - begin;
    return bytes <= bytes_max && more <= bytes_max - bytes;
  };
  std::size_t text_begin = 0;
  for (const Place& place : places_) {
    JD_ASSERT(values[place.name] != nullptr);
    const TemplateVariable& variable = *values[place.name];
    if (!fits(place.text_end - text_begin + variable.text.size())) return false;
    out.append(text_, text_begin, place.text_end - text_begin);
    append(variable, place.form, out);
    text_begin = place.text_end;
  }
  if (!fits(text_.size() - text_begin)) return false;
  out.append(text_, text_begin);
  return true;
}

}  // namespace jindou::codec
