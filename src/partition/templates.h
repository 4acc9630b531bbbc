// The stored templates of a partition: payloads under names, in versions that count up and are
// never used again, also not when a template was deleted and another one gets its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/ids.h"
#include "partition/state_lines.h"
#include "partition/template_commands.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// The defaults are those of src/config/settings.h.
struct TemplateLimits {
  std::size_t per_partition_max = 1000;
  std::size_t versions_max = 100;  // of one template
};

// Lives in its partition and on its thread. Has names and versions in memory, payloads not: at most
// some 200 bytes for a template and 8 for a version.
class Templates {
 public:
  Templates(PartitionId partition, const TemplateLimits& limits)
      : partition_(partition), limits_(limits) {}

  // Reads which there are. Errors: storage.
  Result<void> open(const store::PartitionReader& reader);

  // Errors: as the command says.
  Result<void> evaluate(const StoreTemplate& command, Txn& txn);
  Result<void> evaluate(const DeleteTemplate& command, Txn& txn);

  void describe(StateLines& lines) const;

 private:
  // Without a record the template is not there.
  void put(const std::string& name, std::optional<store::TemplateRecord> record, Txn& txn);
  void remove(const std::string& name, const store::TemplateRecord& record, Txn& txn);

  PartitionId partition_;
  TemplateLimits limits_;
  std::map<std::string, store::TemplateRecord> templates_;
  store::TemplateFloorRecord floor_;
};

}  // namespace jindou::partition
