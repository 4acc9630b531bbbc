// A file descriptor that is closed with its owner.
#pragma once

#include <unistd.h>

namespace jindou {

class OwnedDescriptor {
 public:
  // Negative, as of a call that failed: there is none, and nothing is closed.
  explicit OwnedDescriptor(int number) : number_(number) {}
  ~OwnedDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  OwnedDescriptor(const OwnedDescriptor&) = delete;
  OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;

  int get() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_;
};

}  // namespace jindou
