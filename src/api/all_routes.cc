#include "api/all_routes.h"

#include <vector>

#include "api/audit_routes.h"
#include "api/backup_routes.h"
#include "api/batch_revisions.h"
#include "api/channel_routes.h"
#include "api/cluster_routes.h"
#include "api/command_sync_routes.h"
#include "api/config_routes.h"
#include "api/connection_routes.h"
#include "api/conversation_routes.h"
#include "api/dead_letter_routes.h"
#include "api/directory_routes.h"
#include "api/docs_routes.h"
#include "api/event_routes.h"
#include "api/history_routes.h"
#include "api/import_routes.h"
#include "api/job_routes.h"
#include "api/listing_routes.h"
#include "api/manager_listing_routes.h"
#include "api/manager_routes.h"
#include "api/manager_view_routes.h"
#include "api/monitor_routes.h"
#include "api/read_token_routes.h"
#include "api/retention_routes.h"
#include "api/revision_routes.h"
#include "api/send_routes.h"
#include "api/stream_routes.h"
#include "api/streamv2_routes.h"
#include "api/system_routes.h"
#include "api/tag_routes.h"
#include "api/template_routes.h"
#include "api/trace_routes.h"
#include "api/user_routes.h"
#include "api/webhook_routes.h"
#include "openapi/document.h"

namespace jindou::api {
namespace {

openapi::DocumentedRoute documented(const Route& route) {
  openapi::DocumentedRoute said;
  said.method = route.method;
  said.path = route.path;
  said.summary = route.summary;
  said.asks_for_credential = route.auth != Auth::open;
  said.asks_for_permission =
      !route.resource.empty() || (route.ports != Ports::api && route.method != Verb::get);
  said.scopes = scopes_of(route.auth);
  said.for_readers = route.auth == Auth::read_own;
  said.on_api_port = route.ports != Ports::manager;
  said.on_manager_port = route.ports != Ports::api;
  return said;
}

}  // namespace

std::span<const Route> all_routes() {
  static const std::vector<Route> kRoutes = [] {
    std::vector<Route> all;
    for (const std::span<const Route> group : {send_routes(),
                                               job_routes(),
                                               template_routes(),
                                               revision_routes(),
                                               batch_revision_routes(),
                                               dead_letter_routes(),
                                               webhook_routes(),
                                               command_sync_routes(),
                                               history_routes(),
                                               trace_routes(),
                                               event_routes(),
                                               stream_routes(),
                                               streamv2_routes(),
                                               channel_routes(),
                                               retention_routes(),
                                               conversation_routes(),
                                               directory_routes(),
                                               listing_routes(),
                                               manager_listing_routes(),
                                               manager_view_routes(),
                                               cluster_routes(),
                                               user_routes(),
                                               read_token_routes(),
                                               connection_routes(),
                                               monitor_routes(),
                                               tag_routes(),
                                               manager_routes(),
                                               backup_routes(),
                                               audit_routes(),
                                               config_routes(),
                                               import_routes(),
                                               system_routes(),
                                               docs_routes()}) {
      all.insert(all.end(), group.begin(), group.end());
    }
    return all;
  }();
  return kRoutes;
}

std::string document_of_all_routes(std::string_view version) {
  std::vector<openapi::DocumentedRoute> routes;
  for (const Route& route : all_routes()) routes.push_back(documented(route));
  return openapi::document(routes, openapi::all_operations(), version);
}

}  // namespace jindou::api
