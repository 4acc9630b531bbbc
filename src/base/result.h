// Errors as values: `Result<T>` is a T or an `Error`, and ignoring one is a compiler warning.
//
// A thin class over tl::expected because that type is not [[nodiscard]], and std::expected needs
// C++23, which the clang 14 of our fuzz and tidy builds cannot read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace jindou {

// What went wrong, as an answer to "what can the caller do about it?".
enum class Errc : std::uint8_t {
  invalid,          // fix the request: malformed, out of range, missing
  too_large,        // fix the request: a documented size limit was passed
  not_found,        // nothing there
  denied,           // the sender may not do this; the reason code says why
  conflict,         // not as the request supposes: the client_msg_no has another payload
  overloaded,       // a bounded queue is full: retry later, nothing has been done
  unavailable,      // not possible right now (starting, stopping, storage recovering): retry later
  not_owner,        // another node has the partition: ask that one; nothing has been done
  storage,          // the store refused; nothing has been done
  unknown_outcome,  // may or may not have been done: repeat with the same client_msg_no to learn
  deadline,         // took too long; outcome unknown
  closed,           // the peer or the component is gone
  rate_limited,     // the caller is over a rate limit: slow down; nothing has been done
  skipped,          // not tried, because something before it failed: nothing has been done
  internal,         // a bug of ours
};

// A stable machine-readable name: "invalid", "too_large", ... Part of the HTTP contract ("code").
std::string_view errc_name(Errc code);

// True when repeating the same request later can succeed.
bool errc_retriable(Errc code);

class Error {
 public:
  explicit Error(Errc code) : code_(code) {}
  Error(Errc code, std::string detail) : code_(code), detail_(std::move(detail)) {}

  Errc code() const { return code_; }
  // One sentence for people; may be empty. Never holds payloads or tokens.
  const std::string& detail() const { return detail_; }
  // "code: detail".
  std::string text() const;

  // The protocol's reason code (model/reason.h) for what has one; 0: none.
  std::uint8_t reason() const { return reason_; }
  Error with_reason(std::uint8_t reason) && {
    reason_ = reason;
    return std::move(*this);
  }
  // The message_seq that the reason is about, for those that are about one.
  std::uint64_t seq() const { return seq_; }
  Error with_seq(std::uint64_t seq) && {
    seq_ = seq;
    return std::move(*this);
  }

 private:
  Errc code_;
  std::uint8_t reason_ = 0;
  std::uint64_t seq_ = 0;
  std::string detail_;
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  // NOLINTNEXTLINE(google-explicit-constructor): `return Error(...)` is the point.
  Result(Error error) : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}

  // Drops the outcome on purpose; the reason is for the reader.
  void ignore(std::string_view /*why*/) const {}
};

template <>
class [[nodiscard]] Result<void> : public tl::expected<void, Error> {
 public:
  using tl::expected<void, Error>::expected;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : tl::expected<void, Error>(tl::unexpect, std::move(error)) {}
  void ignore(std::string_view /*why*/) const {}
};

}  // namespace jindou

#define JD_CONCAT_INNER(a, b) a##b
#define JD_CONCAT(a, b) JD_CONCAT_INNER(a, b)
#define JD_TRY_INNER(name, declaration, expression)           \
  auto name = (expression);                                   \
  if (!name) return ::jindou::Error(std::move(name).error()); \
  declaration = std::move(*name)
// JD_TRY(auto channel, find_channel(key)); returns the error early, or declares the value.
#define JD_TRY(declaration, expression) \
  JD_TRY_INNER(JD_CONCAT(jd_result_, __LINE__), declaration, expression)
// The same for Result<void>.
#define JD_RETURN_IF_ERROR(expression)                                    \
  do {                                                                    \
    auto jd_status = (expression);                                        \
    if (!jd_status) return ::jindou::Error(std::move(jd_status).error()); \
  } while (false)
