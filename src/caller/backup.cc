#include "caller/backup.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "caller/interrupt.h"
#include "caller/server_call.h"
#include "caller/shown_text.h"
#include "codec/json_reader.h"

namespace jindou::caller {

namespace {

constexpr const char* kBackupName = "jindou backup: ";

constexpr const char* kBackupFooter = R"text(
The server makes the backup below its own backup.dir, which nobody else names; the directory is
printed when the backup is whole and on the disk.

Exit status:
  0  done
  2  the command line or the token is wrong, or the server makes no backups
  3  the server was not reached, makes another backup, or could not make one: standard error says why

Examples:
  jindou backup --token-file /run/token
  jindou verify "$(jindou backup --token-file /run/token)"
)text";

int fail_backup(int code, const std::string& why) {
  std::fprintf(stderr, "%s%s\n", kBackupName, why.c_str());
  return code;
}

std::string text_in(simdjson::dom::element object, const char* name) {
  std::string_view text;
  if (object[name].get(text) != simdjson::SUCCESS) return {};
  return printable(text);
}

std::uint64_t number_in(simdjson::dom::element object, const char* name) {
  std::uint64_t number = 0;
  return object[name].get(number) == simdjson::SUCCESS ? number : 0;
}

int print_line(const std::string& line) {
  const bool written = std::fprintf(stdout, "%s\n", line.c_str()) >= 0 && std::fflush(stdout) == 0;
  return written ? kAllSent : fail_backup(kNotFinished, "standard output cannot be written");
}

int show_made(simdjson::dom::element made) {
  std::fprintf(stderr, "%smade %s: %s files, %s bytes, %s of them shared with the store\n",
               kBackupName, text_in(made, "name").c_str(),
               std::to_string(number_in(made, "files")).c_str(),
               std::to_string(number_in(made, "bytes")).c_str(),
               std::to_string(number_in(made, "linked_bytes")).c_str());
  return print_line(text_in(made, "directory"));
}

int show_list(simdjson::dom::element answer) {
  simdjson::dom::array backups;
  if (answer["backups"].get(backups) != simdjson::SUCCESS) {
    return fail_backup(kNotFinished, "the answer is none of this program");
  }
  int code = kAllSent;
  for (const auto backup : backups) {
    code = std::max(code, print_line(text_in(backup, "directory") + '\t' +
                                     std::to_string(number_in(backup, "bytes"))));
  }
  return code;
}

}  // namespace

void add_options(CLI::App& app, BackupOptions& options) {
  app.footer(kBackupFooter);
  // It asks once: --patience would promise more.
  add_address_options(app, options);
  app.add_flag("--list", options.list, "make none; print the directory and bytes of each there is");
  app.add_flag("--json", options.json, "print what the server says, JSON, as it is");
}

int run_backup(BackupOptions options) {
  ::signal(SIGPIPE, SIG_IGN);
  if (const auto completed = complete_server(options); !completed) {
    return fail_backup(kBadCall, completed.error().detail());
  }
  catch_interrupts();
  const auto answer = ask_server(options, options.list, "/backups");
  if (!answer.ok() || !answer.error.empty()) {
    if (answer.status == 0 || answer.ok()) {
      return fail_backup(kNotFinished, shown_url(options) + ": " + answer.error);
    }
    const bool may_pass = answer.status >= 500 || answer.status == 409 || answer.status == 429;
    const std::string msg = message_of(answer);
    return fail_backup(may_pass ? kNotFinished : kBadCall, shown_url(options) + " answers " +
                                                               std::to_string(answer.status) +
                                                               (msg.empty() ? "" : ": " + msg));
  }
  if (options.json) return print_line(answer.body);
  const auto parsed = codec::parse_json(answer.body);
  if (!parsed) return fail_backup(kNotFinished, "the answer is no JSON");
  return options.list ? show_list(*parsed) : show_made(*parsed);
}

}  // namespace jindou::caller
