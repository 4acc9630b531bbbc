#include "app/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/backup_commands.h"
#include "app/doctor.h"
#include "app/hangup_hold.h"
#include "app/help_command.h"
#include "app/key_command.h"
#include "app/named_files.h"
#include "app/serve.h"
#include "app/version.h"
#include "bench/bench.h"
#include "caller/backup.h"
#include "caller/channel.h"
#include "caller/conn.h"
#include "caller/import.h"
#include "caller/jobs.h"
#include "caller/send.h"
#include "caller/top.h"
#include "caller/user.h"
#include "config/conversion.h"
#include "config/fitted_defaults.h"
#include "config/loaded_settings.h"
#include "store/database.h"
#include "store/rocksdb_build.h"

namespace jindou::app {

namespace {

constexpr int kUsageError = 2;

// What `serve` and `config` share: where settings come from.
struct SettingsFlags {
  // None: not given. One that is given empty means just that.
  using Text = std::optional<std::string>;
  Text file;
  Text data_dir;
  Text http_addr;
  Text tcp_addr;
  Text ws_addr;
  Text manager_addr;
  std::vector<std::string> set;
  bool accept_data_loss = false;

  // The flags refer to this object, which stays where it is.
  void add_to(CLI::App& command) {
    const auto add = [&command](const char* name, Text& value, const char* meaning) {
      command.add_option_function<std::string>(
          name, [&value](const std::string& text) { value = text; }, meaning);
    };
    add("--config", file, "YAML file with settings (docs/configuration.md)");
    add("--data-dir", data_dir, "Directory of the store; created when missing");
    add("--http-addr", http_addr, "host:port of the HTTP API; port 0: any free one");
    add("--tcp-addr", tcp_addr, "host:port for clients over TCP");
    add("--ws-addr", ws_addr, "host:port for clients over WebSocket");
    add("--manager-addr", manager_addr, "host:port of the manager port");
    command.add_option("--set", set, "Any setting, as key=value; may be repeated");
  }

  void add_start_flags_to(CLI::App& command) {
    command.add_flag("--accept-data-loss", accept_data_loss,
                     "Start although the write-ahead log is damaged, without what is behind the "
                     "damage (docs/operations.md)");
  }

  // Flags before and behind the subcommand count alike; where both give one, the later one does.
  SettingsFlags followed_by(const SettingsFlags& later) const {
    SettingsFlags both = *this;
    const auto take = [](Text& value, const Text& other) {
      if (other) value = other;
    };
    take(both.file, later.file);
    take(both.data_dir, later.data_dir);
    take(both.http_addr, later.http_addr);
    take(both.tcp_addr, later.tcp_addr);
    take(both.ws_addr, later.ws_addr);
    take(both.manager_addr, later.manager_addr);
    both.set.insert(both.set.end(), later.set.begin(), later.set.end());
    both.accept_data_loss = accept_data_loss || later.accept_data_loss;
    return both;
  }

  bool given() const {
    return accept_data_loss || !set.empty() || file || data_dir || http_addr || tcp_addr ||
           ws_addr || manager_addr;
  }

  // Without --config: WK_CONFIG, or the first of the usual places that is there. From then on it is
  // as if it had been given, so that a reload reads the same one.
  void choose_file() {
    if (!file) file = config::usual_settings_file(config::process_environment());
  }

