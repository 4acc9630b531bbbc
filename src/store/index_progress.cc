#include "store/index_progress.h"

#include "base/bytes.h"
#include "base/varint.h"
#include "store/keys.h"
#include "store/records.h"
#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

constexpr char kIndexFormat = 1;

}  // namespace

std::string encode_index_progress(std::uint64_t counter) {
  std::string out(1, kIndexFormat);
  append_varint(out, counter);
  return out;
}

Result<std::uint64_t> decode_index_progress(std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = reader.read_u8() == kIndexFormat;
  const std::uint64_t counter = reader.read_varint();
  if (!known || !reader.ok()) return Error(Errc::storage, "unreadable index progress record");
  return counter;
}

Result<std::uint64_t> load_index_progress(const PartitionReader& reader) {
  std::string value;
  JD_TRY(const bool found,
         reader.get(Table::client_numbers, index_progress_key(reader.partition()), value));
  if (!found) return std::uint64_t{0};
  return decode_index_progress(value);
}

Result<void> move_index_progress(const OpenStore& store, std::uint16_t partitions,
                                 rocksdb::WriteBatch& batch) {
  std::string value;
  for (std::uint16_t i = 0; i < partitions; ++i) {
    const auto partition = static_cast<PartitionId>(i);
    const auto status = store.db().Get(rocksdb::ReadOptions(), store.handle(Table::main),
                                       partition_state_key(partition), &value);
    if (status.IsNotFound()) continue;
    if (!status.ok()) return to_error(status);
    JD_TRY(const PartitionState state, decode_partition_state(value));
    if (state.indexed_to_of_format_1 == 0) continue;
    const auto put = batch.Put(store.handle(Table::client_numbers), index_progress_key(partition),
                               encode_index_progress(state.indexed_to_of_format_1));
    if (!put.ok()) return to_error(put);
  }
  return {};
}

}  // namespace jindou::store
