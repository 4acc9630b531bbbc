// Messages to one group whose subscribers are all online: how many deliveries a second, and how
// long one message takes to all of them. One thread; not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/client_session.h"
#include "bench/net.h"
#include "bench/request_template.h"

namespace jindou::bench {

class FanOutLoad {
 public:
  struct Round {
    std::uint64_t deliveries = 0;
    double seconds = 0;
    // Deliveries whose content was checked in full; encrypted ones with their key.
    std::uint64_t checked = 0;
    double per_second() const {
      return seconds > 0 ? static_cast<double>(deliveries) / seconds : 0;
    }
  };
  // Nanoseconds from the post of a message.
  struct Latencies {
    std::vector<std::uint64_t> last;  // to its last delivery, one per message
    std::vector<std::uint64_t> each;  // to each delivery
  };

  // `sessions` belong to all subscribers of the one group of `shape.groups`. Messages are published
  // over `http`, `batch_items` at a time; shape.items and shape.form are set here.
  FanOutLoad(std::vector<ClientSession> sessions, Protocol protocol, Endpoint http,
             const RequestTemplate::Shape& shape, std::vector<std::string> payloads,
             std::size_t batch_items);

  Result<void> prepare();

  // Publishes batches as long as no more than `window` batches are undelivered, for `seconds`
  // counted from the first delivery on; then waits for the rest. Every delivery is checked to be
  // the next number of the channel at its session and is acknowledged; the first one of each
  // session in a round is checked in full. Errors: invalid (hole, wrong key, wrong text), closed,
  // deadline.
  Result<Round> run(double seconds, std::size_t window);

  // Publishes one message at a time, each when the one before was delivered everywhere, until
  // `count` were or `seconds` have passed; at least `least`.
  Result<Latencies> one_by_one(std::size_t count, std::size_t least, double seconds);

 private:
  struct Receiver {
    ClientSession session;
    std::uint64_t last_seq = 0;  // 0 = nothing yet
    std::string sample;          // the first frame of this round, whole; of JSON the text
  };

  Result<void> publish(RequestTemplate& request);
  Result<void> receive_answer();
  Result<void> receive(std::size_t index);
  // Take one delivery off the front of `bytes` and append its receipt to acks_. False: none is
  // whole.
  Result<bool> take_frame(std::size_t index, std::string_view& bytes);
  Result<bool> take_json(std::size_t index, std::string_view& bytes);
  Result<void> note_delivery(std::size_t index, std::uint64_t seq, std::string_view whole);
  Result<void> handle_events(TimePoint deadline);
  Result<void> check_sample(Receiver& receiver);
  Result<std::uint64_t> check_samples();

  Poller poller_;
  std::vector<Receiver> receivers_;
  Protocol protocol_;
  Endpoint http_;
  std::vector<std::string> payloads_;
  std::size_t batch_items_;
  std::unique_ptr<RequestTemplate> batch_;
  std::unique_ptr<RequestTemplate> single_;
  Fd publisher_;
  Outbox publisher_out_;
  bool publisher_writable_ = false;
  std::string publisher_in_;
  bool awaiting_answer_ = false;
  std::size_t answer_items_ = 0;
  std::uint64_t next_number_ = 1;
  std::uint64_t expected_ = 0;   // deliveries that everything published makes
  std::uint64_t delivered_ = 0;  // deliveries that came
  // While one message at a time is published: when, and where its deliveries' times go.
  TimePoint published_at_;
  std::vector<std::uint64_t>* each_ = nullptr;
  std::string chunk_;
  std::string acks_;
  std::string scratch_;
};

}  // namespace jindou::bench
