// What the document says about each route beyond its path: one entry for every entry of
// all_routes(), kept in <group>.cc of this folder. A new route needs a new entry; a unit test
// compares the two tables.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bodies/send_choices.h"
#include "http/exchange.h"

namespace jindou::openapi {

using http::Verb;

// Headings of the document, in this order.
enum class Tag : std::uint8_t {
  messages,
  jobs,
  templates,
  events,
  channels,
  history,
  retention,
  conversations,
  users,
  routing,
  connections,
  monitoring,
  access,
  system,
};

// A parameter of the query, the last part of the path, or a header.
struct Parameter {
  std::string_view name;
  std::string schema;       // JSON text
  std::string description;  // one sentence
  std::string example;      // JSON text; empty: none, and the example of the operation omits it
  bool required = false;
  bool in_path = false;
};

// An answer other than the 200.
struct Outcome {
  unsigned status;
  std::string description;
  std::string schema;  // empty: the error body
};

// JSON texts are written with the builders of schema.h. Every member but the first three
// may be left out.
struct Operation {
  Verb method;
  std::string_view path;
  Tag tag;
  // More than the summary of the route says; plain text.
  std::string description = {};
  std::vector<Parameter> query = {};
  std::vector<Parameter> headers = {};
  // Schema of the request body; empty: the request has none. That of bodies with a table
  // (bodies/all_bodies.h) is filled in by all_operations().
  std::string body = {};
  // A body that a new server accepts, given the examples of the entries before it.
  std::string example = {};
  // Schema of the body of the 200; empty with another content type than JSON.
  std::string answer = {};
  std::string answer_example = {};
  std::string_view answer_type = "application/json";
  // What the lines of a body of NDJSON are, and those of its answer; empty: it is not taken so.
  std::string body_lines = {};
  std::string body_rows = {};  // the same of CSV
  std::string answer_lines = {};
  std::vector<Outcome> others = {};
  // False for what never answers 200; `others` says what it does instead.
  bool succeeds = true;
  bool deprecated = false;
  // The handler looks at the token itself, although the route is open.
  bool guarded = false;
  // The choices of sending in `query` may be header fields, too (bodies/send_choices.h).
  bool choice_fields = false;
};

// What the query of a request of one of these forms may ask for (bodies/send_choices.h).
std::vector<Parameter> send_choice_parameters(std::initializer_list<bodies::SendForm> forms);

// What several groups share. `limit` and `cursor` of a list that comes page by page.
std::vector<Parameter> page_query(std::int64_t usual, std::int64_t most,
                                  std::string example = "50");
// The node that is meant: this one.
Parameter this_node();
// A part of the path that may be any text.
Parameter path_part(std::string_view name, std::string schema, std::string example);

// The tables of the groups.
std::vector<Operation> message_operations();
std::vector<Operation> job_operations();
std::vector<Operation> template_operations();
std::vector<Operation> event_operations();
std::vector<Operation> channel_operations();
std::vector<Operation> conversation_operations();
std::vector<Operation> directory_operations();
std::vector<Operation> listing_operations();
std::vector<Operation> manager_view_operations();
std::vector<Operation> cluster_operations();
std::vector<Operation> user_operations();
std::vector<Operation> system_operations();

// All of them. Built at the first call, constant afterwards; thread-safe.
std::span<const Operation> all_operations();

// A schema under components/schemas.
struct Component {
  std::string_view name;
  std::string schema;
};
std::vector<Component> components();
// Those of sending, which name some of components().
std::vector<Component> send_components();
// Of GET /jobs/{id}.
std::string job_schema();
// Of the 202 of a job.
std::string new_job_schema();

}  // namespace jindou::openapi
