// What callers with a read token pass (docs/decisions/0043-read-tokens.md): before a route, that
// they speak for themselves and still may; in the routes that name channels, that these are theirs.
//
// Requests without a read token pass everything here untouched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http_names.h"
#include "api/route.h"
#include "api/services.h"
#include "base/result.h"
#include "model/channel.h"

namespace jindou::api {

// The member of the body, or the parameter of the query, that says whose view a route of
// Auth::read_own tells.
std::string_view reader_member(const Route& route);

// 403: what `path` does a read token is not for.
void answer_not_for_readers(Response& response, std::string_view path);

// Whether the user of request.reader may be served by `route`, which is one of Auth::read_own:
// within his rate, named as nobody else, not banned, and with the device that his token is bound
// to. A body that does not name him does so afterwards. False: `response` is the answer.
Task<bool> admit_reader(Services& services, const Route& route, Request& request,
                        Response& response);

// The reader that the query of a GET names: the user of the token, whatever it says.
std::string query_reader(const Request& request);

// For each channel (internal ids) whether the user of request.reader is in it: one of its own
// (is_channel_user), and not on its denylist. Asks the partitions of the channels, or whoever keeps
// their lists. Without a read token: all. Errors: storage, overloaded, and those of
// ask_recipients().
Task<Result<std::vector<bool>>> find_own_channels(Services& services, Request& request,
                                                  std::vector<ChannelKey> channels);

inline constexpr std::string_view kNotOwnText =
    "the user of the read token is not one of the users of the channel";

// Denied, with that sentence, unless all of them are. Errors: as above.
Task<Result<void>> check_own_channels(Services& services, Request& request,
                                      std::vector<ChannelKey> channels);
// The same of one.
Task<Result<void>> check_own_channel(Services& services, Request& request,
                                     const ChannelKey& channel);

}  // namespace jindou::api
