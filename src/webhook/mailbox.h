// A bounded queue into a low-priority thread that its writers never wait for: no mutex, because a
// writer on a commit thread must not stand behind a reader that has lost its processor.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

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

  // Everything that was put, in the order of each writer. Reader only.
  std::vector<T> take() {
    std::unique_ptr<Node> node(newest_.exchange(nullptr, std::memory_order_acquire));
    std::vector<T> out;
    while (node) {
      out.push_back(std::move(node->value));
      node.reset(node->next);
    }
    size_.fetch_sub(out.size(), std::memory_order_relaxed);
    for (std::size_t i = 0; i < out.size() / 2; ++i) std::swap(out[i], out[out.size() - 1 - i]);
    return out;
  }

  std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Node {
    T value;
    Node* next;
  };

  std::size_t size_max_;
  std::atomic<std::size_t> size_{0};
  std::atomic<Node*> newest_{nullptr};
};

}  // namespace jindou::webhook
