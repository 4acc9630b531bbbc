// Reads of one partition, and of a set of them. Who works inside a partition has a reader of that
// one, and reading a key of another is a bug that is caught in every build; who reads for a user or
// a channel has the set, which knows in whose partition that is.
//
// Whoever takes these does not know where the rows come from: the set may hand out readers of a
// store that follows another node, or one that has caught up to a certain point.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/partition_map.h"
#include "store/reader.h"

namespace jindou::store {

// The keys of one partition: all that begin with its number.
class PartitionRange {
 public:
  explicit constexpr PartitionRange(PartitionId partition) : partition_(partition) {}

  constexpr PartitionId partition() const { return partition_; }
  constexpr bool holds(std::string_view key) const {
    return key.size() >= kNumberBytes && number_of(key) == raw(partition_);
  }
  // As `holds`, or the end of the range, which is where the next partition begins.
  constexpr bool reaches(std::string_view key) const {
    return holds(key) || (key.size() == kNumberBytes && number_of(key) == raw(partition_) + 1U);
  }

 private:
  static constexpr std::size_t kNumberBytes = 2;  // big-endian, before everything else (keys.h)
  static constexpr std::uint32_t number_of(std::string_view key) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(key[0])) << 8 |
           static_cast<unsigned char>(key[1]);
  }

  PartitionId partition_;
};

// A cursor that sees one partition and nothing else: moves behind its last or before its first key
// find nothing. Otherwise as Cursor (reader.h). Movable.
class PartitionCursor {
 public:
  PartitionCursor(std::unique_ptr<Cursor> own, PartitionId partition)
      : own_(std::move(own)), cursor_(own_.get()), range_(partition) {}
  // Borrows a cursor, which it moves, and which outlives it.
  PartitionCursor(Cursor& shared, PartitionId partition) : cursor_(&shared), range_(partition) {}

  PartitionId partition() const { return range_.partition(); }
  bool seek(std::string_view key) {
    JD_ASSERT(range_.reaches(key));
    return inside(cursor_->seek(key));
  }
  bool seek_before(std::string_view key) {
    JD_ASSERT(range_.reaches(key));
    return inside(cursor_->seek_before(key));
  }
  bool next() { return inside(cursor_->next()); }
  bool prev() { return inside(cursor_->prev()); }
  std::string_view key() const { return cursor_->key(); }
  std::string_view value() const { return cursor_->value(); }
  Result<void> status() const { return cursor_->status(); }
  Result<bool> get(std::string_view key, std::string& value) const {
    JD_ASSERT(range_.holds(key));
    return cursor_->get(key, value);
  }

 private:
  bool inside(bool found) const { return found && range_.holds(cursor_->key()); }

  std::unique_ptr<Cursor> own_;  // null when it is borrowed
  Cursor* cursor_;
  PartitionRange range_;
};

// Reads one partition. A value; thread-safe as the reader is, whose errors and costs these have.
class PartitionReader {
 public:
  // Borrows `reader`, which outlives this and all copies.
  PartitionReader(const Reader& reader, PartitionId partition)
      : reader_(&reader), range_(partition) {}

  PartitionId partition() const { return range_.partition(); }
  PartitionCursor open_cursor(Table table) const {
    return PartitionCursor(reader_->open_cursor(table), partition());
  }
  Result<bool> get(Table table, std::string_view key, std::string& value) const {
    JD_ASSERT(range_.holds(key));
    return reader_->get(table, key, value);
  }
  Result<void> scan(Table table, std::string_view lower, std::string_view upper,
                    const Reader::Visit& visit) const {
    JD_ASSERT(range_.holds(lower));
    JD_ASSERT(range_.reaches(upper));
    return reader_->scan(table, lower, upper, visit);
  }
  Result<void> scan_backward(Table table, std::string_view lower, std::string_view upper,
                             const Reader::Visit& visit) const {
    JD_ASSERT(range_.holds(lower));
    JD_ASSERT(range_.reaches(upper));
    return reader_->scan_backward(table, lower, upper, visit);
  }

 private:
  const Reader* reader_;
  PartitionRange range_;
};

// Looks at many partitions as they were at one moment.
class PartitionCursors {
 public:
  explicit PartitionCursors(std::unique_ptr<Cursor> cursor) : cursor_(std::move(cursor)) {}
  // Valid as long as this; one at a time, because a move of one moves them all.
  PartitionCursor of(PartitionId partition) { return PartitionCursor(*cursor_, partition); }

 private:
  std::unique_ptr<Cursor> cursor_;
};

// Readers of all partitions. A value.
class PartitionReaders {
 public:
  // Borrows `reader`, which outlives this and all that it hands out.
  PartitionReaders(const Reader& reader, PartitionMap map) : reader_(&reader), map_(map) {}

  const PartitionMap& map() const { return map_; }
  PartitionReader of(PartitionId partition) const {
    JD_ASSERT(map_.has(partition));
    return PartitionReader(*reader_, partition);
  }
  PartitionReader of_channel(const ChannelKey& channel) const {
    return of(map_.of_channel(channel));
  }
  PartitionReader of_user(std::string_view uid) const { return of(map_.of_user(uid)); }
  PartitionReader of_request(std::string_view key) const { return of(map_.of_request(key)); }
  PartitionReader of_template(std::string_view name) const { return of(map_.of_template(name)); }
  PartitionReader of_job(std::string_view id) const { return of(map_.of_job(id)); }
  PartitionReader of_system_accounts() const { return of(map_.of_system_accounts()); }
  // Blocks on disk when it moves.
  PartitionCursors open_cursors(Table table) const {
    return PartitionCursors(reader_->open_cursor(table));
  }

 private:
  const Reader* reader_;
  PartitionMap map_;
};

}  // namespace jindou::store
