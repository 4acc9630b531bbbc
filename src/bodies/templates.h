// The body that stores a template.
#pragma once

#include <span>
#include <string>

#include "bodies/field.h"

namespace jindou::bodies {

// POST /templates.
struct NewTemplate {
  std::string name;
  std::string payload;
  static Fields<NewTemplate> fields();
};

std::span<const PathBody> template_bodies();

}  // namespace jindou::bodies
