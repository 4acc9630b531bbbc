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
#include "observe/metrics.h"
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
  // `stored` tells how many there are, together with those of other partitions; may be null,
  // outlives it.
  Templates(PartitionId partition, const TemplateLimits& limits, observe::Gauge* stored = nullptr)
      : partition_(partition), limits_(limits), stored_(stored) {}
  ~Templates();
  Templates(const Templates&) = delete;
  Templates& operator=(const Templates&) = delete;

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
  // Counts those that there are now.
  void show();

  PartitionId partition_;
  TemplateLimits limits_;
  observe::Gauge* stored_;
  std::size_t shown_ = 0;
  std::map<std::string, store::TemplateRecord> templates_;
  store::TemplateFloorRecord floor_;
};

}  // namespace jindou::partition
