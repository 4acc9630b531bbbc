// A store in ordered maps, for tests and simulations: what is put is readable at once.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "store/reader.h"

namespace jindou::store {

// Single-threaded. An open cursor keeps seeing what was there when it was opened: the first change
// after that copies the map.
class MemoryReader : public Reader {
 public:
  MemoryReader();
  std::unique_ptr<Cursor> open_cursor(Table table) const override;
  Result<bool> get(Table table, std::string_view key, std::string& value) const override;
  Result<void> scan(Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override;
  Result<void> scan_backward(Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override;

  void put(Table table, std::string_view key, std::string_view value);
  void erase(Table table, std::string_view key);
  // If it has that value.
  void erase_seen(Table table, std::string_view key, std::string_view value);
  // [lower, upper)
  void erase_range(Table table, std::string_view lower, std::string_view upper);

 private:
  class MapCursor;
  using Map = std::map<std::string, std::string, std::less<>>;

  const Map& map(Table table) const { return *maps_[static_cast<std::size_t>(table)]; }
  Map& map_for_change(Table table);

  std::array<std::shared_ptr<Map>, 2> maps_;
};

}  // namespace jindou::store
