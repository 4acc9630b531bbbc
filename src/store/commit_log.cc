#include "store/commit_log.h"

#include <future>
#include <memory>

namespace jindou::store {

Result<LogOpening> open_and_wait(CommitLog& log, PartitionId partition) {
  auto opened = std::make_shared<std::promise<Result<LogOpening>>>();
  std::future<Result<LogOpening>> outcome = opened->get_future();
  log.open(partition, [opened](Result<LogOpening> done) { opened->set_value(std::move(done)); });
  return outcome.get();
}

}  // namespace jindou::store
