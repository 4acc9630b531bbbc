// The two ends of a streamed request without a connection. For tests.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http_names.h"
#include "http/stream.h"

namespace jindou::api {

// A caller whose pieces come one after the other.
class ScriptedStream final : public http::Stream {
 public:
  explicit ScriptedStream(std::vector<std::string> pieces, Part end = Part::end)
      : pieces_(std::move(pieces)), end_(end) {}

  Task<Part> read(Wait wait, std::string_view& piece) override {
    piece = {};
    if (end_reading_) co_return Part::lost;
    if (next_ == pieces_.size() && broken_) throw std::runtime_error("on purpose");
    if (next_ == pieces_.size()) co_return end_;
    // The first look finds nothing.
    if (slow_ && wait == Wait::no) co_return Part::none;
    while (held_at_ == next_) {
      boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                      std::chrono::milliseconds(1));
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    current_ = pieces_[next_++];
    piece = current_;
    co_return Part::piece;
  }
  std::string_view problem() const override { return "it went wrong"; }
  void count_useful(std::size_t bytes) override { useful_ += bytes; }
  void end_reading() override { end_reading_ = true; }
  void set_answer_due(bool due) override {
    due_ = due;
    was_due_ = was_due_ || due;
  }
  Task<bool> write(std::string_view piece) override {
    if (deaf_) co_return false;
    written_ += piece;
    ++writes_;
    if (!piece.empty() && at_write_) {
      const std::function<void()> what = std::move(at_write_);
      at_write_ = nullptr;
      what();
    }
    co_return true;
  }
  // As long as it is open.
  Task<bool> pause(std::chrono::milliseconds time) override {
    const auto until = std::chrono::steady_clock::now() + time;
    while (!deaf_ && std::chrono::steady_clock::now() < until) {
      boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                      std::chrono::milliseconds(1));
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    co_return !deaf_;
  }
  bool is_open() override { return !deaf_; }

  void make_slow() { slow_ = true; }
  // The piece with this number does not come before release().
  void hold(std::size_t piece) { held_at_ = piece; }
  void release() { held_at_ = SIZE_MAX; }
  void make_broken() { broken_ = true; }
  // Once, when the first piece of the answer has been taken.
  void at_write(std::function<void()> what) { at_write_ = std::move(what); }
  void make_deaf() { deaf_ = true; }
  bool is_due() const { return due_; }
  bool was_due() const { return was_due_; }
  std::size_t useful() const { return useful_; }
  std::size_t pieces_read() const { return next_; }
  std::size_t writes() const { return writes_; }
  const std::string& written() const { return written_; }

 private:
  std::vector<std::string> pieces_;
  Part end_;
  std::string current_;
  std::size_t next_ = 0;
  std::size_t useful_ = 0;
  bool slow_ = false;
  bool broken_ = false;
  std::atomic<bool> deaf_{false};
  bool end_reading_ = false;
  bool due_ = false;
  bool was_due_ = false;
  std::string written_;
  std::function<void()> at_write_;
  std::atomic<std::size_t> held_at_{SIZE_MAX};
  std::atomic<std::size_t> writes_{0};
};

}  // namespace jindou::api
