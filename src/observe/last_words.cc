#include "observe/last_words.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>

#include "base/assertion_writer.h"
#include "observe/line_writer.h"
#include "observe/log.h"

namespace jindou::observe {
namespace {

constexpr std::chrono::milliseconds kPatience{500};

[[noreturn]] void on_terminate() {
  std::string text = "ended by an exception that nobody caught";
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
    text = "ended by std::terminate";
  } catch (const std::exception& error) {
    text += ": ";
    append_text_escaped(text, error.what());
  } catch (...) {
    text += " and that is no std::exception";
  }
  say_last_words(text);
  std::abort();
}

}  // namespace

void install_last_words() {
  set_assertion_writer(say_last_words);
  std::set_terminate(on_terminate);
}

void say_last_words(std::string_view text) {
  log_flush(kPatience);
  std::string line(text);
  line += '\n';
  write_within(STDERR_FILENO, line, kPatience);
}

}  // namespace jindou::observe
