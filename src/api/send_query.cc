#include "api/send_query.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>
#include <string>
#include <system_error>

#include "base/assert.h"
#include "codec/send_fields.h"
#include "http/query.h"
#include "openapi/strict_check.h"

namespace jindou::api {
namespace {

using bodies::ChoiceType;
using bodies::GivenBy;
using bodies::SendChoice;

// Of the name of a header field that is told.
constexpr std::size_t kFieldNameBytes = 64;

const SendChoice& choice_named(std::string_view name) {
  const SendChoice* const choice = bodies::find_send_choice(name);
  JD_ASSERT(choice != nullptr);
  return *choice;
}

Error not_that(const SendChoice& choice, GivenBy by) {
  return Error(Errc::invalid, bodies::what_it_takes(choice, by));
}

// Where its value is, if it has one.
GivenBy place_of(const Request& request, const SendChoice& choice) {
  return request.query_value(choice.name).empty() ? GivenBy::field : GivenBy::query;
}

Result<bool> read_flag(const SendChoice& choice, std::string_view value, GivenBy by) {
  if (value.empty()) return choice.on_unless_given;
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return not_that(choice, by);
}

Result<std::uint64_t> read_number(const SendChoice& choice, std::string_view value, GivenBy by) {
  if (value.empty()) return 0;
  std::uint64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end || number > choice.most) {
    return not_that(choice, by);
  }
  return number;
}

// Of types that whoever acts by the value looks at no closer.
Result<void> check_value(const SendChoice& choice, std::string_view value, GivenBy by) {
  switch (choice.type) {
    case ChoiceType::flag: JD_RETURN_IF_ERROR(read_flag(choice, value, by)); break;
    case ChoiceType::number: JD_RETURN_IF_ERROR(read_number(choice, value, by)); break;
    case ChoiceType::text:
      if (choice.most > 0 && value.size() > choice.most) return not_that(choice, by);
      break;
    case ChoiceType::word:
      if (std::find(choice.words.begin(), choice.words.end(), value) == choice.words.end()) {
        return not_that(choice, by);
      }
      break;
    case ChoiceType::ratio:
    case ChoiceType::part:
    case ChoiceType::window: break;
  }
  return {};
}

Result<void> check_query(const Request& request, bodies::SendForm form, bool as_job) {
  std::set<std::string, std::less<>> looked_at;
  std::string_view rest = request.query();
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::string name = http::decode_query_text(pair.substr(0, pair.find('=')));
    const SendChoice* const choice = bodies::find_send_choice(name);
    if (choice == nullptr && codec::find_send_field(name) == nullptr) continue;
    // Asking for a value goes through the whole query: once for each name that means something,
    // and there are few of those.
    if (!looked_at.insert(name).second) continue;
    const std::string value = request.query_value(name);
    if (value.empty()) continue;
    if (choice == nullptr) {
      // Ignored, a condition would hold for nothing and a flag be without effect.
      return Error(Errc::invalid, name + " is a member of the body, not of the query");
    }
    if (!bodies::takes(*choice, form, as_job)) {
      return Error(Errc::invalid, bodies::why_not_taken(*choice, form, as_job));
    }
    if (!choice->is_content) JD_RETURN_IF_ERROR(check_value(*choice, value, GivenBy::query));
  }
  return {};
}

// What both say has to be one thing: nobody knows which of them was meant.
bool say_the_same(const SendChoice& choice, std::string_view query, std::string_view field) {
  if (choice.type != ChoiceType::flag) return query == field;
  const auto one = read_flag(choice, query, GivenBy::query);
  const auto other = read_flag(choice, field, GivenBy::field);
  return one && other && *one == *other;
}

Result<void> check_field(const Request& request, std::string_view name, std::string_view value,
                         bodies::SendForm form, bool as_job) {
  const SendChoice* const choice = openapi::choice_of_field(name);
  if (choice == nullptr) {
    return Error(Errc::invalid, "the header field " + std::string(name.substr(0, kFieldNameBytes)) +
                                    " is none of those that a request that sends may have");
  }
  if (request.header_list(name).size() != value.size()) {
    return Error(Errc::invalid, bodies::called(*choice, GivenBy::field) + " is there twice");
  }
  if (value.empty()) return {};
  if (!bodies::takes(*choice, form, as_job)) {
    return Error(Errc::invalid, bodies::why_not_taken(*choice, form, as_job, GivenBy::field));
  }
  JD_RETURN_IF_ERROR(check_value(*choice, value, GivenBy::field));
  const std::string other = request.query_value(choice->name);
  if (other.empty() || say_the_same(*choice, other, value)) return {};
  return Error(Errc::invalid, bodies::called(*choice, GivenBy::query) + " and " +
                                  bodies::called(*choice, GivenBy::field) +
                                  " contradict each other: give one of them");
}

Result<void> check_fields(const Request& request, bodies::SendForm form, bool as_job) {
  for (std::size_t i = 0; i < request.header_count(); ++i) {
    const std::string_view name = request.header_name(i);
    if (!openapi::is_choice_field(name)) continue;
    JD_RETURN_IF_ERROR(check_field(request, name, request.header_text(i), form, as_job));
  }
  return {};
}

