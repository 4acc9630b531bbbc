#include "caller/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "base/read_file.h"
#include "config/secrets.h"

namespace jindou::caller {

namespace {

constexpr std::size_t kTokenFileBytesMax = 4096;

constexpr const char* kSendFooter = R"(
NDJSON: a JSON object a line, with the members of an item of POST /message/sendbatch.
CSV: the first row names the columns. channel_id, channel_type, from_uid, client_msg_no,
if_last_seq, expire, no_persist, red_dot, sync_once, sender_conversation, topic, stream_no,
is_stream and setting are members of the item, all others variables for the places {{name}} of the
template or payload. From expire on a column is a variable instead where --payload names it.

An item without client_msg_no gets one that is made of its content, its place in the input and
--id. So the same file can be sent again after any failure: what was stored is not sent twice.
To send the same once more on purpose, give another --id.

An item that the server refuses for now, such as over a rate limit (retry_after_ms), is sent again
after the longest of the times that it asks for, without those that got through; a busy server
(Retry-After) is asked again when it says. Nothing new is sent meanwhile.

Refused items are written to the file of --refused as they were, each with the reason: mend them
there and send that file.

Exit status:
  0  everything is sent (or was before)
  1  some items were refused, all others are sent
  2  the command line, the token or the input is wrong; what stood before it may be sent
  3  the server was not reached, gave up, or the sending was interrupted: run the same again

Examples:
  jindou send messages.ndjson
  jindou send users.csv --from system --channel-type 1 --payload '{"type":1,"content":"Hi {{name}}"}'
  jindou send users.csv --from system --channel-type 1 --template welcome --resume users.resume \
    --refused refused.csv --rate 2000 --url https://im.example.com --token-file /run/token
)";

// `named`: the flag and the file.
Result<std::string> read_token(const std::string& file, const std::string& named) {
  auto text = read_file(file, kTokenFileBytesMax, FileKind::any);
  if (!text) return Error(Errc::invalid, named + ": " + text.error().detail());
  const auto end = text->find_first_of("\r\n");
  if (end != std::string::npos) text->resize(end);
  if (text->empty()) return Error(Errc::invalid, named + ": its first line is empty");
  return std::move(*text);
}

}  // namespace

void add_address_options(CLI::App& app, ServerOptions& options) {
  app.add_option("--url", options.url, "the server's HTTP API; also the variable JINDOU_URL")
      ->envname("JINDOU_URL")
      ->capture_default_str();
  app.add_option("--token", options.token,
                 "the server's token; others on this machine can read it here, so rather use "
                 "--token-file or the variable JINDOU_TOKEN");
  app.add_option("--token-file", options.token_file, "a file whose first line is the token");
  app.add_option(
      "--ca-file", options.ca_file,
      "PEM file of authorities that may sign the certificate of an https server, besides "
      "those of the system");
  app.add_option("--timeout", options.timeout,
                 "seconds for a connection, and without a byte on one")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
}

void add_server_options(CLI::App& app, ServerOptions& options) {
  add_address_options(app, options);
  app.add_option("--patience", options.patience,
                 "seconds of trying again while the server is away or busy; 0: not at all")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
}

void add_progress_option(CLI::App& app, std::string& progress) {
  app.add_option("--progress", progress,
                 "auto: a line that changes on a terminal, else a line now and then; plain; never")
      ->check(CLI::IsMember({"auto", "plain", "never"}))
      ->capture_default_str();
}

void add_options(CLI::App& app, SendOptions& options) {
  app.footer(kSendFooter);
  app.add_option("FILE", options.file, "what to send; -, or none: standard input");
  add_server_options(app, options);
  app.add_option("--format", options.format,
                 "ndjson, csv, or auto: by the name of the file, then by its first character")
      ->check(CLI::IsMember({"auto", "ndjson", "csv"}))
      ->capture_default_str();
  app.add_option("--template", options.template_name,
                 "the stored template that items are made of, unless they say their payload");
  app.add_option(
      "--payload", options.payload,
      "the payload of items, unless they say theirs: JSON or text, with places {{name}}");
  app.add_option("--from", options.from, "the sender of items, unless they say theirs");
  app.add_option("--channel-type", options.channel_type,
                 "the channel type of items, unless they say theirs: 1 persons, 2 groups")
      ->check(CLI::Range(1, 255));
  app.add_option("--id", options.id,
                 "a name of this sending; another one sends the same once more");
  app.add_option("--rate", options.rate, "at most so many items a second; default: no limit")
      ->check(CLI::PositiveNumber);
  app.add_option("--tries", options.tries,
                 "how often an item is sent that the server refuses for now while others get "
                 "through; then it counts as refused")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--resume", options.resume_file,
                 "a file that says how far the sending has come; a second run goes on there");
  app.add_option("--refused", options.refused_file, "a new file for items that are refused");
  app.add_flag("--results", options.results,
               "print each result on standard output, a line of JSON");
  app.add_flag("--dry-run", options.dry_run,
               "send nothing; ask the server what would become of each item");
  add_progress_option(app, options.progress);
}

Result<void> complete_server(ServerOptions& options, const ServerFlags& flags) {
  const std::string token_flag(flags.token);
  const std::string file_flag = token_flag + "-file";
  const bool http = options.url.starts_with("http://") || options.url.starts_with("https://");
  while (options.url.ends_with('/')) options.url.pop_back();
  if (!http || options.url.size() <= 8) {
    return Error(Errc::invalid, std::string(flags.url) +
                                    " wants http://host:port or https://host:port, not \"" +
                                    shown_url(options) + "\"");
  }
  if (!options.token.empty() && !options.token_file.empty()) {
    return Error(Errc::invalid, "give " + token_flag + " or " + file_flag + ", not both");
  }
  if (!options.token_file.empty()) {
    JD_TRY(options.token, read_token(options.token_file, file_flag + ' ' + options.token_file));
  } else if (options.token.empty() && flags.environment) {
    if (const char* token = std::getenv("JINDOU_TOKEN"); token != nullptr) options.token = token;
  }
  if (std::any_of(options.token.begin(), options.token.end(),
                  [](unsigned char c) { return c < ' ' || c == 0x7f; })) {
    return Error(Errc::invalid,
                 "the token of " + token_flag + " has a character that no header may have");
  }
  return {};
}

Result<void> complete(SendOptions& options) {
  if (!options.template_name.empty() && !options.payload.empty()) {
    return Error(Errc::invalid, "give --template or --payload, not both");
  }
  if (options.dry_run && !options.resume_file.empty()) {
    return Error(Errc::invalid, "--dry-run sends nothing, so there is nothing to --resume");
  }
  return complete_server(options);
}

std::string shown_url(const ServerOptions& options) {
  return config::without_credentials(options.url);
}

std::vector<std::string> request_headers(const ServerOptions& options,
                                         std::string_view content_type) {
  std::vector<std::string> headers;
  if (!content_type.empty()) headers.push_back("Content-Type: " + std::string(content_type));
  if (!options.token.empty()) headers.push_back("token: " + options.token);
  return headers;
}

}  // namespace jindou::caller
