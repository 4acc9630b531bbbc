#include "moderation/verdicts.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "codec/base64.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "model/channel.h"

namespace jindou::moderation {

namespace {

// A sentence for the caller.
constexpr std::size_t kReasonBytesMax = 256;

using simdjson::dom::element;
using simdjson::dom::object;

std::string_view shown_channel(const partition::CheckedContent& content) {
  const std::string_view id = content.channel->id;
  if (content.channel->type != ChannelType::person) return id;
  const std::string_view peer = peer_in_pair(id, content.from_uid);
  return peer.empty() ? id : peer;
}

// Empty: it is no payload.
std::optional<std::string> read_payload(element value) {
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) {
    std::string bytes;
    if (!codec::base64_decode(text, bytes)) return std::nullopt;
    return bytes;
  }
  if (value.is_object() || value.is_array()) return simdjson::minify(value);
  return std::nullopt;
}

}  // namespace

std::string question_of(std::span<const partition::CheckedContent> contents) {
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object();
  json.begin_array("items");
  for (const auto& content : contents) {
    json.begin_object();
    json.string("kind", content.is_edit ? "edit" : "send");
    json.string("from_uid", content.from_uid);
    json.string("channel_id", shown_channel(content));
    json.number("channel_type", raw(content.channel->type));
    if (!content.client_msg_no.empty()) json.string("client_msg_no", content.client_msg_no);
    json.base64("payload", *content.payload);
    if (content.is_rehearsal) json.boolean("dry_run", true);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return body;
}

Result<std::vector<Verdict>> parse_verdicts(std::string_view answer, std::size_t count,
                                            std::size_t payload_bytes_max) {
  JD_TRY(const element root, codec::parse_json(answer));
  simdjson::dom::array all;
  if (root["verdicts"].get_array().get(all) != simdjson::SUCCESS) {
    return Error(Errc::invalid, "there is no array verdicts");
  }
  if (all.size() != count) {
    return Error(Errc::invalid, fmt::format("{} verdicts for {} items", all.size(), count));
  }
  std::vector<Verdict> verdicts;
  const auto bad = [&verdicts](std::string_view why) {
    return Error(Errc::invalid, fmt::format("verdict {}: {}", verdicts.size(), why));
  };
  for (const element each : all) {
    Verdict verdict;
    std::string_view action;
    if (each["action"].get_string().get(action) != simdjson::SUCCESS) return bad("has no action");
    std::string_view reason;
    if (each["reason"].get_string().get(reason) == simdjson::SUCCESS) {
      if (reason.size() > kReasonBytesMax) return bad("reason is longer than 256 bytes");
      verdict.reason = reason;
    }
    if (action == "refuse") {
      verdict.action = Verdict::Action::refuse;
    } else if (action == "replace") {
      verdict.action = Verdict::Action::replace;
      element given;
      std::optional<std::string> payload;
      if (each["payload"].get(given) == simdjson::SUCCESS) payload = read_payload(given);
      if (!payload) return bad("payload is neither base64 nor an object or array");
      if (payload->empty() || payload->size() > payload_bytes_max) {
        return bad("payload is empty or too large");
      }
      verdict.payload = std::move(*payload);
    } else if (action != "allow") {
      return bad("action is none of allow, refuse, replace");
    }
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

}  // namespace jindou::moderation