  Result<config::LoadedSettings> load(FileKind kind = FileKind::any) const {
    config::Overrides overrides;
    if (accept_data_loss) overrides.emplace_back("storage.acceptDataLoss", "true");
    const auto take = [&overrides](const char* key, const Text& value) {
      if (value) overrides.emplace_back(key, *value);
    };
    take("dataDir", data_dir);
    take("httpAddr", http_addr);
    take("addr", tcp_addr);
    take("wsAddr", ws_addr);
    take("manager.addr", manager_addr);
    for (const auto& pair : set) {
      const auto equals = pair.find('=');
      if (equals == std::string::npos) {
        return Error(Errc::invalid, "--set wants key=value, not \"" + pair + "\"");
      }
      overrides.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    std::optional<std::filesystem::path> path;
    if (file && !file->empty()) path = *file;
    JD_TRY(auto loaded,
           config::load_settings(path, config::process_environment(), overrides, kind));
    config::fit_defaults(loaded, read_memory_share());
    return loaded;
  }
};

int usage_error(const Error& error) {
  std::fprintf(stderr, "jindou: %s\n", error.detail().c_str());
  return kUsageError;
}

int run_serve(SettingsFlags flags) {
  flags.choose_file();
  const auto loaded = flags.load();
  if (!loaded) return usage_error(loaded.error());
  // What a pipe brought at the start is not there a second time.
  return serve(*loaded, [&flags] { return flags.load(FileKind::regular); });
}

int report_valid(const SettingsFlags& flags, const config::LoadedSettings& loaded) {
  for (const std::string& warning : loaded.warnings) {
    std::fprintf(stderr, "jindou: warning: %s\n", warning.c_str());
  }
  const std::string checked = flags.file.value_or("").empty()
                                  ? "no file was given (--config FILE) and none is in the usual "
                                    "places: defaults, environment and flags"
                                  : *flags.file + ", with environment and flags";
  std::printf("the configuration is valid: %s\n", checked.c_str());
  return 0;
}

int run_config(SettingsFlags flags, bool validate_only, bool markdown) {
  if (markdown) {
    std::fputs(config::settings_markdown().c_str(), stdout);
    return 0;
  }
  flags.choose_file();
  const auto loaded = flags.load();
  if (!loaded) return usage_error(loaded.error());
  if (validate_only) {
    if (const auto files = check_before_start(loaded->settings); !files) {
      return usage_error(files.error());
    }
    return report_valid(flags, *loaded);
  }
  std::fputs(config::settings_report(*loaded).c_str(), stdout);
  return 0;
}

int run_doctor_command(SettingsFlags flags) {
  flags.choose_file();
  const auto loaded = flags.load();
  if (!loaded) return usage_error(loaded.error());
  return run_doctor(loaded->settings);
}

int run_conversion(const std::string& file) {
  const auto text = config::read_settings_file(file, FileKind::any);
  if (!text) return usage_error(text.error());
  const auto converted = config::convert_wukongim(*text, file);
  if (!converted) return usage_error(converted.error());
  std::fputs(converted->text.c_str(), stdout);
  if (converted->problem.empty()) return 0;
  return usage_error(Error(Errc::invalid, "not accepted as it is: " + converted->problem));
}

constexpr const char* kVerifyFooter = R"(
Of a backup every file is read against its checksum; then of both the tables against theirs, and all
records: that they can be read, that no seq of a channel is missing without a reason, that commit
records and the index of client_msg_no agree with the messages. Takes as long as reading all of it
twice.

Exit status:
  0  nothing is wrong
  1  something is wrong, and was named
  2  nothing can be said: no such directory, a server has it open, or a newer version wrote it
)";

constexpr const char* kRestoreFooter = R"(
The backup is verified first. The directory must be missing or empty. As root, files are given to
whoever owns it, and a missing one to whoever owns the directory that it is made in.

What was sent after the backup is lost, and clients have seen its ids and seqs. So that none of them
comes again for another message, the first start goes on further ahead: by 1,000 for each second
since the backup, 16,777,216 at least, unless --lost or --skip tell better.

Exit status:
  0  restored
  1  the backup is damaged; nothing was restored
  2  the command line, the directory or the disk; standard error says what

Examples:
  jindou restore /srv/backups/backup-20261130T001500Z /var/lib/jindou/data
  jindou restore /srv/backups/backup-20261130T001500Z ./data --lost ./data.broken
)";

constexpr const char* kRepairFooter = R"(
Without --apply nothing is changed: it prints what is wrong, what would be done about it and what
would be lost. Where there is a good backup, restore that instead.

Without loss what follows from other records is made again: the index of client_msg_no, also when
its files are damaged or missing, the list of messages that expire, and what stands beside messages.
With --accept-loss a damaged log is cut before the damage, the places of messages that cannot be read
are marked as deleted, and other records that cannot be read are removed. Then ids and seqs go on
further ahead, so that none is given out twice, and /health shows it from then on.

First the files are kept in DIR/before-repair-..., as hard links where they do not change; what was
found and done is written to DIR/repair-....txt.

Exit status:
  0  nothing is wrong, or everything was repaired
  1  something is wrong that can be repaired: with --apply, or with --accept-loss too
  2  nothing can be said or done: no such directory, a server has it open, or the disk
  3  something is wrong that cannot be repaired: restore a backup

Examples:
  jindou repair /var/lib/jindou/data
  jindou repair /var/lib/jindou/data --apply
)";

