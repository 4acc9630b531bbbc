#include "gateway/connection_survey.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace jindou::gateway {

namespace {
// Small pages are sorted out once in a while, not at every other connection.
constexpr std::size_t kSlack = 64;
}  // namespace

bool PageBuilder::comes_before(const presence::ConnectionInfo& a,
                               const presence::ConnectionInfo& b) const {
  if (query_.before) {
    if (query_.before(a, b)) return true;
    if (query_.before(b, a)) return false;
  }
  return raw(a.id) < raw(b.id);
}

void PageBuilder::drop_the_last() {
  auto& connections = page_.connections;
  if (connections.size() <= query_.keep) return;
  const auto end = connections.begin() + static_cast<std::ptrdiff_t>(query_.keep);
  std::nth_element(connections.begin(), end, connections.end(),
                   [this](const auto& a, const auto& b) { return comes_before(a, b); });
  connections.erase(end, connections.end());
}

void PageBuilder::add(presence::ConnectionInfo connection) {
  ++page_.total;
  page_.connections.push_back(std::move(connection));
  if (page_.connections.size() >= 2 * query_.keep + kSlack) drop_the_last();
}

void PageBuilder::add(presence::ConnectionPage page) {
  page_.total += page.total;
  page_.connections.insert(page_.connections.end(),
                           std::make_move_iterator(page.connections.begin()),
                           std::make_move_iterator(page.connections.end()));
  if (page_.connections.size() >= 2 * query_.keep + kSlack) drop_the_last();
}

presence::ConnectionPage PageBuilder::take() {
  drop_the_last();
  std::sort(page_.connections.begin(), page_.connections.end(),
            [this](const auto& a, const auto& b) { return comes_before(a, b); });
  return std::exchange(page_, {});
}

ConnectionSurvey::ConnectionSurvey(presence::ConnectionQuery query, std::size_t shards, Done done)
    : query_(std::move(query)), done_(std::move(done)), shards_left_(shards), pages_(query_) {}

void ConnectionSurvey::add_shard(presence::ConnectionPage page) {
  presence::ConnectionPage all;
  {
    const MutexLock lock(mutex_);
    pages_.add(std::move(page));
    if (--shards_left_ > 0) return;
    all = pages_.take();
  }
  // Nobody else is left to come.
  done_(std::move(all));
}

}  // namespace jindou::gateway
