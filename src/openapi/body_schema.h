// The schema of a request body, from the table that it is read by (bodies/field.h). Pure.
#pragma once

#include <string>

#include "bodies/field.h"

namespace jindou::openapi {

std::string body_schema(const bodies::PathBody& body);

// Of the component UserList: the bodies that may be an array alone, which have one table. A choice
// has to have a name, for clients in Go.
std::string user_list_schema();

}  // namespace jindou::openapi
