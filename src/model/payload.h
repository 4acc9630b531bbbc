// The bytes of a message's payload: its own, or one copy that it shares with other messages.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace jindou {

// A value, read as a std::string_view. Copies of a shared one share it, on any threads: shared
// bytes never change.
class Payload {
 public:
  Payload() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): bytes are a payload.
  Payload(std::string bytes) : own_(std::move(bytes)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Payload(const char* text) : own_(text) {}
  // Not null.
  explicit Payload(std::shared_ptr<const std::string> shared) : shared_(std::move(shared)) {}

  // NOLINTNEXTLINE(google-explicit-constructor): to be read is what it is for.
  operator std::string_view() const { return view(); }
  std::string_view view() const {
    return shared_ != nullptr ? std::string_view(*shared_) : std::string_view(own_);
  }
  std::string str() const { return std::string(view()); }
  std::size_t size() const { return view().size(); }
  bool empty() const { return size() == 0; }

  // Copies have the same bytes from then on, not bytes of their own.
  void share() {
    if (shared_ == nullptr) {
      shared_ = std::make_shared<const std::string>(std::exchange(own_, std::string()));
    }
  }

  // To be written; what was shared is let go of.
  std::string& own() {
    shared_.reset();
    return own_;
  }
  void clear() { own().clear(); }

  friend bool operator==(const Payload& a, const Payload& b) { return a.view() == b.view(); }
  template <class Text>
  requires(std::is_convertible_v<const Text&, std::string_view> &&
           !std::is_same_v<Text, Payload>) friend bool
  operator==(const Payload& a, const Text& b) {
    return a.view() == std::string_view(b);
  }

 private:
  std::string own_;
  std::shared_ptr<const std::string> shared_;
};

}  // namespace jindou
