// Stored templates.
#include <utility>

#include "codec/send_fields.h"
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

std::string variables() { return array(text("A name."), "The variables that it has places for."); }

std::string versions() {
  return array(integer("A version.", 1), "Those that there are, ascending.");
}

Parameter name_in_path() {
  Parameter name{"name", text(""), "The template.", R"("welcome")", true};
  name.in_path = true;
  return name;
}

Parameter version_in_query(std::string description) {
  return {"version", integer("", 0, codec::kTemplateVersionMax), std::move(description), {}};
}

Operation template_store() {
  return {
      .method = Verb::post,
      .path = "/templates",
      .tag = Tag::templates,
      .description =
          "A template that is there gets a version more. Versions count up and are never used "
          "again. The payload has places such as {{name}}, which `vars` of an item fill in.",
      .example = R"({"name":"welcome","payload":{"type":1,"content":"Welcome, {{name}}!"}})",
      .answer = object({need("status", ok_status()), need("name", text("As given.")),
                        need("version", integer("The number it got.", 1)),
                        need("variables", variables())}),
      .answer_example = R"({"status":200,"name":"welcome","version":1,"variables":["name"]})",
  };
}

Operation template_list() {
  return {
      .method = Verb::get,
      .path = "/templates",
      .tag = Tag::templates,
      .description = "Sorted by name.",
      .query = {{"after", text(""), "Begin behind this name.", {}},
                {"limit", integer("", 0, 1000), "At most so many; 100 unless given.", "10"}},
      .answer = object({need("templates", array(object({need("name", text("Its name.")),
                                                        need("version", integer("The newest.")),
                                                        need("versions", versions())}))),
                        need("more", bit("1: there are more behind the last one."))}),
      .answer_example = R"({"templates":[{"name":"welcome","version":1,"versions":[1]}],"more":0})",
  };
}

Operation template_read() {
  return {
      .method = Verb::get,
      .path = "/templates/{name}",
      .tag = Tag::templates,
      .query = {name_in_path(), version_in_query("The newest unless given.")},
      .answer = object({need("name", text("Its name.")), need("version", integer("Which one.", 1)),
                        need("created_at", integer("When it was stored, seconds.")),
                        need("payload", base64("As it was stored.")),
                        need("variables", variables()), need("versions", versions())}),
      .answer_example = R"({"name":"welcome","version":1,"created_at":1700000000,)"
                        R"("payload":"eyJ0eXBlIjoxLCJjb250ZW50IjoiV2VsY29tZSwge3tuYW1lfX0hIn0=",)"
                        R"("variables":["name"],"versions":[1]})",
      .others = {{404, "There is no such template or version.", {}}},
  };
}

Operation template_remove() {
  return {
      .method = Verb::delete_,
      .path = "/templates/{name}",
      .tag = Tag::templates,
      .description = "With its last version a template is gone.",
      .query = {name_in_path(), version_in_query("All versions unless given.")},
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
      .others = {{404, "There is no such template or version.", {}}},
  };
}

}  // namespace

std::vector<Operation> template_operations() {
  return {template_store(), template_list(), template_read(), template_remove()};
}

}  // namespace jindou::openapi
