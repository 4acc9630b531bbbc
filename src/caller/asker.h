// A command that asks a server, shows what it answers, and says what fails.
#pragma once

#include <optional>
#include <string>

#include "caller/options.h"
#include "http/sender.h"

namespace jindou::caller {

// Borrows the options. One thread; what asks blocks as ask_server() does.
class Asker {
 public:
  // `name`: of the command; each line on standard error begins with it.
  Asker(const ServerOptions& options, std::string name);

  // The whole answer. None: `code` has the exit code, and it was said why.
  std::optional<std::string> get(const std::string& path, int& code) const;
  // A POST; `body` is JSON, or empty.
  std::optional<std::string> post(const std::string& path, const std::string& body,
                                  int& code) const;

  // Whether it says what was asked for. Otherwise as above.
  bool is_success(const http::CallAnswer& answer, int& code) const;
  // On standard output. Returns kAllSent, or the exit code for an output that takes nothing.
  int print(const std::string& text) const;
  // Says on standard error why, and returns `code`.
  int fail(int code, const std::string& why) const;

 private:
  std::optional<std::string> body_of(http::CallAnswer answer, int& code) const;

  const ServerOptions& options_;
  const std::string name_;
};

// What the server says: its status and, if there is one, its sentence.
std::string words_of(const http::CallAnswer& answer);

}  // namespace jindou::caller
