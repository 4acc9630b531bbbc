// Which requests leave a line in the audit log, and what it says of them.
//
// One place for all routes: the router calls it when an answer is on its way. Whatever changes
// something is audited unless audit.cc lists it as traffic, so that a new route need not think of
// it; the target is found by the names of members, of which only those that audit.cc lists are
// looked at. So no payload, token or password gets into a line, whatever a body holds.
#pragma once

#include <string>

#include "access/access.h"
#include "api/route.h"
#include "http/exchange.h"
#include "observe/audit_log.h"

namespace jindou::api {

// Whether each request of `route` is audited. Of others only those are whose caller was refused.
bool is_audited(const Route& route);

// What an audited exchange is: its event, and the members of its line.
struct AuditedExchange {
  observe::AuditEvent event = observe::AuditEvent::change;
  std::string members;
};

// What a line says of who sent an admitted request: the members `by`, `who` and `address`.
std::string audited_caller(const http::Request& request);

// `route` is null for a path that there is not. `access` knows whose name is one. The body of the
// request, if it is JSON, is parsed once more, up to its end.
AuditedExchange describe_exchange(const Route* route, Port port, const http::Request& request,
                                  const http::Response& response, const http::ExchangeTimes& times,
                                  const access::Access& access);

}  // namespace jindou::api