void add_repair_options(CLI::App& command, RepairFlags& flags) {
  command.footer(kRepairFooter);
  command.add_option("DIR", flags.directory, "the data directory of a server that is stopped")
      ->required();
  CLI::Option* const apply = command.add_flag("--apply", flags.apply, "repair it");
  command
      .add_flag("--accept-loss", flags.accept_loss,
                "with --apply: give up what cannot be kept, as the lines with \"lost\" say")
      ->needs(apply);
  command
      .add_flag("--no-copy", flags.no_copy,
                "with --apply: do not keep the files as they were; for a disk without room")
      ->needs(apply);
}

void add_restore_options(CLI::App& command, RestoreFlags& flags) {
  command.footer(kRestoreFooter);
  command.add_option("BACKUP", flags.backup, "the directory of the backup")->required();
  command.add_option("DIR", flags.directory, "the new data directory; missing or empty")
      ->required();
  command
      .add_option("--skip", flags.skip,
                  "so many ids and seqs of a channel may have been given out after the backup; 0: "
                  "none were")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 42));
  command.add_option("--lost", flags.lost,
                     "the data directory that is replaced, if it is still there: it tells how far "
                     "ids had got");
}

// In the order in which the parser wants them: the last one first. `--http-addr=` is the flag with
// an empty value, which the parser takes for a flag without one.
std::vector<std::string> arguments_of(int argc, char** argv) {
  constexpr std::string_view kTexts[] = {
      "--config=", "--data-dir=", "--http-addr=", "--tcp-addr=", "--ws-addr=", "--manager-addr="};
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    const std::string_view argument = argv[i];
    if (std::ranges::find(kTexts, argument) == std::end(kTexts)) {
      arguments.emplace_back(argument);
      continue;
    }
    arguments.emplace_back();
    arguments.emplace_back(argument.substr(0, argument.size() - 1));
  }
  return arguments;
}

int run_help(CLI::App& app, const std::vector<std::string>& words) {
  const auto text = help_text(app, words);
  if (!text) return usage_error(text.error());
  std::fputs(text->c_str(), stdout);
  return 0;
}

