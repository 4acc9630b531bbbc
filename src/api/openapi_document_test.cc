#include <gtest/gtest.h>
#include <simdjson.h>

#include <set>
#include <string>

#include "api/all_routes.h"
#include "api/http_names.h"
#include "bodies/all_bodies.h"
#include "http/exchange.h"
#include "openapi/operations.h"

namespace jindou::api {
namespace {

namespace dom = simdjson::dom;

std::string name_of(Verb method, std::string_view path) {
  return std::string(to_string(method)) + " " + std::string(path);
}

// What is to be documented: all but the path that only leads browsers on to /docs, and the page of
// the manager port, which is for browsers, too.
std::set<std::string> route_names() {
  std::set<std::string> names;
  for (const Route& route : all_routes()) names.insert(name_of(route.method, route.path));
  for (const char* of_browsers : {"GET /docs/", "GET /manager", "GET /manager/",
                                  "GET /manager/login", "GET /manager/assets/{file}"}) {
    EXPECT_EQ(names.erase(of_browsers), 1U) << of_browsers;
  }
  return names;
}

class OpenApiDocument : public testing::Test {
 protected:
  void SetUp() override {
    text_ = document_of_all_routes("1.2.3");
    ASSERT_EQ(parser_.parse(text_).get(root_), simdjson::SUCCESS) << text_.substr(0, 500);
  }

  // Every {"$ref": "#/…"} under `element` leads somewhere.
  void expect_references(dom::element element) {
    dom::array list;
    dom::object object;
    if (element.get_array().get(list) == simdjson::SUCCESS) {
      for (const dom::element entry : list) expect_references(entry);
    } else if (element.get_object().get(object) == simdjson::SUCCESS) {
      for (const auto field : object) {
        std::string_view target;
        if (field.key == "$ref" && field.value.get_string().get(target) == simdjson::SUCCESS) {
          ASSERT_EQ(target.substr(0, 1), "#");
          EXPECT_EQ(root_.at_pointer(target.substr(1)).error(), simdjson::SUCCESS) << target;
        }
        expect_references(field.value);
      }
    }
  }

  // Generators make one type of a schema: where there are several, they are oneOf or anyOf.
  void expect_one_type(dom::element element, const std::string& place) {
    dom::array list;
    dom::object object;
    if (element.get_array().get(list) == simdjson::SUCCESS) {
      for (const dom::element entry : list) expect_one_type(entry, place);
    } else if (element.get_object().get(object) == simdjson::SUCCESS) {
      for (const auto field : object) {
        const std::string below = place + "/" + std::string(field.key);
        if (field.key == "enum") {
          std::set<dom::element_type> types;
          for (const dom::element value : field.value.get_array()) types.insert(value.type());
          EXPECT_EQ(types.size(), 1U) << below;
        }
        if (field.key == "type") {
          EXPECT_TRUE(field.value.is_string()) << below;
        }
        // What the caller named, and examples, are no schemas.
        if (field.key != "properties" && field.key != "example") {
          expect_one_type(field.value, below);
        } else if (field.key == "properties") {
          for (const auto member : field.value.get_object()) {
            expect_one_type(member.value, below + "/" + std::string(member.key));
          }
        }
      }
    }
  }

