#include "bench/row_tools.h"

#include <unistd.h>

#include <chrono>

#include "base/random.h"
#include "bench/server_process.h"
#include "bench/stats.h"

namespace jindou::bench {

void append(std::vector<std::uint64_t>& all, const std::vector<std::uint64_t>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

std::string new_run_id() {
  SystemRandom random;
  return random.hex(4);
}

void CpuMeter::begin() {
  start_ = std::chrono::steady_clock::now();
  server_start_ = server_ > 0 ? cpu_seconds(server_) : 0;
  own_start_ = cpu_seconds(::getpid());
}

void CpuMeter::end(std::uint64_t messages) {
  wall_ += seconds_since(start_);
  if (server_ > 0) server_used_ += cpu_seconds(server_) - server_start_;
  own_used_ += cpu_seconds(::getpid()) - own_start_;
  messages_ += messages;
}

std::string CpuMeter::text() const {
  std::string text =
      fmt::format("cores busy: server {:.2f}, generator {:.2f}", server_cores(), own_cores());
  const double per_message = server_micros_per_message();
  if (per_message > 0) text += fmt::format("; {:.2f} us of the server per message", per_message);
  return text;
}

std::string spread(const std::vector<double>& values) {
  return fmt::format("{}..{}", format_number(smallest(values)), format_number(largest(values)));
}

void add_detail(Row& row, std::string name, double value) {
  row.details.emplace_back(std::move(name), value);
}

void compare(Row& row, Row::Bar kind, double bar, double ratio, std::string reference) {
  row.bar_kind = kind;
  row.bar = bar;
  row.ratio = ratio;
  row.reference = std::move(reference);
}

void refer(Row& row, double ratio, std::string reference) {
  row.ratio = ratio;
  row.reference = std::move(reference);
}

namespace {

std::string json_array(const std::vector<std::string>& uids) {
  std::string out = "[";
  for (const std::string& uid : uids) {
    if (out.size() > 1) out.push_back(',');
    out.append("\"").append(uid).append("\"");
  }
  out.push_back(']');
  return out;
}

}  // namespace

Result<void> create_group(HttpClient& http, const std::string& name,
                          const std::vector<std::string>& subscribers) {
  auto answer = http.post(
      "/channel", fmt::format(R"({{"channel_id":"{}","channel_type":2,"subscribers":{}}})", name,
                              json_array(subscribers)));
  if (!answer) return answer.error();
  return {};
}

Result<void> add_subscribers(HttpClient& http, const std::string& name,
                             const std::vector<std::string>& subscribers) {
  auto answer = http.post("/channel/subscriber_add",
                          fmt::format(R"({{"channel_id":"{}","channel_type":2,"subscribers":{}}})",
                                      name, json_array(subscribers)));
  if (!answer) return answer.error();
  return {};
}

RequestTemplate::Shape batch_shape(const GroupNames& groups) {
  RequestTemplate::Shape shape;
  shape.form = RequestTemplate::Form::batch;
  shape.groups = groups;
  shape.items = kBatchItems;
  shape.run_id = new_run_id();
  return shape;
}

RequestTemplate::Shape single_shape(const GroupNames& groups) {
  RequestTemplate::Shape shape = batch_shape(groups);
  shape.form = RequestTemplate::Form::single;
  shape.items = 1;
  return shape;
}

}  // namespace jindou::bench
