// Two listeners want one port.
#include "config/listener_check.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou::config {
namespace {

Settings with(const std::string& tcp, const std::string& ws) {
  Settings settings;
  settings.addr = tcp;
  settings.ws_addr = ws;
  return settings;
}

TEST(ListenerCheck, TheDefaultsAreApart) {
  EXPECT_TRUE(check_distinct_listeners(Settings()).has_value());
}

TEST(ListenerCheck, OnePortOfOneAddressIsForOne) {
  for (const auto& [tcp, ws] :
       {std::pair("tcp://127.0.0.1:7000", "ws://127.0.0.1:7000"),
        std::pair(":7000", "10.0.0.1:7000"), std::pair("[::1]:7000", "0.0.0.0:7000"),
        std::pair("localhost:7000", "[::1]:7000"),
        std::pair("im.example.com:7000", "im.example.com:7000")}) {
    for (const auto& settings : {with(tcp, ws), with(ws, tcp)}) {
      const auto checked = check_distinct_listeners(settings);
      ASSERT_FALSE(checked) << tcp << " " << ws;
      EXPECT_EQ(checked.error().code(), Errc::invalid);
      EXPECT_NE(checked.error().detail().find("addr ("), std::string::npos);
      EXPECT_NE(checked.error().detail().find("wsAddr ("), std::string::npos);
    }
  }
}

TEST(ListenerCheck, WhatIsApartIsNot) {
  for (const auto& settings :
       {with("127.0.0.1:7000", "127.0.0.2:7000"), with("127.0.0.1:7000", "[::1]:7000"),
        with("127.0.0.1:0", "127.0.0.1:0"), with("", ""),
        with("localhost:7000", "10.0.0.1:7000")}) {
    EXPECT_TRUE(check_distinct_listeners(settings).has_value());
  }
  Settings off = with("127.0.0.1:7000", "");
  off.manager.on = false;
  off.manager.addr = "127.0.0.1:7000";
  EXPECT_TRUE(check_distinct_listeners(off).has_value());
}

}  // namespace
}  // namespace jindou::config
