// The schema of a request body, from the table that it is read by (bodies/field.h). Pure.
#pragma once

#include <string>

#include "bodies/field.h"

namespace jindou::openapi {

std::string body_schema(const bodies::PathBody& body);

}  // namespace jindou::openapi
