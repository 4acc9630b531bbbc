// POST /message/recall and /message/edit: a stored message is taken back, or gets another payload.
#pragma once

#include <span>
#include <string_view>

#include "api/route.h"
#include "base/result.h"
#include "model/api_key.h"
#include "model/channel.h"
#include "observe/metrics.h"

namespace jindou::api {

// Whoever changes a message speaks for its sender, and for whom the request names (may be empty).
// Whether a caller with the key (null: one without) may, in the channel (internal id); a refusal is
// counted. Errors: denied.
Result<void> check_revision_rights(observe::Metrics& metrics, const ApiKeyPtr& key,
                                   std::string_view from_uid, const ChannelKey& channel,
                                   std::string_view operator_uid);
// Of whom the request names alone.
Result<void> check_operator_rights(observe::Metrics& metrics, const ApiKeyPtr& key,
                                   std::string_view operator_uid);

std::span<const Route> revision_routes();

}  // namespace jindou::api
