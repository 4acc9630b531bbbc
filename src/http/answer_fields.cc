#include "http/answer_fields.h"

#include <algorithm>

#include "base/ascii.h"

namespace jindou::http {

namespace {

constexpr SeenByPages kNamed = SeenByPages::named;
constexpr SeenByPages kAlways = SeenByPages::always;
constexpr SeenByPages kNever = SeenByPages::never;

constexpr AnswerField kAnswerFields[] = {
    {"Accept-Encoding", kNamed},  // of a 415: the codings that are taken
    {"Access-Control-Allow-Credentials", kNever},
    {"Access-Control-Allow-Headers", kNever},
    {"Access-Control-Allow-Methods", kNever},
    {"Access-Control-Allow-Origin", kNever},
    {"Access-Control-Expose-Headers", kNever},
    {"Allow", kNamed},
    {"Batch-Advice", kNamed},
    {"Batch-Id", kNamed},
    {"Cache-Control", kAlways},
    {"Connection", kNever},
    {"Content-Encoding", kNever},  // the page gets what is decoded
    {"Content-Length", kAlways},
    {"Content-Security-Policy", kNever},
    {"Content-Type", kAlways},
    {"Date", kNamed},
    {"ETag", kNamed},
    {"Idempotency-Replay", kNamed},
    {"Jindou-Applied", kNamed},  // the choices of sending that counted
    {"Location", kNamed},
    {"Preference-Applied", kNamed},
    {"RateLimit", kNamed},
    {"RateLimit-Policy", kNamed},
    {"Referrer-Policy", kNever},
    {"Retry-After", kNamed},
    {"Trace-Id", kNamed},
    {"Transfer-Encoding", kNever},
    {"Vary", kNever},
    {"X-Accel-Buffering", kNever},
    {"X-Batch-Failed", kNamed},
    {"X-Content-Type-Options", kNever},
};

}  // namespace

const AnswerField* find_answer_field(std::string_view name) {
  for (const AnswerField& field : kAnswerFields) {
    if (ascii_iequals(field.name, name)) return &field;
  }
  return nullptr;
}

std::string_view unknown_answer_field(std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
    const std::string_view name = line.substr(0, line.find(':'));
    if (find_answer_field(name) == nullptr) return name;
  }
  return {};
}

const std::string& cors_fields() {
  static const std::string text = [] {
    std::string names;
    for (const AnswerField& field : kAnswerFields) {
      if (field.seen != kNamed) continue;
      if (!names.empty()) names += ", ";
      names += field.name;
    }
    return "Access-Control-Allow-Credentials: true\r\n"
           "Access-Control-Allow-Methods: POST, OPTIONS, GET, PUT, DELETE, PATCH\r\n"
           "Access-Control-Allow-Headers: Content-Type, Content-Length, Accept-Encoding, "
           "Authorization, token, X-Requested-With, Accept, Origin, Cache-Control, "
           "Content-Encoding, Jindou-Strict, Idempotency-Key, Prefer, Last-Event-ID, traceparent, "
           "tracestate, "
           // Those of bodies/send_choices.h, as a test of the API compares.
           "Jindou-Sender-Conversation, Jindou-Atomic, Jindou-On-Error, Jindou-Ack, "
           "Jindou-Dry-Run, Jindou-Keep, Jindou-Async, Jindou-Hold-Ms, Jindou-Name, Jindou-Rate, "
           "Jindou-Not-Before, Jindou-Window, Jindou-Time-Zone, Jindou-Canary, "
           "Jindou-Max-Refused\r\n"
           "Access-Control-Expose-Headers: " +
           names + "\r\n";
  }();
  return text;
}

}  // namespace jindou::http
