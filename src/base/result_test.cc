#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace jindou {
namespace {

Result<int> halve(int value) {
  if (value % 2 != 0) return Error(Errc::invalid, "odd");
  return value / 2;
}

Result<void> check_even(int value) {
  JD_TRY(const int half, halve(value));
  (void)half;
  return {};
}

Result<int> quarter(int value) {
  JD_RETURN_IF_ERROR(check_even(value));
  JD_TRY(const int half, halve(value));
  JD_TRY(const int result, halve(half));
  return result;
}

TEST(Result, TryPassesValuesOnAndErrorsUp) {
  EXPECT_EQ(quarter(8).value(), 2);
  const auto outer = quarter(7);
  ASSERT_FALSE(outer);
  EXPECT_EQ(outer.error().code(), Errc::invalid);
  EXPECT_EQ(outer.error().text(), "invalid: odd");
  EXPECT_FALSE(quarter(6));
}

TEST(Result, CarriesValuesThatOnlyMove) {
  const auto make = [](bool good) -> Result<std::unique_ptr<int>> {
    if (!good) return Error(Errc::not_found);
    return std::make_unique<int>(5);
  };
  const auto chain = [&](bool good) -> Result<int> {
    JD_TRY(const auto pointer, make(good));
    return *pointer;
  };
  EXPECT_EQ(chain(true).value(), 5);
  EXPECT_EQ(chain(false).error().code(), Errc::not_found);
  EXPECT_EQ(chain(false).error().text(), "not_found");
}

TEST(Result, IgnoringIsSpelledOut) {
  halve(1).ignore("the test wants it");
  check_even(1).ignore("the test wants it");
}

// The names are part of the HTTP contract ("code"): this list only ever grows.
TEST(Errc, NamesAreFixed) {
  const std::pair<Errc, std::string_view> names[] = {
      {Errc::invalid, "invalid"},         {Errc::too_large, "too_large"},
      {Errc::not_found, "not_found"},     {Errc::denied, "denied"},
      {Errc::conflict, "conflict"},       {Errc::overloaded, "overloaded"},
      {Errc::unavailable, "unavailable"}, {Errc::not_owner, "not_owner"},
      {Errc::storage, "storage"},         {Errc::unknown_outcome, "unknown_outcome"},
      {Errc::deadline, "deadline"},       {Errc::closed, "closed"},
      {Errc::skipped, "skipped"},         {Errc::rate_limited, "rate_limited"},
      {Errc::internal, "internal"},
  };
  for (const auto& [code, name] : names) EXPECT_EQ(errc_name(code), name);
}

TEST(Errc, RetriableMeansTheSameRequestMaySucceedLater) {
  const std::set<Errc> retriable{Errc::overloaded, Errc::unavailable,     Errc::not_owner,
                                 Errc::storage,    Errc::unknown_outcome, Errc::deadline,
                                 Errc::closed,     Errc::skipped,         Errc::rate_limited};
  for (int raw = 0; raw <= static_cast<int>(Errc::internal); ++raw) {
    const auto code = static_cast<Errc>(raw);
    EXPECT_EQ(errc_retriable(code), retriable.contains(code)) << errc_name(code);
  }
}

}  // namespace
}  // namespace jindou
