// The words of http/ that every route is written with.
#pragma once

#include "http/exchange.h"

namespace jindou::api {

using http::Field;
using http::Request;
using http::Response;
using http::Task;
using http::Verb;

}  // namespace jindou::api
