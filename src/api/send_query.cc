#include "api/send_query.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

#include "base/assert.h"
#include "codec/send_fields.h"
#include "http/query.h"

namespace jindou::api {
namespace {

using bodies::ChoiceType;
using bodies::SendChoice;

const SendChoice& choice_named(std::string_view name) {
  const SendChoice* const choice = bodies::find_send_choice(name);
  JD_ASSERT(choice != nullptr);
  return *choice;
}

Error not_that(const SendChoice& choice) {
  return Error(Errc::invalid, bodies::what_it_takes(choice));
}

Result<bool> read_flag(const SendChoice& choice, std::string_view value) {
  if (value.empty()) return choice.on_unless_given;
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return not_that(choice);
}

Result<std::uint64_t> read_number(const SendChoice& choice, std::string_view value) {
  if (value.empty()) return 0;
  std::uint64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end || number > choice.most) return not_that(choice);
  return number;
}

// Of types that whoever acts by the value looks at no closer.
Result<void> check_value(const SendChoice& choice, std::string_view value) {
  switch (choice.type) {
    case ChoiceType::flag: JD_RETURN_IF_ERROR(read_flag(choice, value)); break;
    case ChoiceType::number: JD_RETURN_IF_ERROR(read_number(choice, value)); break;
    case ChoiceType::text:
      if (choice.most > 0 && value.size() > choice.most) return not_that(choice);
      break;
    case ChoiceType::word:
      if (std::find(choice.words.begin(), choice.words.end(), value) == choice.words.end()) {
        return not_that(choice);
      }
      break;
    case ChoiceType::ratio:
    case ChoiceType::part:
    case ChoiceType::window: break;
  }
  return {};
}

}  // namespace

Result<void> check_send_query(const Request& request, bodies::SendForm form, bool as_job) {
  std::string_view rest = request.query();
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::string name = http::decode_query_text(pair.substr(0, pair.find('=')));
    const std::string value = request.query_value(name);
    if (value.empty()) continue;
    const SendChoice* const choice = bodies::find_send_choice(name);
    if (choice == nullptr) {
      // Ignored, a condition would hold for nothing and a flag be without effect.
      if (codec::find_send_field(name) == nullptr) continue;
      return Error(Errc::invalid, name + " is a member of the body, not of the query");
    }
    if (!bodies::takes(*choice, form, as_job)) {
      return Error(Errc::invalid, bodies::why_not_taken(*choice, form, as_job));
    }
    if (!choice->is_content) JD_RETURN_IF_ERROR(check_value(*choice, value));
  }
  const std::string async = request.query_value("async");
  if (as_job && (async == "false" || async == "0")) {
    return Error(Errc::invalid,
                 "async=false cannot be: a job does what this asks for, and it is answered before "
                 "that is done");
  }
  return {};
}

Result<bool> flag_choice(const Request& request, std::string_view name) {
  return read_flag(choice_named(name), request.query_value(name));
}

Result<std::uint64_t> number_choice(const Request& request, std::string_view name) {
  return read_number(choice_named(name), request.query_value(name));
}

}  // namespace jindou::api
