// Each route reads its body by the table of its path: a member of another type than the table says
// is refused with a sentence that names it.
#include "api/routes_fixture.h"
#include "bodies/all_bodies.h"
#include "openapi/operations.h"

namespace jindou::api {
namespace {

using bodies::FieldType;

class BodyTablesTest : public RoutesTest {
 protected:
  static std::string example_of(std::string_view path) {
    for (const openapi::Operation& operation : openapi::all_operations()) {
      if (operation.method == Verb::post && operation.path == path) return operation.example;
    }
    return {};
  }

  // The object with another value of one member, which may be absent.
  static std::string with(const std::string& object, std::string_view name,
                          std::string_view value) {
    simdjson::dom::parser parser;
    std::string out = "{\"" + std::string(name) + "\":" + std::string(value);
    const simdjson::dom::object members = parser.parse(object).get_object().value();
    for (const auto member : members) {
      if (member.key == name) continue;
      out += ",\"" + std::string(member.key) + "\":" + simdjson::minify(member.value);
    }
    return out + "}";
  }

  std::string message_of(const std::string& path, const std::string& body) {
    simdjson::dom::parser parser;
    const Answer answer = call(Verb::post, path, body);
    std::string_view message;
    if (answer.status != 400 ||
        parser.parse(answer.body)["msg"].get(message) != simdjson::SUCCESS) {
      return std::to_string(answer.status) + " " + answer.body;
    }
    return std::string(message);
  }
};

TEST_F(BodyTablesTest, MembersOfAnotherTypeAreNamed) {
  for (const bodies::Section& section : bodies::sections()) {
    for (const bodies::PathBody& body : section.bodies) {
      if (body.or_array) continue;
      const std::string path(body.path);
      const std::string example = example_of(path);
      for (const bodies::Field& field : body.fields) {
        if (field.type == FieldType::json) continue;
        const std::string told = message_of(path, with(example, field.name, "1.5"));
        EXPECT_TRUE(told.starts_with(std::string(field.name) + " must be "))
            << path << ": " << told;
      }
    }
  }
}

TEST_F(BodyTablesTest, RequiredMembersAreNamed) {
  for (const bodies::Section& section : bodies::sections()) {
    for (const bodies::PathBody& body : section.bodies) {
      if (body.or_array) continue;
      const std::string path(body.path);
      const std::string example = example_of(path);
      for (const bodies::Field& field : body.fields) {
        if (!field.required) continue;
        const std::string told = message_of(path, with(example, field.name, "null"));
        EXPECT_TRUE(told.starts_with(field.name)) << path << ": " << told;
      }
    }
  }
}

}  // namespace
}  // namespace jindou::api
