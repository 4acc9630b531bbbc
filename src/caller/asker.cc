#include "caller/asker.h"

#include <cstdio>
#include <utility>

#include "caller/server_call.h"

namespace jindou::caller {

std::string words_of(const http::CallAnswer& answer) {
  const std::string msg = message_of(answer);
  return std::to_string(answer.status) + (msg.empty() ? "" : ": " + msg);
}

Asker::Asker(const ServerOptions& options, std::string name)
    : options_(options), name_(std::move(name)) {}

int Asker::fail(int code, const std::string& why) const {
  std::fprintf(stderr, "%s: %s\n", name_.c_str(), why.c_str());
  return code;
}

bool Asker::is_success(const http::CallAnswer& answer, int& code) const {
  code = kAllSent;
  if (answer.ok() && answer.error.empty()) return true;
  if (answer.status == 0 || answer.ok()) {
    code = fail(kNotFinished, shown_url(options_) + ": " + answer.error);
  } else if ((answer.status == 404 || answer.status == 409) && !message_of(answer).empty()) {
    code = fail(kBadCall, message_of(answer));
  } else {
    const bool passes = answer.status >= 500 || answer.status == 429;
    code = fail(passes ? kNotFinished : kBadCall,
                shown_url(options_) + " answers " + words_of(answer));
  }
  return false;
}

std::optional<std::string> Asker::body_of(http::CallAnswer answer, int& code) const {
  if (!is_success(answer, code)) return std::nullopt;
  return std::move(answer.body);
}

std::optional<std::string> Asker::get(const std::string& path, int& code) const {
  return body_of(ask_server(options_, true, path), code);
}

std::optional<std::string> Asker::post(const std::string& path, const std::string& body,
                                       int& code) const {
  return body_of(
      body.empty() ? ask_server(options_, false, path) : post_to_server(options_, path, body),
      code);
}

int Asker::print(const std::string& text) const {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? kAllSent : fail(kNotFinished, "standard output cannot be written");
}

}  // namespace jindou::caller
