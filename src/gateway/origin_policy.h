// Which web pages may talk to us over WebSocket. A browser lets every page of the web open a socket
// to any address it can reach, this machine's own among them, and only says in the header Origin
// which page it is. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/origin.h"

namespace jindou::gateway {

class OriginPolicy {
 public:
  // The default rule of allows() alone.
  OriginPolicy() = default;
  // Entries as in gateway.allowedOrigins: "https://chat.example.org", "http://10.0.0.5:8080", "*",
  // "null" (files and sandboxed frames). Errors: invalid (names the entry).
  static Result<OriginPolicy> parse(const std::vector<std::string>& entries);

  // `origin` and `host` are the headers of the upgrade; an empty origin is a client that is no
  // browser, which every rule lets in.
  //
  // With entries: the origins among them. Without: any origin where a token is asked for, since a
  // foreign page has none. Where none is asked for, pages of this machine, and pages of the very
  // address that was asked for, if that is written as an address: a name proves nothing, because
  // the owner of any name can have it resolve to us (DNS rebinding).
  bool allows(std::string_view origin, std::string_view host, bool token_auth_on) const;

 private:
  config::AllowedOrigins entries_;
};

}  // namespace jindou::gateway
