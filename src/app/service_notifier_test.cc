#include "app/service_notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace jindou::app {
namespace {

using std::chrono::microseconds;
using ::testing::MatchesRegex;

// The other end, under a name as NOTIFY_SOCKET has it.
class Manager {
 public:
  explicit Manager(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0) << name;
  }
  ~Manager() { ::close(socket_); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // Empty when nothing came.
  std::string heard() const {
    std::array<char, 512> text;
    const ssize_t size = ::recv(socket_, text.data(), text.size(), MSG_DONTWAIT);
    return size < 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
  }

 private:
  int socket_;
};

std::string abstract_name() { return "@jindou-test-" + std::to_string(::getpid()); }

TEST(ServiceNotifier, SaysWhatSystemdWaitsFor) {
  const Manager manager(abstract_name());
  const ServiceNotifier notifier(abstract_name(), microseconds(10));
  notifier.ready("HTTP on 127.0.0.1:5001");
  EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=HTTP on 127.0.0.1:5001\n");
  notifier.reloading();
  EXPECT_THAT(manager.heard(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\n"));
  notifier.keep_alive();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1\n");
  notifier.stopping();
  EXPECT_EQ(manager.heard(), "STOPPING=1\n");
}

TEST(ServiceNotifier, FindsASocketByItsPath) {
  std::string directory = (std::filesystem::temp_directory_path() / "jindou-nt-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    const Manager manager(directory + "/n");
    ServiceNotifier(directory + "/n", {}).stopping();
    EXPECT_EQ(manager.heard(), "STOPPING=1\n");
  }
  std::filesystem::remove_all(directory);
}

TEST(ServiceNotifier, GoesOnWhereNobodyListens) {
  for (const std::string& socket :
       {std::string(), std::string("@"), std::string("vsock:2:3"), std::string("/does/not/exist"),
        std::string("relative"), '/' + std::string(200, 'x')}) {
    ServiceNotifier(socket, {}).ready("serving");
  }
}

class Environment : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("NOTIFY_SOCKET", abstract_name().c_str(), 1); }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  static microseconds interval() {
    return ServiceNotifier::from_environment().keep_alive_interval();
  }
};

TEST_F(Environment, SaysHowOftenTheWatchdogWantsToHear) {
  EXPECT_EQ(interval(), microseconds(0));
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  EXPECT_EQ(interval(), microseconds(1'500'000));
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(interval(), microseconds(1'500'000));
  ::setenv("WATCHDOG_PID", "1", 1);  // meant for another process
  EXPECT_EQ(interval(), microseconds(0));
  ::unsetenv("WATCHDOG_PID");
  for (const char* text : {"", "x", "-1", "3s"}) {
    ::setenv("WATCHDOG_USEC", text, 1);
    EXPECT_EQ(interval(), microseconds(0)) << text;
  }
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_EQ(interval(), microseconds(0));
}

TEST_F(Environment, NamesTheSocket) {
  const Manager manager(abstract_name());
  ServiceNotifier::from_environment().stopping();
  EXPECT_EQ(manager.heard(), "STOPPING=1\n");
}

}  // namespace
}  // namespace jindou::app
