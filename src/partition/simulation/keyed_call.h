// A request with an Idempotency-Key in the simulation, and those who try to have it carried out:
// its caller repeats it until he has an answer, and now and then afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/message.h"
#include "partition/keyed_request.h"

namespace jindou::partition::simulation {

// As the handler of one request.
struct KeyedTry {
  enum class Phase : std::uint8_t {
    claiming,  // asked, and not told
    claimed,
    sending,
    sent,
    ending,  // the answer is being stored, or the claim given up
    over,
  };

  explicit KeyedTry(KeyedRequest request) : keyed(std::move(request)) {}

  KeyedRequest keyed;
  ClaimRequest claim;
  Phase phase = Phase::claiming;
  bool holds = false;  // the claim was told, and nothing was asked for that ends it
  std::vector<SendResult> results;
  std::string answer;
  std::size_t server = 0;     // whose clock it goes by, and with which it ends
  std::int64_t begun_ms = 0;  // by the time that passes alike for all
};

struct KeyedCall {
  std::string key;
  std::string fingerprint;
  std::vector<SendCommand> messages;  // as the caller has given them
  std::vector<std::shared_ptr<KeyedTry>> tries;
  bool answered = false;              // the caller has heard an answer that holds
  bool given_up = false;              // the key is that of another one
  std::optional<std::string> answer;  // that is stored for certain
};

}  // namespace jindou::partition::simulation
