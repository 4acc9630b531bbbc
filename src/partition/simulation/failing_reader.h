// A disk that does not answer once: for tests of what a command leaves behind that cannot read.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "store/reader.h"

namespace jindou::partition::simulation {

// Fails one read, the n-th from arm(n) on; each look through a cursor counts.
class FailingReader final : public store::Reader {
 public:
  explicit FailingReader(const store::Reader& inner) : inner_(inner) {}

  void arm(int nth) { left_ = nth; }
  // True when the failure has happened.
  bool disarm() { return std::exchange(left_, 0) < 0; }

  std::unique_ptr<store::Cursor> open_cursor(store::Table table) const override {
    return std::make_unique<FailingCursor>(inner_.open_cursor(table), *this);
  }
  Result<bool> get(store::Table table, std::string_view key, std::string& value) const override {
    if (fails()) return failure();
    return inner_.get(table, key, value);
  }
  Result<void> scan(store::Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override {
    if (fails()) return failure();
    return inner_.scan(table, lower, upper, visit);
  }
  Result<void> scan_backward(store::Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override {
    if (fails()) return failure();
    return inner_.scan_backward(table, lower, upper, visit);
  }

 private:
  class FailingCursor final : public store::Cursor {
   public:
    FailingCursor(std::unique_ptr<store::Cursor> inner, const FailingReader& reader)
        : inner_(std::move(inner)), reader_(reader) {}
    bool seek(std::string_view key) override { return move(&Cursor::seek, key); }
    bool seek_before(std::string_view key) override { return move(&Cursor::seek_before, key); }
    bool next() override { return inner_->next(); }
    bool prev() override { return inner_->prev(); }
    std::string_view key() const override { return inner_->key(); }
    std::string_view value() const override { return inner_->value(); }
    Result<void> status() const override {
      if (failed_) return failure();
      return inner_->status();
    }
    Result<bool> get(std::string_view key, std::string& value) const override {
      if (reader_.fails()) return failure();
      return inner_->get(key, value);
    }

   private:
    bool move(bool (Cursor::*how)(std::string_view), std::string_view key) {
      failed_ = reader_.fails();
      return !failed_ && (*inner_.*how)(key);
    }
    std::unique_ptr<store::Cursor> inner_;
    const FailingReader& reader_;
    bool failed_ = false;
  };

  static Error failure() { return Error(Errc::storage, "the disk does not answer"); }
  bool fails() const {
    if (left_ <= 0) return false;
    if (--left_ > 0) return false;
    left_ = -1;
    return true;
  }

  const store::Reader& inner_;
  mutable int left_ = 0;
};

}  // namespace jindou::partition::simulation
