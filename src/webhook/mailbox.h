// A bounded queue into a low-priority thread that its writers never wait for: no mutex, because a
// writer on a commit thread must not stand behind a reader that has lost its processor.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace jindou::webhook {

// Any number of writers, one reader.
template <class T>
class Mailbox {
 public:
  explicit Mailbox(std::size_t size_max) : size_max_(size_max) {}
  ~Mailbox() { take(); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // False, and nothing is kept, when it is full. Thread-safe, lock-free.
  bool put(T value) {
    if (size_.fetch_add(1, std::memory_order_relaxed) >= size_max_) {
      size_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    auto* node = new Node{std::move(value), nullptr};
    node->next = newest_.load(std::memory_order_relaxed);
    while (!newest_.compare_exchange_weak(node->next, node, std::memory_order_release,
                                          std::memory_order_relaxed)) {
    }
    return true;
  }

  // What was put, in the order of each writer, at most `count_max`: the rest stays and takes room.
  // Reader only.
  std::vector<T> take(std::size_t count_max = ~std::size_t{0}) {
    std::vector<T> out;
    // Once what is left of earlier takes, and once what has come since.
    for (const bool left_only : {true, false}) {
      if (!left_only && oldest_ == nullptr) collect();
      while (oldest_ != nullptr && out.size() < count_max) {
        const std::unique_ptr<Node> node(std::exchange(oldest_, oldest_->next));
        out.push_back(std::move(node->value));
      }
    }
    // What is put was counted before.
    const std::size_t before = size_.fetch_sub(out.size(), std::memory_order_relaxed);
    JD_ASSERT(before >= out.size());
    return out;
  }

  // What was put and not taken.
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Node {
    T value;
    Node* next;
  };

  // Moves what was put into the reader's list, oldest first.
  void collect() {
    Node* node = newest_.exchange(nullptr, std::memory_order_acquire);
    while (node != nullptr) {
      Node* const older = std::exchange(node->next, oldest_);
      oldest_ = std::exchange(node, older);
    }
  }

  std::size_t size_max_;
  std::atomic<std::size_t> size_{0};
  std::atomic<Node*> newest_{nullptr};
  Node* oldest_ = nullptr;  // the reader's: collected and not taken
};

}  // namespace jindou::webhook
