// One answer to "which connections are there?", put together from all io shards.
#pragma once

#include <cstddef>
#include <functional>

#include "base/mutex.h"
#include "presence/connection_info.h"

namespace jindou::gateway {

// Keeps the first connections of a query's order, whatever the number of those it is shown: at most
// twice as many as asked for, and some. Not thread-safe. Borrows the query.
class PageBuilder {
 public:
  explicit PageBuilder(const presence::ConnectionQuery& query) : query_(query) {}

  // O(1) amortised.
  void add(presence::ConnectionInfo connection);
  // The same for another builder's result.
  void add(presence::ConnectionPage page);
  presence::ConnectionPage take();

 private:
  bool comes_before(const presence::ConnectionInfo& a, const presence::ConnectionInfo& b) const;
  void drop_the_last();

  const presence::ConnectionQuery& query_;
  presence::ConnectionPage page_;
};

// Collects the pages of `shards` shards. Thread-safe.
class ConnectionSurvey {
 public:
  using Done = std::function<void(presence::ConnectionPage)>;

  ConnectionSurvey(presence::ConnectionQuery query, std::size_t shards, Done done);
  ConnectionSurvey(const ConnectionSurvey&) = delete;
  ConnectionSurvey& operator=(const ConnectionSurvey&) = delete;

  const presence::ConnectionQuery& query() const { return query_; }
  // Each shard calls it once; the last one's call calls `done`.
  void add_shard(presence::ConnectionPage page);

 private:
  const presence::ConnectionQuery query_;
  Done done_;
  Mutex mutex_;
  std::size_t shards_left_ JD_GUARDED_BY(mutex_);
  PageBuilder pages_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::gateway
