// From parsed bodies to commands of the core. Pure but for the random numbers of messages without a
// client_msg_no.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http_names.h"
#include "base/random.h"
#include "codec/message_json.h"
#include "model/message.h"

namespace jindou::api {

// What items of a request may be, and are unless they say otherwise: the query or a header field
// tells it.
codec::SendLimits send_limits(const codec::SendLimits& configured, const Request& request);

SendCommand make_command(codec::BatchItem item, Random& random);

// One receiver's message of the object form. A client_msg_no of the caller serves them all, because
// it counts per channel and sender.
SendCommand make_legacy_command(const codec::LegacyBatch& batch, const std::string& receiver,
                                Random& random);

// Why a receiver of the object form is none: "the uid \"a@b\" must not …". What has no message of
// its own is not named by anything else. `problem`: as id_problem() has it.
std::string bad_receiver_text(std::string_view uid, std::string_view problem);

// {"fail_uids":[…],"reason":[…]}: two parallel arrays, empty when nothing failed.
class LegacyAnswer {
 public:
  void add(std::string_view uid, std::string reason) {
    failures_.emplace_back(std::string(uid), std::move(reason));
  }
  // Appends.
  void write(std::string& out) const;

 private:
  std::vector<std::pair<std::string, std::string>> failures_;
};

}  // namespace jindou::api
