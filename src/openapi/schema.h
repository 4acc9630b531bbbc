// Small builders of JSON Schema, for the tables that the OpenAPI document is made of. Each returns
// the JSON text of one schema. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jindou::openapi {

// One member of an object.
struct Property {
  std::string_view name;
  std::string schema;
  bool required = false;
};
// A member that is always there, or that a request must have.
Property need(std::string_view name, std::string schema);
// A member that may be absent.
Property may(std::string_view name, std::string schema);

std::string object(const std::vector<Property>& properties, std::string_view description = {});
std::string array(std::string items, std::string_view description = {});
// With at most so many items.
std::string array_up_to(std::size_t items_max, std::string items,
                        std::string_view description = {});
// An object whose members have any names.
std::string map(std::string values, std::string_view description = {});

std::string text(std::string_view description);
// A string of so many characters; `most` 0: as many as there are. Bounds in bytes are given as
// those in characters, which no string within them exceeds.
std::string bounded_text(std::size_t least, std::size_t most, std::string_view description);
// A string that is one of the words.
std::string word(std::span<const std::string_view> words, std::string_view description);
std::string word(std::initializer_list<std::string_view> words, std::string_view description);
std::string base64(std::string_view description);
// The payload of a message that is sent, never null: base64, an object or an array.
std::string payload(std::string_view description);
std::string date_time(std::string_view description);
std::string integer(std::string_view description, std::int64_t min = 0,
                    std::int64_t max = std::numeric_limits<std::int64_t>::max());
// An integer within 64 bits, whatever it is.
std::string any_integer(std::string_view description);
std::string number(std::string_view description);
std::string boolean(std::string_view description);
// A 0/1 member of a request: takes true and false too.
std::string flag(std::string_view description);
// A 0/1 member of an answer.
std::string bit(std::string_view description);
// Any JSON value.
std::string anything(std::string_view description);
// The value or null. `schema` is without a description: generators and the page of /docs look for
// it beside the choice.
std::string nullable(std::string schema, std::string_view description = {});
std::string one_of(std::initializer_list<std::string> schemas);

// A schema of components/schemas by its name.
std::string ref(std::string_view name);
// The same with a description of its own.
std::string ref(std::string_view name, std::string_view description);

// "the sender" as a description: "The sender."
std::string sentence(std::string_view meaning);

// What several endpoints share. A page of a list: its items behind the other members, and how it
// goes on.
std::string page_of(std::string items, std::vector<Property> members = {});
std::string uid(std::string_view description = "The user.");
std::string uids(std::string_view description);
std::string channel_type(std::string_view description = "1 person, 2 group, … up to 255.");
// A message id in a request: a number or its decimal digits as a string.
std::string message_id(std::string_view description);
// The `status` of an answer when all went well.
std::string ok_status();

}  // namespace jindou::openapi
