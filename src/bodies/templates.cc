#include "bodies/templates.h"

#include <array>

namespace jindou::bodies {
namespace {

constexpr std::array kNewTemplate = {
    Field{.name = "name",
          .to = at<&NewTemplate::name>,
          .meaning = "1 to 64 letters, digits, '.', '_' and '-', of which the first is a letter or "
                     "digit",
          .required = true},
    Field{.name = "payload",
          .type = FieldType::payload,
          .to = at<&NewTemplate::payload>,
          .meaning = "what is sent, with places for variables; an object or array is stored as its "
                     "compact text",
          .required = true},
};

constexpr std::array kTemplatePaths = {PathBody{"/templates", kNewTemplate}};

}  // namespace

Fields<NewTemplate> NewTemplate::fields() { return kTable<NewTemplate, kNewTemplate>; }

std::span<const PathBody> template_bodies() { return kTemplatePaths; }

}  // namespace jindou::bodies
