// Changes of stored templates. Each belongs to the partition of the template's name.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace jindou::partition {

// Stores a version, or with it the template. Errors: conflict when `version` is not the next one of
// the template (RecordReader::load_next_template_version): somebody else was faster; too_large when
// there are as many templates or versions as there may be.
struct StoreTemplate {
  std::string name;  // a possible one (model/template_name.h)
  std::uint64_t version = 0;
  std::string payload;
  std::int64_t created_at = 0;  // seconds; told to people, decides nothing
};

// Deletes one version, or without a number all of them. With its last version a template is gone.
// Errors: not_found.
struct DeleteTemplate {
  std::string name;
  std::uint64_t version = 0;
};

using TemplateCommand = std::variant<StoreTemplate, DeleteTemplate>;

}  // namespace jindou::partition
