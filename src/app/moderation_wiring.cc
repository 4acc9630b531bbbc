#include "app/moderation_wiring.h"

#include <utility>

namespace jindou::app {

std::shared_ptr<const moderation::Options> moderation_options(const config::Settings& settings) {
  const config::ModerationSettings& from = settings.moderation;
  auto options = std::make_shared<moderation::Options>();
  if (auto lists = moderation::parse_lists(from.lists)) options->lists = std::move(*lists);
  options->members = from.members;
  options->exempt_system_accounts = from.exempt_system_accounts;
  options->words_max = from.words_max;
  options->file_bytes_max = from.list_bytes_max;
  options->check_interval = from.check_interval;
  options->service.url = from.url;
  options->service.ca_file = from.ca_file;
  options->service.timeout = from.timeout;
  options->service.refuse_when_down = from.refuse_when_down;
  options->service.batch_items = from.batch_items;
  options->service.waiting_bytes_max = from.waiting_bytes_max;
  options->service.breaker_failures = from.breaker_failures;
  options->service.breaker_pause = from.breaker_pause;
  options->service.payload_bytes_max = settings.api.max_payload_bytes;
  return options;
}

Result<void> check_moderation(const config::Settings& settings) {
  JD_TRY(const auto lists, moderation::parse_lists(settings.moderation.lists));
  (void)lists;
  return {};
}

}  // namespace jindou::app
