// Any body to the send endpoints: no crash, and what is accepted keeps the promises of the types.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "codec/json_members.h"
#include "codec/message_json.h"
#include "model/id_rules.h"

namespace {

using namespace jindou;
using namespace jindou::codec;

void check_item(const BatchItem& item, const SendLimits& limits) {
  JD_ASSERT(!item.payload.empty());
  JD_ASSERT(item.payload.size() <= limits.payload_bytes_max);
  JD_ASSERT(id_problem(item.from_uid).empty());
  JD_ASSERT(item.client_msg_no.size() <= kClientMsgNoBytesMax);
  JD_ASSERT(item.client_msg_no_given == !item.client_msg_no.empty());
  JD_ASSERT(is_valid_utf8(item.client_msg_no));
  JD_ASSERT(is_valid_utf8(item.topic));
  for (const auto& uid : item.subscribers) JD_ASSERT(id_problem(uid).empty());
}

void check_batch(const BatchBody& batch, const SendLimits& limits) {
  if (const auto* items = std::get_if<std::vector<BatchItem>>(&batch)) {
    JD_ASSERT(!items->empty());
    JD_ASSERT(items->size() <= limits.items_max);
    for (const auto& item : *items) {
      check_item(item, limits);
      JD_ASSERT(id_problem(item.channel_id).empty());
      JD_ASSERT(item.channel_type != ChannelType::none);
    }
  } else if (const auto* problems = std::get_if<std::vector<ItemProblem>>(&batch)) {
    JD_ASSERT(!problems->empty());
    JD_ASSERT(problems->size() <= limits.problems_max);
  } else if (const auto* legacy = std::get_if<LegacyBatch>(&batch)) {
    JD_ASSERT(!legacy->subscribers.empty());
    JD_ASSERT(legacy->subscribers.size() <= limits.subscribers_max);
    check_item(legacy->message, limits);
  }
}

// Its members, put together again, are the same item.
void check_members(std::string_view body, const BatchItem& item, BatchCommon& common) {
  const auto members = json_members(body);
  JD_ASSERT(members);
  std::string text;
  for (const JsonMember& member : *members) {
    text += text.empty() ? '{' : ',';
    text.append("\"").append(member.name).append("\":").append(member.value);
  }
  text += '}';
  const auto again = parse_item(text, 0, common);
  const auto* same = std::get_if<BatchItem>(&again);
  JD_ASSERT(same != nullptr && same->payload == item.payload);
  JD_ASSERT(same->client_msg_no == item.client_msg_no);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  SendLimits limits;
  limits.items_max = 5;
  limits.payload_bytes_max = 64;
  limits.subscribers_max = 4;
  limits.problems_max = 3;
  limits.expanded_bytes_max = 100;

  auto batch = parse_batch(body, limits);
  TemplateSet templates;
  while (const auto* wanted = std::get_if<TemplatesWanted>(&batch)) {
    JD_ASSERT(!wanted->refs.empty());
    const std::size_t known = templates.size();
    for (const TemplateRef& ref : wanted->refs) {
      templates.put(ref, ref.version == 1 ? std::nullopt
                                          : std::optional<std::string>("{\"t\":\"{{name}}\"}"));
    }
    // It ends: each reading wants others.
    JD_ASSERT(templates.size() == known + wanted->refs.size());
    batch = parse_batch(body, limits, &templates);
  }
  check_batch(batch, limits);

  // As the server reads it: where it is, with anything behind it.
  std::string padded(body);
  padded.append(simdjson::SIMDJSON_PADDING, body.empty() ? '"' : body.back());
  JsonText in_place(std::string_view(padded).substr(0, size));
  in_place.readable = padded.size();
  JD_ASSERT(parse_batch(in_place, limits, &templates).index() == batch.index());

  // Again and again, beyond what all of them may have together.
  limits.expanded_bytes_max = 20;
  BatchCommon common(limits, &templates);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto item = parse_item(body, i, common);
    const auto* good = std::get_if<BatchItem>(&item);
    if (good == nullptr) continue;
    check_item(*good, limits);
    BatchCommon fresh(limits, &templates);
    check_members(body, *good, fresh);
  }

  auto single = parse_send(body, limits, &templates);
  while (const auto* wanted = std::get_if<TemplatesWanted>(&single)) {
    const std::size_t known = templates.size();
    for (const TemplateRef& ref : wanted->refs) templates.put(ref, "{{name}}");
    JD_ASSERT(templates.size() > known);
    single = parse_send(body, limits, &templates);
  }
  if (const auto* send = std::get_if<BatchItem>(&single)) {
    check_item(*send, limits);
    const bool command = !send->subscribers.empty() && send->flags.sync_once;
    JD_ASSERT(command == send->channel_id.empty());
  }
  return 0;
}
