#include "caller/send.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/random.h"
#include "caller/input.h"
#include "caller/interrupt.h"
#include "caller/item_source.h"
#include "caller/refused_file.h"
#include "caller/rehearsal.h"
#include "caller/resume_file.h"
#include "caller/sending.h"
#include "caller/status_line.h"

namespace jindou::caller {

namespace {

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// What the runs before have done; the source stands behind it. Errors: invalid, when this run is
// not a further one of those.
Result<Progress> take_up(const SendOptions& options, ItemSource& source) {
  std::optional<Progress> known;
  if (!options.resume_file.empty()) {
    JD_TRY(known, load_progress(options.resume_file));
  }
  const std::uint64_t made_with = source.form().options_hash();
  if (known) {
    if (known->options != made_with) {
      return Error(Errc::invalid, options.resume_file +
                                      " belongs to a sending with another --payload, --template, "
                                      "--from, --channel-type or --id; give the same, or another "
                                      "file to --resume");
    }
    if (known->refused_file != options.refused_file && known->refused_bytes > 0) {
      return Error(Errc::invalid, "the run before wrote refused items to " + known->refused_file +
                                      "; give --refused " + known->refused_file + " again");
    }
    const auto skipped = source.skip(known->position);
    if (!skipped) {
      return Error(skipped.error().code(),
                   options.resume_file + " does not fit: " + skipped.error().detail());
    }
  }
  Progress begun = known.value_or(Progress());
  begun.options = made_with;
  if (begun.refused_file != options.refused_file) begun.refused_bytes = 0;
  return begun;
}

// None: nobody asked for one.
Result<std::optional<RefusedFile>> open_refused(const SendOptions& options,
                                                const ItemSource& source, const Progress& begun) {
  const std::string& path = options.refused_file;
  if (path.empty()) return std::optional<RefusedFile>();
  std::string columns = source.is_csv() ? source.form().refused_columns() : "";
  const bool known = begun.refused_file == path && (begun.refused_bytes > 0 || exists(path));
  auto file = known ? RefusedFile::reopen(path, std::move(columns), begun.refused_bytes)
                    : RefusedFile::create(path, std::move(columns));
  if (!file) return Error(file.error());
  return std::optional<RefusedFile>(std::move(*file));
}

int failed(const Error& error) {
  std::fprintf(stderr, "jindou send: %s\n", error.detail().c_str());
  return kBadCall;
}

}  // namespace

int run_send(SendOptions options) {
  // A connection that ends is an error like others.
  ::signal(SIGPIPE, SIG_IGN);
  const auto completed = complete(options);
  if (!completed) return failed(completed.error());
  auto input = Input::open(options.file);
  if (!input) return failed(input.error());
  if (options.file == "-" && ::isatty(STDIN_FILENO) == 1) {
    std::fprintf(stderr, "jindou send: reads from the terminal; Ctrl-D ends the input\n");
  }
  const auto source = ItemSource::open(std::move(*input), options);
  if (!source) return failed(source.error());
  auto begun = take_up(options, **source);
  if (!begun) return failed(begun.error());
  auto refused = open_refused(options, **source, *begun);
  if (!refused) return failed(refused.error());
  begun->refused_file = options.refused_file;
  if (!options.resume_file.empty()) {
    const auto stored = store_progress(options.resume_file, *begun);
    if (!stored) return failed(stored.error());
  }
  catch_interrupts();
  SystemRandom random;
  StatusLine status(show_of(options.progress), stderr, (*source)->size(), *begun,
                    std::chrono::steady_clock::now());
  RefusedFile* const file = refused->has_value() ? &**refused : nullptr;
  if (options.dry_run) return rehearse(options, **source, file, status, random);
  Sending sending(options, **source, file, status, random, *begun);
  const int code = sending.run();
  const Counts& counts = sending.progress().counts;
  std::string summary = status.summary(counts, std::chrono::steady_clock::now());
  if (file != nullptr && counts.refused > 0) {
    summary += "; the refused ones are in " + options.refused_file;
  }
  status.say(summary);
  return code;
}

}  // namespace jindou::caller
