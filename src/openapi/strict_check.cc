#include "openapi/strict_check.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/assert.h"
#include "base/edit_distance.h"
#include "bodies/send_choices.h"
#include "codec/json_reader.h"
#include "http/query.h"
#include "openapi/operations.h"

namespace jindou::openapi {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kChoiceFields = "Jindou-";
constexpr std::size_t kNamesMax = 10;
// Of a name that is told.
constexpr std::size_t kNameBytesMax = 64;

// What one schema says about members. Constant once it is built.
struct Shape {
  // Objects: the members there may be. Without any the members are the caller's own.
  std::map<std::string, std::shared_ptr<Shape>, std::less<>> members;
  bool closed = false;
  std::shared_ptr<Shape> items;  // arrays: of each entry
  std::vector<std::shared_ptr<Shape>> variants;
};

using ShapeMap = std::map<std::string, std::shared_ptr<Shape>, std::less<>>;

std::shared_ptr<Shape> read_shape(dom::element schema, const ShapeMap& components) {
  std::string_view ref;
  if (schema["$ref"].get(ref) == simdjson::SUCCESS) {
    const auto found = components.find(ref.substr(ref.rfind('/') + 1));
    return found == components.end() ? std::make_shared<Shape>() : found->second;
  }
  auto shape = std::make_shared<Shape>();
  dom::object properties;
  if (schema["properties"].get(properties) == simdjson::SUCCESS) {
    shape->closed = true;
    for (const auto member : properties) {
      shape->members.emplace(member.key, read_shape(member.value, components));
    }
  }
  dom::element items;
  if (schema["items"].get(items) == simdjson::SUCCESS) shape->items = read_shape(items, components);
  for (const std::string_view choice : {"oneOf", "anyOf"}) {
    dom::array variants;
    if (schema[choice].get(variants) != simdjson::SUCCESS) continue;
    for (const dom::element variant : variants) {
      // Null has no members, and would be the form in which nothing is unknown.
      std::string_view type;
      if (variant["type"].get(type) == simdjson::SUCCESS && type == "null") continue;
      shape->variants.push_back(read_shape(variant, components));
    }
  }
  return shape;
}

std::shared_ptr<Shape> parse_shape(const std::string& schema, const ShapeMap& components) {
  dom::parser parser;
  dom::element root;
  const bool parsed = parser.parse(schema).get(root) == simdjson::SUCCESS;
  JD_ASSERT(parsed);
  return read_shape(root, components);
}

struct OperationShape {
  std::shared_ptr<Shape> body;  // null: the operation has none
  bool takes_lines = false;     // the body may be NDJSON or CSV
  std::vector<std::string> query;
  bool choice_fields = false;  // choices among them may be header fields
};

// By method and path.
using OperationShapes = std::map<std::pair<http::Verb, std::string_view>, OperationShape>;

OperationShapes make_shapes() {
  ShapeMap components;
  for (const Component& component : openapi::components()) {
    components.emplace(component.name, parse_shape(component.schema, components));
  }
  OperationShapes shapes;
  for (const Operation& operation : openapi::all_operations()) {
    OperationShape& shape = shapes[{operation.method, operation.path}];
    if (!operation.body.empty()) shape.body = parse_shape(operation.body, components);
    shape.takes_lines = !operation.body_lines.empty() || !operation.body_rows.empty();
    shape.choice_fields = operation.choice_fields;
    for (const Parameter& parameter : operation.query) {
      if (!parameter.in_path) shape.query.emplace_back(parameter.name);
    }
  }
  return shapes;
}

// What is unknown in one request.
class Unknown {
 public:
  // `known` makes the list of names there are; it is asked of those only that are told.
  template <class Known>
  void add(const std::string& place, std::string_view name, Known known) {
    if (++count_ > kNamesMax) return;
    if (!text_.empty()) text_ += "; ";
    const std::string told(name.substr(0, name.size() > kNameBytesMax ? 0 : name.size()));
    text_ += '"' + place + (told.empty() ? "(a long name)" : told) + "\" is unknown here";
    const std::vector<std::string> names = known();
    const std::string_view nearest = nearest_of(names, name);
    if (!nearest.empty()) text_ += ": did you mean \"" + std::string(nearest) + "\"?";
  }
  std::string take() {
    if (count_ > kNamesMax) text_ += "; and " + std::to_string(count_ - kNamesMax) + " more";
    return std::move(text_);
  }
  std::size_t count() const { return count_; }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

void check(dom::element value, const Shape& shape, const std::string& place, Unknown& unknown);

// Of several forms the one that is meant has the least that is unknown.
void check_variants(dom::element value, const Shape& shape, const std::string& place,
                    Unknown& unknown) {
  const Shape* best = nullptr;
  std::size_t least = static_cast<std::size_t>(-1);
  for (const auto& variant : shape.variants) {
    // An array is none of the forms that are objects, and the other way round.
    if (value.is_array() != (variant->items != nullptr)) continue;
    Unknown trial;
    check(value, *variant, place, trial);
    if (trial.count() >= least) continue;
    least = trial.count();
    best = variant.get();
  }
  if (best != nullptr) check(value, *best, place, unknown);
}

void check(dom::element value, const Shape& shape, const std::string& place, Unknown& unknown) {
  if (!shape.variants.empty()) return check_variants(value, shape, place, unknown);
  dom::array list;
  if (shape.items && value.get(list) == simdjson::SUCCESS) {
    std::size_t index = 0;
    for (const dom::element entry : list) {
      check(entry, *shape.items, place + '[' + std::to_string(index++) + "].", unknown);
    }
    return;
  }
  dom::object object;
  if (!shape.closed || value.get(object) != simdjson::SUCCESS) return;
  for (const auto member : object) {
    const auto found = shape.members.find(member.key);
    if (found != shape.members.end()) {
      const bool nested = member.value.is_object() || member.value.is_array();
      if (nested) {
        const bool list_follows = member.value.is_array();
        check(member.value, *found->second,
              place + std::string(member.key) + (list_follows ? "" : "."), unknown);
      }
      continue;
    }
    unknown.add(place, member.key, [&shape] {
      std::vector<std::string> names;
      for (const auto& [name, ignored] : shape.members) names.push_back(name);
      return names;
    });
  }
}

template <class Visit>
void each_name(std::string_view query, Visit visit) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    visit(http::decode_query_text(pair.substr(0, pair.find('='))));
  }
}