int run_bench_command(const bench::BenchOptions& options) {
  if (const auto valid = bench::validate(options); !valid) return usage_error(valid.error());
  return bench::run_bench(options);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  std::vector<std::string> arguments = arguments_of(argc, argv);
  CLI::App app("Jindou: an instant-messaging server with durable batch sends");
  app.require_subcommand(0, 1);

  SettingsFlags flags;
  flags.add_to(app);
  flags.add_start_flags_to(app);
  SettingsFlags serve_flags;
  CLI::App* serve_command = app.add_subcommand("serve", "Run the server (the default)");
  serve_flags.add_to(*serve_command);
  serve_flags.add_start_flags_to(*serve_command);

  SettingsFlags config_flags;
  bool validate_only = false;
  bool markdown = false;
  CLI::App* config_command = app.add_subcommand(
      "config", "Print the effective configuration and where each value is from");
  config_flags.add_to(*config_command);
  config_command->add_flag("--validate", validate_only, "Only check it");
  config_command->add_flag("--markdown", markdown, "Print the reference of all settings");
  std::string wukongim_file;
  config_command->add_option("--from-wukongim", wukongim_file,
                             "Print a configuration of WuKongIM 2 as one for this server");

  SettingsFlags doctor_flags;
  CLI::App* doctor_command = app.add_subcommand(
      "doctor", "Look at this machine for what will trouble the server, and say what to change");
  doctor_flags.add_to(*doctor_command);

  bench::BenchOptions bench_options;
  CLI::App* bench_command = app.add_subcommand("bench", "Measure the server on this machine");
  bench::add_options(*bench_command, bench_options);

  caller::SendOptions send_options;
  CLI::App* send_command = app.add_subcommand("send", "Send a file of messages to a server");
  caller::add_options(*send_command, send_options);

  bool key_of_input = false;
  CLI::App* key_command =
      app.add_subcommand("key", "Make the secret of an API key, and print its hash for apiKeys");
  key_command->add_flag("--hash", key_of_input,
                        "Print the hash of the secret on standard input instead");

  caller::JobsOptions jobs_options;
  CLI::App* jobs_command =
      app.add_subcommand("jobs", "Look after batches that a server sends in the background");
  caller::add_options(*jobs_command, jobs_options);

  caller::ChannelOptions channel_options;
  CLI::App* channel_command = app.add_subcommand(
      "channel", "Show the channels of a server, who is in them and what was last sent");
  caller::add_options(*channel_command, channel_options);

  caller::UserOptions user_options;
  CLI::App* user_command =
      app.add_subcommand("user", "Show the users of a server, log them out, ban them");
  caller::add_options(*user_command, user_options);

  caller::ConnOptions conn_options;
  CLI::App* conn_command =
      app.add_subcommand("conn", "Show the connections of clients to a server, and end them");
  caller::add_options(*conn_command, conn_options);

  caller::BackupOptions backup_options;
  CLI::App* backup_command =
      app.add_subcommand("backup", "Have a running server make a backup of itself");
  caller::add_options(*backup_command, backup_options);

  caller::ImportOptions import_options;
  CLI::App* import_command =
      app.add_subcommand("import", "Move in from a running WuKongIM: read it, store what it has");
  caller::add_options(*import_command, import_options);

  std::string verified;
  CLI::App* verify_command = app.add_subcommand(
      "verify", "Look whether a backup, or the data directory of a stopped server, is whole");
  verify_command->add_option("DIR", verified, "the directory; nothing in it is changed")
      ->required();
  verify_command->footer(kVerifyFooter);

  RestoreFlags restored;
  CLI::App* restore_command =
      app.add_subcommand("restore", "Make the data directory of a server from a backup");
  add_restore_options(*restore_command, restored);

  RepairFlags repaired;
  CLI::App* repair_command = app.add_subcommand(
      "repair", "Say what is wrong with a data directory and what can be done about it, or do it");
  add_repair_options(*repair_command, repaired);

  caller::TopOptions top_options;
  CLI::App* top_command = app.add_subcommand("top", "Show live how a running server does");
  caller::add_options(*top_command, top_options);

  CLI::App* version_command =
      app.add_subcommand("version", "Print the version and the format of the store");
  bool version_flag = false;
  app.add_flag("--version", version_flag, "The same");

  std::vector<std::string> help_words;
  CLI::App* help_command = app.add_subcommand("help", "Print what a command takes");
  help_command->add_option("COMMAND", help_words, "the command, and the one behind it, if any");

  try {
    app.name(argv[0]);
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  const bool has_settings = app.get_subcommands().empty() || serve_command->parsed() ||
                            config_command->parsed() || doctor_command->parsed();
  if (flags.given() && !has_settings) {
    return usage_error(
        Error(Errc::invalid,
              "flags with settings go with serve, config and doctor; those of other commands "
              "stand behind the word (jindou send --help)"));
  }
  if (help_command->parsed()) return run_help(app, std::vector<std::string>(help_words));
  const bool serves = !version_flag && (app.get_subcommands().empty() || serve_command->parsed());
  if (!serves) release_hangups();
  if (version_command->parsed() || version_flag) {
    std::printf("jindou %s\nstore format %d\nRocksDB %s\n", kVersion, store::kStoreFormat,
                store::rocksdb_build().c_str());
    return 0;
  }
  if (config_command->parsed() && !wukongim_file.empty()) return run_conversion(wukongim_file);
  if (config_command->parsed()) {
    return run_config(flags.followed_by(config_flags), validate_only, markdown);
  }
  if (doctor_command->parsed()) return run_doctor_command(flags.followed_by(doctor_flags));
  if (key_command->parsed()) return run_key(key_of_input);
  if (backup_command->parsed()) return caller::run_backup(std::move(backup_options));
  if (import_command->parsed()) return caller::run_import(std::move(import_options));
  if (verify_command->parsed()) return run_verify(verified);
  if (restore_command->parsed()) return run_restore(restored);
  if (repair_command->parsed()) return run_repair(repaired);
  if (bench_command->parsed()) return run_bench_command(bench_options);
  if (send_command->parsed()) return caller::run_send(std::move(send_options));
  if (jobs_command->parsed()) return caller::run_jobs(std::move(jobs_options));
  if (channel_command->parsed()) return caller::run_channel(std::move(channel_options));
  if (user_command->parsed()) return caller::run_user(std::move(user_options));
  if (conn_command->parsed()) return caller::run_conn(std::move(conn_options));
  if (top_command->parsed()) return caller::run_top(std::move(top_options));
  return run_serve(flags.followed_by(serve_flags));
}

}  // namespace jindou::app
