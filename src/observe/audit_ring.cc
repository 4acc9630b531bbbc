#include "observe/audit_ring.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace jindou::observe {

namespace {

// What a line takes beside its text: its place in the queue, and the header of its allocation.
constexpr std::size_t kAroundALine = sizeof(AuditRing::Line) + 16;

std::size_t bytes_of(const AuditRing::Line& line) { return line.members.capacity() + kAroundALine; }

}  // namespace

void AuditRing::set_bytes_max(std::size_t bytes_max) {
  const MutexLock lock(mutex_);
  bytes_max_ = bytes_max;
  drop_oldest();
}

void AuditRing::add(AuditEvent event, std::string members) {
  const MutexLock lock(mutex_);
  lines_.push_back({next_++, event, std::move(members)});
  bytes_ += bytes_of(lines_.back());
  drop_oldest();
}

void AuditRing::drop_oldest() {
  while (bytes_ > bytes_max_) {
    JD_ASSERT(!lines_.empty());
    JD_ASSERT(bytes_ >= bytes_of(lines_.front()));
    bytes_ -= bytes_of(lines_.front());
    lines_.pop_front();
  }
}

AuditRing::Page AuditRing::read(const Query& query) const {
  Page page;
  const MutexLock lock(mutex_);
  std::size_t end = lines_.size();
  if (query.before != 0 && !lines_.empty()) {
    const std::uint64_t oldest = lines_.front().number;
    const std::uint64_t older = query.before > oldest ? query.before - oldest : 0;
    end = static_cast<std::size_t>(std::min<std::uint64_t>(older, end));
  }
  while (end > 0) {
    const Line& line = lines_[--end];
    if (query.event && line.event != *query.event) continue;
    if (page.lines.size() == query.count) {
      page.more = true;
      break;
    }
    page.lines.push_back(line);
  }
  return page;
}

}  // namespace jindou::observe
