#include "caller/server_call.h"

#include <gtest/gtest.h>

namespace jindou::caller {
namespace {

TEST(ServerCall, NamesAreEscaped) { EXPECT_EQ(escaped("a/b@ü.~"), "a%2Fb%40%C3%BC.~"); }

TEST(ServerCall, WhatTheServerSaysIsPrintable) {
  http::CallAnswer answer;
  answer.body = R"({"status":404,"msg":"no such\u001b[2J channel"})";
  EXPECT_EQ(message_of(answer), "no such?[2J channel");
  answer.body = "<html>";
  EXPECT_EQ(message_of(answer), "");
}

}  // namespace
}  // namespace jindou::caller