void check_query(std::string_view query, const std::vector<std::string>& known, Unknown& unknown) {
  each_name(query, [&](const std::string& name) {
    if (name.empty() || std::find(known.begin(), known.end(), name) != known.end()) return;
    unknown.add("?", name, [&known] { return known; });
  });
}

}  // namespace

bool is_choice_field(std::string_view name) {
  return name.size() > kChoiceFields.size() &&
         ascii_iequals(name.substr(0, kChoiceFields.size()), kChoiceFields) &&
         !ascii_iequals(name, kStrictHeader);
}

const bodies::SendChoice* choice_of_field(std::string_view name) {
  for (const bodies::SendChoice& choice : bodies::send_choices()) {
    if (!choice.field.empty() && ascii_iequals(choice.field, name)) return &choice;
  }
  return nullptr;
}

bool wants_strict(const http::Request& request) {
  const std::string_view value = request.header(kStrictHeader);
  return value == "1" || value == "true";
}

namespace {

// Null: the document does not know it.
const OperationShape* find_shape(http::Verb method, std::string_view path) {
  static const OperationShapes kShapes = make_shapes();
  const auto found = kShapes.find({method, path});
  return found == kShapes.end() ? nullptr : &found->second;
}

}  // namespace

namespace {

// Empty: the operation takes it.
std::string misplaced_field(std::string_view name, const OperationShape* operation,
                            std::string_view path) {
  const bodies::SendChoice* const choice = choice_of_field(name);
  if (choice != nullptr && operation != nullptr && operation->choice_fields) {
    const auto& known = operation->query;
    if (std::find(known.begin(), known.end(), choice->name) != known.end()) return {};
  }
  return "the header field " + std::string(name.substr(0, kNameBytesMax)) + " is nothing to " +
         std::string(path) + ": it is for sending messages; nothing was done";
}

}  // namespace

std::string unknown_item_members(std::string_view line, http::Verb method, std::string_view path) {
  const OperationShape* operation = find_shape(method, path);
  if (operation == nullptr || operation->body == nullptr) return {};
  Unknown unknown;
  const auto item = codec::parse_json(line);
  if (!item) return {};
  for (const auto& variant : operation->body->variants) {
    if (variant->items) check(*item, *variant->items, {}, unknown);
  }
  return unknown.take();
}

std::string unknown_body_members(std::string_view text, http::Verb method, std::string_view path) {
  const OperationShape* operation = find_shape(method, path);
  if (operation == nullptr || operation->body == nullptr) return {};
  Unknown unknown;
  const auto body = codec::parse_json(text);
  if (body) check(*body, *operation->body, {}, unknown);
  return unknown.take();
}

std::string misplaced_choice(const http::Request& request, http::Verb method,
                             std::string_view path) {
  std::string text;
  each_name(request.query(), [&](const std::string& name) {
    const bodies::SendChoice* const choice = bodies::find_send_choice(name);
    const bool is_condition = name.starts_with("if_");
    const bool is_choice = choice != nullptr && !choice->is_content && name != "name";
    if (!text.empty() || !(is_choice || is_condition)) return;
    const OperationShape* const operation = find_shape(method, path);
    if (operation == nullptr) return;
    const auto& known = operation->query;
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    text = "the query parameter " + name.substr(0, kNameBytesMax) + " is nothing to " +
           std::string(path) +
           (is_condition ? ": conditions are members of the body" : ": it is for sending messages");
    text += "; nothing was done";
  });
  for (std::size_t i = 0; i < request.header_count() && text.empty(); ++i) {
    const std::string_view name = request.header_name(i);
    if (is_choice_field(name)) text = misplaced_field(name, find_shape(method, path), path);
  }
  return text;
}

namespace {

// NDJSON and CSV.
bool is_of_lines(const http::Request& request) {
  const std::string_view given = request.header("content-type");
  std::string_view type = given.substr(0, given.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return ascii_iequals(type, "application/x-ndjson") || ascii_iequals(type, "text/csv");
}

}  // namespace

std::string unknown_members(const http::Request& request, http::Verb method,
                            std::string_view path) {
  const OperationShape* operation = find_shape(method, path);
  if (operation == nullptr) return {};
  Unknown unknown;
  check_query(request.query(), operation->query, unknown);
  // Where they are taken, whoever reads the lines checks each; elsewhere the type says nothing.
  const bool by_line = operation->takes_lines && is_of_lines(request);
  if (operation->body != nullptr && !request.streams && !by_line) {
    const auto body = codec::parse_json(request.body);
    if (body) check(*body, *operation->body, {}, unknown);
  }
  return unknown.take();
}

}  // namespace jindou::openapi
