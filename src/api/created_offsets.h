// Pages of lists whose callers go on by a time of creation, as with the released v2 manager.
//
// There the page behind another is asked for with offset_created_at, the created_at of the last
// entry, and the one before it with that of the first entry and pre=1. Here lists lie in the order
// of their keys (partition/listings.h) and not every entry has a time of creation. So the digits of
// created_at below the second, which the store does not know, name the page that an entry is on:
// all entries of a page have the same. Where the page begins and what is behind and before it is
// remembered here, of the latest pages; of others the caller is told to begin anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace jindou::api {

// Thread-safe.
class CreatedOffsets {
 public:
  // A page is two places of some hundred bytes: less than a MiB together.
  static constexpr std::size_t kPagesMax = 1024;
  // Page::before where nobody knows what is there.
  static constexpr std::int64_t kUnknown = -1;

  struct Page {
    std::string list;         // its name, which says all that decides what is on it
    std::string begin;        // a ListingPage::next; empty: it is the first
    std::string next;         // empty: it is the last
    std::int64_t before = 0;  // the created_at of an entry of the page before; 0: it is the first
  };

  // `seed`: where numbers begin. One that grows with the milliseconds of the wall clock keeps apart
  // what was given out before a restart.
  explicit CreatedOffsets(std::uint64_t seed, std::size_t pages_max = kPagesMax);

  // What the created_at of the entries of the page has below the second, in nanoseconds: more than
  // 0, and such that a client which holds numbers as doubles does not change it.
  std::int64_t remember(Page page);

  // The page of that list with an entry of that created_at. None: it is forgotten, or was none.
  std::optional<Page> find(std::string_view list, std::int64_t created_at) const;

 private:
  const std::size_t pages_max_;
  mutable Mutex mutex_;
  std::deque<Page> pages_ JD_GUARDED_BY(mutex_);    // oldest first
  std::uint64_t oldest_ JD_GUARDED_BY(mutex_) = 0;  // the number of the first of them
};

}  // namespace jindou::api
