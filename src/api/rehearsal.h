// What a batch would do, without doing it: POST /message/sendbatch?dry_run=true.
#pragma once

#include <string>
#include <vector>

#include "api/http_names.h"
#include "api/services.h"
#include "model/message.h"

namespace jindou::api {

// Evaluates the messages as they stand, one after the other, and answers for each what would become
// of it and who would receive it: {"dry_run":true,"items":[…],"total":{…}}. Nothing is stored, told
// to anybody, or remembered. `client_msg_nos` are aligned with the messages, empty where the caller
// gave none. Users of large channels are counted; which of them are online is looked up for the
// first kOnlineLookupsMax of the request only, and the answer says so.
Task<void> rehearse(Services& services, Request& request, Response& response,
                    std::vector<SendCommand> commands, std::vector<std::string> client_msg_nos);

}  // namespace jindou::api
