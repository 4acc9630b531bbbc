// Any payload with any values: what is JSON without its variables is JSON with them, and the bound
// holds.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "codec/json_fault.h"
#include "codec/payload_template.h"
#include "model/id_rules.h"

// The payload is what stands behind the first NUL, the value of all variables what stands before.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jindou::codec;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\0');
  const std::string_view value = end == std::string_view::npos ? "" : input.substr(0, end);
  const std::string_view payload = end == std::string_view::npos ? input : input.substr(end + 1);
  const auto parsed = PayloadTemplate::parse(payload);
  if (!parsed) return 0;
  if (parsed->is_fixed()) JD_ASSERT(parsed->names().empty());
  JD_ASSERT(parsed->names().size() <= kVariablesMax);
  const bool is_value = is_json(value);
  TemplateVariables variables;
  std::size_t count = 0;
  for (const std::string& name : parsed->names()) {
    JD_ASSERT(variable_name_problem(name).empty());
    JD_ASSERT(parsed->first_place_of(count++) < payload.size());
    JD_ASSERT(!variables.has(name));
    variables.add({name, value, !is_value});
  }
  PayloadTemplate::Values values;
  parsed->find_values(variables, TemplateVariables(), values);
  for (std::size_t i = 0; i < count; ++i) {
    JD_ASSERT(values[i] != nullptr && values[i]->name == parsed->names()[i]);
  }
  std::string out;
  constexpr std::size_t kBytesMax = 4096;
  if (!parsed->fill(values, kBytesMax, out)) return 0;
  JD_ASSERT(out.size() <= kBytesMax);
  // Strings come from a parser, so they are UTF-8.
  if (parsed->is_json() && jindou::is_valid_utf8(value)) JD_ASSERT(is_json(out));
  return 0;
}
