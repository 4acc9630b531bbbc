// Reads a body into its struct as its table says (field.h), with the strict types of the API. What
// the table does not know, such as members that exclude each other, is for the caller to check.
#pragma once

#include <span>

#include "bodies/body_reader.h"
#include "bodies/field.h"

namespace jindou::bodies {

// Reads every member of the table into the body at `into`, which must be of the table's type.
// Problems are noted in `reader`; the first one stays.
void read_fields(BodyReader& reader, std::span<const Field> fields, void* into,
                 const Limits& limits);

// The body. Look at reader.problem() before you use it.
template <class Body>
Body read(BodyReader& reader, const Limits& limits = {}) {
  Body body;
  read_fields(reader, Body::fields().rows(), &body, limits);
  return body;
}

}  // namespace jindou::bodies
