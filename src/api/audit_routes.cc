#include "api/audit_routes.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "api/answers.h"
#include "api/listing_pages.h"
#include "codec/json_writer.h"
#include "config/settings.h"
#include "http/query.h"
#include "observe/audit_event.h"
#include "observe/audit_log.h"
#include "observe/audit_ring.h"

namespace jindou::api {
namespace {

// A line has at most some 8 KiB, and usually 300 bytes.
constexpr PageLimits kAuditPageLimits{50, 200};

std::string unknown_event_text() {
  std::string text = "event must be one of ";
  for (const std::string_view name : observe::kAuditEventNames) {
    if (name != observe::kAuditEventNames.front()) text += ", ";
    text += name;
  }
  return text;
}

// From memory, which takes no disk and no time worth another thread.
Task<void> get_audit(Services& services, Request& request, Response& response) {
  observe::AuditRing::Query query;
  const std::string event = request.query_value("event");
  if (!event.empty()) {
    query.event = observe::audit_event_of(event);
    if (!query.event) {
      answer_invalid(response, unknown_event_text());
      co_return;
    }
  }
  const auto asked = PageRequest::read(request, "m/audit/" + event, kAuditPageLimits, {});
  if (!asked) {
    answer_error(response, asked.error());
    co_return;
  }
  query.count = asked->query().limit;
  query.before = http::query_number(asked->query().from);
  const observe::AuditLog* const audit = services.deps.audit;
  observe::AuditRing::Page page;
  if (audit != nullptr) page = audit->recent(query);
  std::shared_ptr<const config::Settings> settings;
  if (services.deps.settings) settings = services.deps.settings();
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.boolean("on", audit != nullptr && audit->on());
  json.string("file", settings ? std::string_view(settings->audit.file) : std::string_view());
  json.number("node_id", services.options.node_id);
  json.begin_array("items");
  for (const observe::AuditRing::Line& line : page.lines) {
    json.raw("{\"id\":" + std::to_string(line.number) + ',' + line.members + '}');
  }
  json.end_array();
  asked->write_end(json, page.more ? std::to_string(page.lines.back().number) : std::string());
  json.end_object();
}

}  // namespace

std::span<const Route> audit_routes() {
  static constexpr std::array<Route, 1> routes = {{
      {Verb::get, "/manager/audit", get_audit, Auth::administer,
       "The last lines of the audit log of this node", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
