#include "partition/refusals.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace jindou::partition {

namespace {

// The entry, its place in the index, and what the allocator adds to each string.
constexpr std::size_t kEntryOverheadBytes = sizeof(Refusal) + 128;
// Of the mix of two hashes: 2^64 divided by the golden ratio.
constexpr std::uint64_t kMix = 0x9e3779b97f4a7c15ULL;

std::size_t bytes_of(const Refusal& refusal) {
  return kEntryOverheadBytes + refusal.channel.id.size() + refusal.from_uid.size() +
         refusal.client_msg_no.size() + (refusal.result.words ? refusal.result.words->bytes() : 0);
}

}  // namespace

std::uint64_t Refusals::key_of(const ChannelKey& channel, std::string_view client_msg_no) {
  const std::uint64_t of_channel = ChannelKeyHash{}(channel);
  return of_channel * kMix + std::hash<std::string_view>{}(client_msg_no);
}

bool Refusals::is_told(const SendCommand& command, const SendResult& result) {
  if (result.state != SendResult::State::refused || command.client_msg_no.empty()) return false;
  if (command.job == nullptr) return true;
  return !errc_retriable(result.code) && !command.client_msg_no.starts_with(*command.job);
}

void Refusals::add(const SendCommand& command, const SendResult& result) {
  if (!on() || !is_told(command, result)) return;
  Refusal refusal;
  refusal.channel = command.channel;
  refusal.from_uid = command.from_uid;
  refusal.client_msg_no = command.client_msg_no;
  refusal.result = job_result_of(result);
  add(std::move(refusal));
}

void Refusals::add(Refusal refusal) {
  if (!on()) return;
  Entry entry;
  entry.refusal = std::move(refusal);
  entry.key = key_of(entry.refusal.channel, entry.refusal.client_msg_no);
  entry.bytes = bytes_of(entry.refusal);
  const std::int64_t now_ms = clock_.wall_ms();
  entry.refusal.at_ms = now_ms;
  const MutexLock lock(mutex_);
  last_[entry.key] = first_ + entries_.size();
  bytes_ += entry.bytes;
  entries_.push_back(std::move(entry));
  drop_old(now_ms);
  while (bytes_ > limits_.bytes_max) drop_first();
}

void Refusals::drop_old(std::int64_t now_ms) {
  while (!entries_.empty() && entries_.front().refusal.at_ms + limits_.keep.count() <= now_ms) {
    drop_first();
  }
}

void Refusals::drop_first() {
  const Entry& entry = entries_.front();
  // Others may have come within the same millisecond.
  since_ms_ = std::max(since_ms_, entry.refusal.at_ms + 1);
  const auto last = last_.find(entry.key);
  if (last != last_.end() && last->second == first_) last_.erase(last);
  bytes_ -= entry.bytes;
  entries_.pop_front();
  ++first_;
}

std::optional<Refusal> Refusals::find(const ChannelKey& channel, std::string_view client_msg_no) {
  const std::uint64_t key = key_of(channel, client_msg_no);
  const MutexLock lock(mutex_);
  drop_old(clock_.wall_ms());
  const auto last = last_.find(key);
  if (last == last_.end()) return std::nullopt;
  const Refusal& refusal = entries_[last->second - first_].refusal;
  if (refusal.channel != channel || refusal.client_msg_no != client_msg_no) return std::nullopt;
  return refusal;
}

std::int64_t Refusals::since_ms() {
  const MutexLock lock(mutex_);
  drop_old(clock_.wall_ms());
  return since_ms_;
}

}  // namespace jindou::partition
