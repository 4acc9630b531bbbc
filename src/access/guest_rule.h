// Whom the login `guest` is for. It is there only because nobody has configured a login, everybody
// knows its password, and it reads everything: so it is for who sits at this machine.
//
// That the manager port listens on a loopback address does not see to that: a reverse proxy on this
// machine connects from it, for whomever it is asked by. So each request that logs in as guest, or
// shows the token of such a login, is judged by the rule below. What connects from here, speaks
// HTTP/1.1 (nginx from 1.29.7 on by itself) and says nothing of whom it asks for cannot be told
// from a caller, with a Host of its own or with one that the caller has written; nor can what
// forwards TCP. So a server in mode `release` has no guest at all.
#pragma once

#include <string_view>

#include "http/exchange.h"

namespace jindou::access {

// What is said to whoever is refused by it.
inline constexpr std::string_view kGuestRefusal =
    "the login guest is there because auth.users is empty, and is only for requests straight from "
    "the server's own machine, to localhost and through no proxy: set auth.users";

// Whether a request has come straight from this machine, by its header block and its socket: from a
// loopback address, to a loopback name or address, without a word of a proxy. Where
// gateway.trustedProxies says that the caller is does not count (Request::peer). HTTP/1.0 does not
// either: proxies speak it that are told nothing else, and those say least.
bool is_straight_from_here(const http::Request& request);

}  // namespace jindou::access
