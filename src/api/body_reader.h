// The reader of bodies, for the routes that have no tables yet.
#pragma once

#include "bodies/body_reader.h"

namespace jindou::api {

using bodies::BodyReader;
using bodies::read_uid_array;

}  // namespace jindou::api
