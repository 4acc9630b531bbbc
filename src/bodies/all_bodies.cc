#include "bodies/all_bodies.h"

#include <array>

#include "bodies/channels.h"
#include "bodies/conversations.h"
#include "bodies/events.h"
#include "bodies/history.h"
#include "bodies/imports.h"
#include "bodies/operators.h"
#include "bodies/retention.h"
#include "bodies/revisions.h"
#include "bodies/templates.h"
#include "bodies/users.h"

namespace jindou::bodies {

std::span<const Section> sections() {
  static const std::array kSections = {
      Section{"### The manager port", login_bodies()},
      Section{"### Templates", template_bodies()},
      Section{"### POST /message/recall, POST /message/edit", revision_bodies()},
      Section{"### POST /batches/{id}/recall, POST /batches/{id}/edit", batch_revision_bodies()},
      Section{"### POST /channel/messagesync", range_bodies()},
      Section{"### POST /channel/messagesyncbatch", range_batch_bodies()},
      Section{"### POST /messages, POST /message, GET /message/byclientmsgno", look_up_bodies()},
      Section{"### Commands: POST /message/sync, POST /message/syncack", command_bodies()},
      Section{"### POST /message/event", event_bodies()},
      Section{"### POST /message/eventsync", event_sync_bodies()},
      Section{"### Older stream endpoints", stream_bodies()},
      Section{"## Channels", channel_bodies()},
      Section{"## Retention", retention_bodies()},
      Section{"### POST /conversation/sync", conversation_sync_bodies()},
      Section{"### POST /conversation/list", conversation_list_bodies()},
      Section{"### The others", conversation_bodies()},
      Section{"## Users", user_bodies()},
      Section{"## Routing", routing_bodies()},
      Section{"## Connections and monitoring", connection_bodies()},
      Section{"## Import", import_bodies()},
  };
  return kSections;
}

const PathBody* find_body(std::string_view path) {
  for (const Section& section : sections()) {
    for (const PathBody& body : section.bodies) {
      if (body.path == path) return &body;
    }
  }
  return nullptr;
}

}  // namespace jindou::bodies
