#include "api/backup_routes.h"

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/loaded_answers.h"
#include "backup/backups.h"
#include "codec/json_writer.h"
#include "observe/log.h"
#include "runtime/await_callback.h"

namespace jindou::api {
namespace {

using backup::BackupInfo;
using codec::JsonWriter;

void write_backup(JsonWriter& json, const BackupInfo& made) {
  json.begin_object();
  json.string("name", made.name);
  json.string("directory", made.directory);
  json.number("made_at", made.made_at_ms / 1000);
  json.number("files", made.files);
  json.number("bytes", made.bytes);
  json.number("linked_bytes", made.linked_bytes);
  json.end_object();
}

void answer_failed_backup(Response& response, const Error& error) {
  if (error.code() == Errc::conflict) {
    answer_error(response, 409, errc_name(error.code()), error.detail());
  } else {
    answer_error(response, error);
  }
}

// False: there is nobody who makes any, and that was answered.
bool has_backups(const Services& services, Response& response) {
  if (services.deps.backups != nullptr && services.deps.backups->is_on()) return true;
  answer_error(response, 404, errc_name(Errc::not_found),
               "no backups are made here: backup.dir is empty");
  return false;
}

Task<void> post_backup(Services& services, Request& request, Response& response) {
  if (!has_backups(services, response)) co_return;
  // Nobody names a directory: where backups go is configured.
  if (!request.body.empty()) {
    answer_invalid(response,
                   "this call takes no body: where backups go is configured (backup.dir)");
    co_return;
  }
  observe::log_info("api", "a backup was asked for from {}", request.peer);
  auto begin = [&services](std::function<void(Result<BackupInfo>)> complete) {
    services.deps.backups->make(std::move(complete));
  };
  const auto made = co_await runtime::await_callback<Result<BackupInfo>>(begin);
  if (!made) {
    answer_failed_backup(response, made.error());
    co_return;
  }
  JsonWriter json(response.body);
  write_backup(json, *made);
}

Task<void> get_backups(Services& services, Request&, Response& response) {
  if (!has_backups(services, response)) co_return;
  auto work = [backups = services.deps.backups] { return backups->list(); };
  const auto made = co_await load_or_answer(services, response, std::move(work));
  if (!made) co_return;
  JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("backups");
  for (const BackupInfo& each : *made) write_backup(json, each);
  json.end_array();
  json.boolean("making", services.deps.backups->is_making());
  json.end_object();
}

}  // namespace

std::span<const Route> backup_routes() {
  static constexpr std::array<Route, 2> routes = {{
      {Verb::post, "/backups", post_backup, Auth::administer,
       "Makes a backup of the running server", Ports::both},
      {Verb::get, "/backups", get_backups, Auth::administer, "The backups that there are",
       Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
