#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "bench/interrupt.h"
#include "bench/request_template.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"
#include "codec/message_json.h"
#include "model/message.h"
#include "store/batch_put.h"
#include "store/keys.h"
#include "store/records.h"
#include "store/rocksdb_slice.h"

namespace jindou::bench {

namespace {

// Within a round the two that are compared take turns of this length, so that a processor that
// changes its speed, or has something else to do, does so for both.
constexpr double kTurnSeconds = 0.02;
constexpr std::size_t kManyItems = 1000;
constexpr std::size_t kLongPayloadBytes = 4096;
constexpr std::uint64_t kLongPayloadSeed = 11;

struct Amount {
  std::uint64_t items = 0;
  double seconds = 0;
  double per_second() const { return seconds > 0 ? static_cast<double>(items) / seconds : 0; }
};

// `step` does some items and says how many.
template <class Step>
void take_turn(const Step& step, Amount& amount) {
  const auto start = std::chrono::steady_clock::now();
  double taken = 0;
  do {
    amount.items += step();
    taken = seconds_since(start);
  } while (taken < kTurnSeconds);
  amount.seconds += taken;
}

// `reference`: what the other one does.
template <class Step, class Other>
Result<void> compare_steps(const BenchOptions& options, Row row, const Step& step,
                           const Other& other, const std::string& reference,
                           std::vector<Row>& rows) {
  std::vector<double> rates;
  std::vector<double> other_rates;
  // Round 0 warms up.
  for (int round = 0; round <= options.rounds; ++round) {
    Amount done;
    Amount by_other;
    while (done.seconds + by_other.seconds < options.seconds) {
      JD_RETURN_IF_ERROR(check_interrupted());
      take_turn(step, done);
      take_turn(other, by_other);
    }
    progress("{}, round {}: {} items/s, {} {} items/s", row.name, round,
             format_number(done.per_second()), reference, format_number(by_other.per_second()));
    if (round == 0) continue;
    rates.push_back(done.per_second());
    other_rates.push_back(by_other.per_second());
  }
  row.value = median(rates);
  const double of_other = median(other_rates);
  refer(row, of_other > 0 ? row.value / of_other : 0,
        reference + ": " + format_number(of_other) + " items/s");
  row.note =
      fmt::format("rounds in turns, {}, {} {}", spread(rates), reference, spread(other_rates));
  add_detail(row, "reference_per_second", of_other);
  rows.push_back(std::move(row));
  return {};
}

// ---- the parser ------------------------------------------------------------------------------

// The body of a batch, with room behind it as the server leaves it.
std::string batch_body(const Stage& stage, std::size_t items) {
  constexpr std::string_view kEndOfHead = "\r\n\r\n";
  RequestTemplate::Shape shape = batch_shape(GroupNames());
  shape.items = items;
  RequestTemplate request(shape, stage.payloads());
  const std::string_view whole = request.fill(1, 0);
  const std::size_t end = whole.find(kEndOfHead);
  JD_ASSERT(end != std::string_view::npos);
  std::string body;
  body.reserve(whole.size() + simdjson::SIMDJSON_PADDING);
  body = whole.substr(end + kEndOfHead.size());
  return body;
}

std::uint64_t parse_items(const codec::JsonText& body, const codec::SendLimits& limits) {
  const codec::BatchBody parsed = codec::parse_batch(body, limits);
  const auto* items = std::get_if<std::vector<codec::BatchItem>>(&parsed);
  JD_ASSERT(items != nullptr);
  return items->size();
}

Result<void> measure_parser(const Stage& stage, std::size_t items, std::vector<Row>& rows) {
  const codec::SendLimits limits;
  const std::string body = batch_body(stage, items);
  JD_ASSERT(codec::JsonText(body).is_padded());
  const Row row(
      fmt::format("parse_{}", items),
      fmt::format("a batch of {} items parsed where it is, one thread", format_count(items)), 0,
      "items/s");
  return compare_steps(
      stage.options(), row, [&] { return parse_items(body, limits); },
      [&] { return parse_items(std::string_view(body), limits); }, "copied before", rows);
}

// ---- records of messages ---------------------------------------------------------------------

std::vector<Message> make_messages(const std::vector<std::string>& payloads) {
  const GroupNames groups;
  std::vector<Message> messages(kBatchItems);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Message& message = messages[i];
    message.id = message_id_of(i + 1, PartitionId{0});
    message.seq = static_cast<MessageSeq>(i + 1);
    message.channel = ChannelKey(groups.name(static_cast<unsigned>(i)), ChannelType::group);
    message.from_uid = "bench_sender";
    message.client_msg_no = fmt::format("00000000-{:013}", i);
    message.timestamp = 1'700'000'000;
    message.payload = payloads[i % payloads.size()];
  }
  return messages;
}

Result<void> measure_records(const Stage& stage, const std::vector<std::string>& payloads,
                             std::vector<Row>& rows) {
  const std::vector<Message> messages = make_messages(payloads);
  rocksdb::WriteBatch batch;
  std::string key;
  std::string value;
  const auto put_all = [&](const auto& put) {
    batch.Clear();
    for (const Message& message : messages) {
      store::build_message_key(key, PartitionId{0}, message.channel, message.seq);
      const rocksdb::Status done = put(message);
      JD_ASSERT(done.ok());
    }
    return static_cast<std::uint64_t>(messages.size());
  };
  const auto joined = [&](const Message& message) {
    store::encode_before_payload(value, message, message.channel);
    return store::put_joined(batch, key, value, message.payload);
  };
  const auto whole = [&](const Message& message) {
    store::encode_message(value, message, message.channel);
    return batch.Put(store::slice(key), store::slice(value));
  };
  put_all(joined);
  const std::string bytes = batch.Data();
  put_all(whole);
  JD_ASSERT(batch.Data() == bytes);
  const std::size_t payload_bytes = payloads.front().size();
  const Row row(fmt::format("record_{}", payload_bytes),
                fmt::format("messages of {} bytes written into a batch of 100, one thread",
                            format_count(payload_bytes)),
                0, "items/s");
  return compare_steps(
      stage.options(), row, [&] { return put_all(joined); }, [&] { return put_all(whole); },
      "as a string before", rows);
}

}  // namespace

Result<void> measure_parts(Stage& stage, std::vector<Row>& rows) {
  for (const std::size_t items : {kBatchItems, kManyItems}) {
    JD_RETURN_IF_ERROR(measure_parser(stage, items, rows));
  }
  JD_RETURN_IF_ERROR(measure_records(stage, stage.payloads(), rows));
  return measure_records(stage, make_payloads(1, kLongPayloadBytes, kLongPayloadSeed), rows);
}

}  // namespace jindou::bench
