#include "store/memory_reader.h"

#include <utility>

namespace jindou::store {

class MemoryReader::MapCursor final : public Cursor {
 public:
  explicit MapCursor(std::shared_ptr<const Map> map) : map_(std::move(map)), at_(map_->end()) {}

  bool seek(std::string_view key) override {
    at_ = map_->lower_bound(key);
    return valid();
  }
  bool seek_before(std::string_view key) override {
    at_ = map_->lower_bound(key);
    return step_back();
  }
  bool next() override {
    if (valid()) ++at_;
    return valid();
  }
  bool prev() override { return valid() && step_back(); }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  Result<void> status() const override { return {}; }
  Result<bool> get(std::string_view key, std::string& value) const override {
    const auto it = map_->find(key);
    if (it == map_->end()) return false;
    value = it->second;
    return true;
  }

 private:
  bool valid() const { return at_ != map_->end(); }
  bool step_back() {
    at_ = at_ == map_->begin() ? map_->end() : std::prev(at_);
    return valid();
  }

  std::shared_ptr<const Map> map_;
  Map::const_iterator at_;
};

MemoryReader::MemoryReader() {
  for (auto& map : maps_) map = std::make_shared<Map>();
}

std::unique_ptr<Cursor> MemoryReader::open_cursor(Table table) const {
  return std::make_unique<MapCursor>(maps_[static_cast<std::size_t>(table)]);
}

Result<bool> MemoryReader::get(Table table, std::string_view key, std::string& value) const {
  const auto it = map(table).find(key);
  if (it == map(table).end()) return false;
  value = it->second;
  return true;
}

Result<void> MemoryReader::scan(Table table, std::string_view lower, std::string_view upper,
                                const Visit& visit) const {
  for (auto it = map(table).lower_bound(lower); it != map(table).end() && it->first < upper; ++it) {
    if (!visit(it->first, it->second)) break;
  }
  return {};
}

Result<void> MemoryReader::scan_backward(Table table, std::string_view lower,
                                         std::string_view upper, const Visit& visit) const {
  auto it = map(table).lower_bound(upper);
  while (it != map(table).begin()) {
    --it;
    if (it->first < lower) break;
    if (!visit(it->first, it->second)) break;
  }
  return {};
}

MemoryReader::Map& MemoryReader::map_for_change(Table table) {
  auto& map = maps_[static_cast<std::size_t>(table)];
  if (map.use_count() > 1) map = std::make_shared<Map>(*map);
  return *map;
}

void MemoryReader::put(Table table, std::string_view key, std::string_view value) {
  map_for_change(table).insert_or_assign(std::string(key), std::string(value));
}

void MemoryReader::erase_range(Table table, std::string_view lower, std::string_view upper) {
  Map& changed = map_for_change(table);
  changed.erase(changed.lower_bound(lower), changed.lower_bound(upper));
}

void MemoryReader::erase(Table table, std::string_view key) {
  map_for_change(table).erase(std::string(key));
}

void MemoryReader::erase_seen(Table table, std::string_view key, std::string_view value) {
  const auto it = map(table).find(key);
  if (it != map(table).end() && it->second == value) erase(table, key);
}

}  // namespace jindou::store