bool has_choice_fields(const Request& request) {
  for (std::size_t i = 0; i < request.header_count(); ++i) {
    if (openapi::is_choice_field(request.header_name(i))) return true;
  }
  return false;
}

// As the answer tells it; empty: it is text of the caller's, of which only the name is told.
std::string applied_value(const SendChoice& choice, const std::string& value, GivenBy by) {
  if (choice.type == ChoiceType::word) return value;
  if (choice.type == ChoiceType::flag) {
    const auto flag = read_flag(choice, value, by);
    return flag && *flag ? "true" : "false";
  }
  if (choice.type != ChoiceType::number) return {};
  const auto number = read_number(choice, value, by);
  return number ? std::to_string(*number) : std::string();
}

}  // namespace

Result<void> check_send_query(const Request& request, bodies::SendForm form, bool as_job) {
  JD_RETURN_IF_ERROR(check_query(request, form, as_job));
  JD_RETURN_IF_ERROR(check_fields(request, form, as_job));
  const std::string async = choice_value(request, "async");
  if (as_job && (async == "false" || async == "0")) {
    return Error(Errc::invalid,
                 "async=false cannot be: a job does what this asks for, and it is answered before "
                 "that is done");
  }
  return {};
}

std::string choice_value(const Request& request, std::string_view name) {
  std::string value = request.query_value(name);
  if (!value.empty()) return value;
  const SendChoice& choice = choice_named(name);
  return choice.field.empty() ? std::string() : std::string(request.header(choice.field));
}

Result<bool> flag_choice(const Request& request, std::string_view name) {
  const SendChoice& choice = choice_named(name);
  const std::string value = choice_value(request, name);
  if (value.empty()) return choice.on_unless_given;
  return read_flag(choice, value, place_of(request, choice));
}

Result<std::uint64_t> number_choice(const Request& request, std::string_view name) {
  const SendChoice& choice = choice_named(name);
  const std::string value = choice_value(request, name);
  if (value.empty()) return 0;
  return read_number(choice, value, place_of(request, choice));
}

Error wrong_choice(const Request& request, std::string_view name) {
  const SendChoice& choice = choice_named(name);
  return not_that(choice, place_of(request, choice));
}

Result<Choices> wanted_choices(const Request& request) {
  Choices choices;
  choices.received = choice_value(request, "ack") == "received";
  JD_TRY(choices.dry_run, flag_choice(request, "dry_run"));
  JD_TRY(const bool atomic, flag_choice(request, "atomic"));
  const std::string on_error = choice_value(request, "on_error");
  if (atomic && !on_error.empty()) {
    return Error(Errc::invalid, "atomic and on_error exclude each other");
  }
  if (atomic) choices.on_failure = OnFailure::all_none;
  if (on_error == "stop") choices.on_failure = OnFailure::stop;
  JD_TRY(choices.keep, flag_choice(request, "keep"));
  if (choices.keep && (choices.dry_run || choices.received)) {
    return Error(Errc::invalid, "keep=true goes with neither dry_run nor ack=received");
  }
  if (choices.received && (choices.dry_run || choices.on_failure != OnFailure::go_on)) {
    return Error(Errc::invalid, "ack=received goes with none of atomic, on_error=stop and dry_run");
  }
  if (choices.received && !request.header("Idempotency-Key").empty()) {
    return Error(Errc::invalid, "an Idempotency-Key needs ack=synced: its answer is kept");
  }
  return choices;
}

std::string choices_of_fields(const Request& request) {
  std::string all;
  if (!has_choice_fields(request)) return all;
  for (const SendChoice& choice : bodies::send_choices()) {
    if (choice.field.empty()) continue;
    const std::string_view value = request.header(choice.field);
    if (value.empty()) continue;
    // No value has a line end: two lists are not taken for one.
    all.append(choice.name).append("=").append(value).append("\n");
  }
  return all;
}

std::string_view level_reached(const Request& request) {
  const auto dry_run = flag_choice(request, "dry_run");
  return dry_run && *dry_run ? std::string_view() : std::string_view("synced");
}

void add_applied_choices(const Request& request, std::string_view ack, Response& response) {
  std::string applied;
  const auto add = [&applied](std::string_view name, std::string_view value) {
    applied.append(applied.empty() ? "" : ", ").append(name);
    if (!value.empty()) applied.append("=").append(value);
  };
  bool has_ack = false;
  if (!request.query().empty() || has_choice_fields(request)) {
    for (const SendChoice& choice : bodies::send_choices()) {
      if (choice.is_content) continue;
      const std::string value = choice_value(request, choice.name);
      if (value.empty()) continue;
      has_ack = has_ack || choice.name == "ack";
      add(choice.name, applied_value(choice, value, place_of(request, choice)));
    }
  }
  if (!has_ack && !ack.empty()) add("ack", ack);
  if (!applied.empty()) response.extra_headers += "Jindou-Applied: " + applied + "\r\n";
}

}  // namespace jindou::api