  dom::parser parser_;
  dom::element root_;
  std::string text_;
};

TEST_F(OpenApiDocument, EveryStatusHasItsPhrase) {
  for (const auto path : root_["paths"].get_object()) {
    for (const auto method : path.value.get_object()) {
      for (const auto response : method.value["responses"].get_object()) {
        const std::string status(response.key);
        ASSERT_EQ(status.size(), 3U);
        EXPECT_NE(http::status_phrase(static_cast<unsigned>(std::stoul(status))), "Unknown")
            << status;
      }
    }
  }
}

TEST_F(OpenApiDocument, HasEveryRouteAndNothingElse) {
  std::set<std::string> documented;
  for (const auto path : root_["paths"].get_object()) {
    for (const auto method : path.value.get_object()) {
      std::string name(method.key);
      for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      documented.insert(name + " " + std::string(path.key));
    }
  }
  EXPECT_EQ(documented, route_names());
}

TEST(OpenApiOperations, StandForOneRouteEach) {
  const std::set<std::string> routes = route_names();
  std::set<std::string> seen;
  for (const openapi::Operation& operation : openapi::all_operations()) {
    const std::string name = name_of(operation.method, operation.path);
    EXPECT_TRUE(routes.contains(name)) << name << " is documented but not served";
    EXPECT_TRUE(seen.insert(name).second) << name << " is documented twice";
  }
  for (const std::string& name : routes) {
    EXPECT_TRUE(seen.contains(name)) << name << " is served but not documented";
  }
}

TEST(OpenApiOperations, HaveAnExampleForEveryBody) {
  dom::parser parser;
  for (const openapi::Operation& operation : openapi::all_operations()) {
    const std::string name = name_of(operation.method, operation.path);
    EXPECT_EQ(operation.body.empty(), operation.example.empty()) << name;
    for (const std::string& text :
         {operation.body, operation.example, operation.answer, operation.answer_example}) {
      if (text.empty()) continue;
      EXPECT_EQ(parser.parse(text).error(), simdjson::SUCCESS) << name << ": " << text;
    }
    for (const openapi::Parameter& parameter : operation.query) {
      EXPECT_FALSE(parameter.required && parameter.example.empty()) << name;
    }
  }
}

// What is read by a table is told from it; the bodies that send messages have one of their own.
TEST(OpenApiOperations, TellBodiesFromTheirTables) {
  std::set<std::string_view> without;
  for (const openapi::Operation& operation : openapi::all_operations()) {
    if (operation.body.empty() || bodies::find_body(operation.path) != nullptr) continue;
    without.insert(operation.path);
  }
  EXPECT_EQ(without, (std::set<std::string_view>{"/message/send", "/message/sendbatch"}));
  const std::set<std::string> routes = route_names();
  for (const bodies::Section& section : bodies::sections()) {
    for (const bodies::PathBody& body : section.bodies) {
      EXPECT_TRUE(routes.contains(name_of(Verb::post, body.path))) << body.path;
    }
  }
}

TEST_F(OpenApiDocument, SaysItsVersion) {
  EXPECT_EQ(root_["openapi"].get_string().value(), "3.1.0");
  EXPECT_EQ(root_["info"]["version"].get_string().value(), "1.2.3");
}

TEST_F(OpenApiDocument, SaysItsLicence) {
  EXPECT_EQ(root_["info"]["license"]["identifier"].get_string().value(), "Apache-2.0");
}

TEST_F(OpenApiDocument, EverySchemaIsOfOneType) { expect_one_type(root_, {}); }

TEST_F(OpenApiDocument, NamesWhatABatchIsMadeOf) {
  const dom::element batch = root_.at_pointer("/paths/~1message~1sendbatch/post");
  EXPECT_EQ(simdjson::minify(batch.at_pointer("/requestBody/content/application~1json/schema")),
            R"({"$ref":"#/components/schemas/Batch",)"
            R"("oneOf":[{"properties":{"subscribers":{"maxItems":10000}}}]})");
  EXPECT_EQ(simdjson::minify(root_.at_pointer("/components/schemas/Batch/oneOf/0")),
            R"({"type":"array","items":{"$ref":"#/components/schemas/BatchItem"}})");
  EXPECT_EQ(simdjson::minify(batch.at_pointer("/responses/200/content/application~1json/schema")),
            R"({"$ref":"#/components/schemas/BatchAnswer"})");
  EXPECT_EQ(simdjson::minify(root_.at_pointer("/components/schemas/BatchAnswer/oneOf/0")),
            R"({"type":"array","items":{"$ref":"#/components/schemas/SendResult"}})");
}

TEST_F(OpenApiDocument, MembersThatMayBeAbsentMayBeNull) {
  const dom::element item = root_.at_pointer("/components/schemas/BatchItem/properties");
  EXPECT_EQ(simdjson::minify(item.at_pointer("/red_dot/anyOf")),
            R"([{"$ref":"#/components/schemas/Flag"},{"type":"null"}])");
  EXPECT_NE(item.at_pointer("/from_uid/anyOf").error(), simdjson::SUCCESS);
  // A description stands beside the choice, where generators look for it.
  EXPECT_EQ(item.at_pointer("/red_dot/description").error(), simdjson::SUCCESS);
}

TEST_F(OpenApiDocument, ReferencesLeadSomewhere) { expect_references(root_); }

TEST_F(OpenApiDocument, OperationIdsAreUnique) {
  std::set<std::string_view> ids;
  for (const auto path : root_["paths"].get_object()) {
    for (const auto method : path.value.get_object()) {
      const std::string_view id = method.value["operationId"].get_string().value();
      EXPECT_TRUE(ids.insert(id).second) << id;
    }
  }
}

TEST_F(OpenApiDocument, ProbesNeedNoToken) {
  EXPECT_EQ(root_.at_pointer("/paths/~1health/get/security").get_array().value().size(), 0U);
  EXPECT_EQ(simdjson::minify(root_.at_pointer("/paths/~1varz/get/security")),
            R"([{"token":[]},{"bearer":[]},{"key":["read"]},{}])");
  EXPECT_EQ(simdjson::minify(root_.at_pointer("/paths/~1route/get/security")),
            R"([{"token":[]},{"bearer":[]},{"key":["send"]},{"key":["read"]},{}])");
  EXPECT_EQ(simdjson::minify(root_.at_pointer("/paths/~1messages/post/security")),
            R"([{"token":[]},{"bearer":[]},{"key":["read"]},{"reader":[]},{}])");
  EXPECT_EQ(simdjson::minify(root_.at_pointer("/components/securitySchemes/reader/scheme")),
            R"("bearer")");
  EXPECT_NE(root_.at_pointer("/paths/~1metrics/get/security").error(), simdjson::SUCCESS);
}

}  // namespace
}  // namespace jindou::api
