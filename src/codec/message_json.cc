#include "codec/message_json.h"

#include <optional>
#include <utility>

#include "codec/send_members.h"
#include "model/id_rules.h"

namespace jindou::codec {
namespace {

namespace dom = simdjson::dom;

using Member = SendMember;

// Of a body that is one message, to a channel or to many users: as that of an item, but that there
// are no payloads under names.
void read_only_payload(const SendFields& fields, BatchCommon& common, Payload& out,
                       ItemProblems& problems) {
  if (!fields.text(Member::payload_ref).empty()) {
    problems.add("payload_ref",
                 "has nothing to refer to: only an object with items has payloads under names. "
                 "Give payload or template instead");
    return;
  }
  common.read_payload(fields, out, problems);
}

// `own`: the members that the item has itself.
void read_members(const SendFields& own, const SendFields& fields, BatchCommon& common,
                  BatchItem& item, ItemProblems& problems) {
  common.read_payload(own, item.payload, problems);
  if (fields.good(Member::from_uid)) {
    read_id(fields.text(Member::from_uid), "from_uid", item.from_uid, problems);
  }
  if (fields.good(Member::channel_id)) {
    read_id(fields.text(Member::channel_id), "channel_id", item.channel_id, problems);
  }
  const std::uint32_t type = fields.number(Member::channel_type);
  if (!fields.is_given(Member::channel_type)) {
    if (fields.good(Member::channel_type)) problems.add("channel_type", "is required");
  } else if (type == 0) {
    problems.add("channel_type", "must be from 1 to 255");
  } else {
    item.channel_type = static_cast<ChannelType>(type);
  }
  if (own.subscribers) {
    read_subscribers(*own.subscribers, common.limits(), UidCheck::here, item.subscribers, problems);
  } else if (own.good(Member::subscribers)) {
    common.share_subscribers(item.subscribers, problems);
  }
  read_optional_members(fields, common.limits(), item, problems);
}

void read_batch_item(dom::element element, std::size_t index, BatchCommon& common, BatchItem& item,
                     ItemProblems& problems) {
  dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) {
    problems.add("", "must be an object");
    problems.finish_item(index, {});
    return;
  }
  SendFields fields;
  read_send_fields(object, fields, problems);
  if (common.has_defaults()) {
    SendFields all = fields;
    all.take_missing(common.defaults());
    read_members(fields, all, common, item, problems);
    problems.finish_item(index, all.text(Member::client_msg_no));
  } else {
    read_members(fields, fields, common, item, problems);
    problems.finish_item(index, fields.text(Member::client_msg_no));
  }
}

BatchBody read_array(dom::array list, BatchCommon& common) {
  const SendLimits& limits = common.limits();
  const std::size_t size = list.size();
  if (size == 0) return Error(Errc::invalid, "the batch is empty");
  if (size > limits.items_max) {
    return Error(Errc::too_large, "a batch must not have more than " +
                                      std::to_string(limits.items_max) + " items (api.maxBatch)");
  }
  ItemProblems problems(limits.problems_max);
  std::vector<BatchItem> items(size);
  std::size_t index = 0;
  for (const dom::element element : list) {
    read_batch_item(element, index, common, items[index], problems);
    if (problems.full()) break;
    ++index;
  }
  // Before what is wrong so far: there may be more, and all of it is told at once.
  if (common.wants_templates()) return TemplatesWanted{common.take_wanted()};
  if (!problems.empty()) return problems.take();
  return items;
}

// The members of an object that is not of the older form.
struct ItemsForm {
  std::optional<dom::element> payloads;
  std::optional<dom::element> defaults;
  std::optional<dom::element> items;

  bool is_this() const { return payloads || defaults || items; }
};

// The name of one that is there twice; empty: all is well.
std::string_view read_form(dom::object object, ItemsForm& form) {
  for (const auto member : object) {
    std::optional<dom::element>* place = nullptr;
    if (member.key == "payloads") place = &form.payloads;
    if (member.key == "defaults") place = &form.defaults;
    if (member.key == "items") place = &form.items;
    if (place == nullptr) continue;
    if (*place) return member.key;
    *place = member.value;
  }
  return {};
}

BatchBody read_items_form(const ItemsForm& form, const SendLimits& limits,
                          const TemplateSet* templates) {
  BatchCommon common(limits, templates);
  dom::array list;
  if (!form.items || form.items->is_null()) {
    return Error(Errc::invalid, "items is required: an array of messages");
  }
  if (form.items->get_array().get(list) != simdjson::SUCCESS) {
    return Error(Errc::invalid, "items must be an array of messages");
  }
  if (form.payloads) {
    if (auto read = common.read_payloads(*form.payloads); !read) return std::move(read).error();
  }
  if (form.defaults) {
    if (auto read = common.read_defaults(*form.defaults); !read) return std::move(read).error();
  }
  return read_array(list, common);
}

constexpr std::string_view kNoSubscribers =
    "is required: an object is one message for many users. Other messages go into an array";
constexpr std::string_view kSingleMessage =
    "is required: an object is one message for many users. Put a message for a channel into an "
    "array, with [ and ] around it, or post it to /message/send";

constexpr const char* kWantsArray =
    "the body must be an array of messages: [{\"from_uid\":…,\"channel_id\":…,\"payload\":…}, …]";

BatchBody read_legacy(dom::object object, const SendLimits& limits, const TemplateSet* templates) {
  BatchCommon common(limits, templates);
  ItemProblems problems(1);
  SendFields fields;
  LegacyBatch batch;
  read_send_fields(object, fields, problems);
  BatchItem& message = batch.message;
  if (problems.empty() && !fields.subscribers && !fields.chooses_payload())
    return Error(Errc::invalid, kWantsArray);
  if (problems.empty())
    read_id(fields.text(Member::from_uid), "from_uid", message.from_uid, problems);
  if (problems.empty()) {
    if (!fields.subscribers || fields.subscribers->size() == 0) {
      problems.add("subscribers",
                   fields.text(Member::channel_id).empty() ? kNoSubscribers : kSingleMessage);
    } else {
      read_subscribers(*fields.subscribers, limits, UidCheck::by_caller, batch.subscribers,
                       problems, &batch.places);
    }
  }
  if (problems.empty()) read_only_payload(fields, common, message.payload, problems);
  if (problems.empty()) read_optional_members(fields, limits, message, problems);
  if (!problems.empty()) return problems.first();
  if (common.wants_templates()) return TemplatesWanted{common.take_wanted()};
  // One copy for all receivers.
  message.payload.share();
  message.channel_type = ChannelType::person;
  return batch;
}

bool has_head_members(dom::element element) {
  dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return false;
  ItemsForm form;
  (void)read_form(object, form);
  return form.payloads || form.defaults;
}

}  // namespace

BatchBody parse_batch(const JsonText& body, const SendLimits& limits,
                      const TemplateSet* templates) {
  auto parsed = parse_json(body);
  if (!parsed) return std::move(parsed).error();
  dom::array list;
  if (parsed->get_array().get(list) == simdjson::SUCCESS) {
    BatchCommon common(limits, templates);
    return read_array(list, common);
  }
  dom::object object;
  if (parsed->get_object().get(object) != simdjson::SUCCESS) {
    return Error(Errc::invalid, kWantsArray);
  }
  ItemsForm form;
  if (const std::string_view twice = read_form(object, form); !twice.empty()) {
    return Error(Errc::invalid, std::string(twice) + " must not be given twice");
  }
  return form.is_this() ? read_items_form(form, limits, templates)
                        : read_legacy(object, limits, templates);
}

ItemBody parse_item(std::string_view text, std::size_t index, BatchCommon& common) {
  ItemProblems problems(common.limits().problems_max);
  BatchItem item;
  const auto parsed = parse_json(text);
  if (parsed) {
    read_batch_item(*parsed, index, common, item, problems);
    if ((!problems.empty() || common.has_defaults()) && has_head_members(*parsed)) {
      (void)common.take_wanted();
      ItemProblem late;
      late.index = index;
      late.text = "payloads and defaults are for the first line of the body";
      return std::vector<ItemProblem>{std::move(late)};
    }
  } else {
    problems.add("", "is no item: " + parsed.error().detail(), parsed.error().code());
    problems.finish_item(index, {});
  }
  if (common.wants_templates()) return TemplatesWanted{common.take_wanted()};
  if (!problems.empty()) return problems.take();
  return item;
}

namespace {

constexpr std::size_t kShownNameBytes = 64;

bool names_head(std::string_view text) {
  return text.find("\"payloads\"") != std::string_view::npos ||
         text.find("\"defaults\"") != std::string_view::npos;
}

Error head_error(const Error& error) {
  return Error(error.code(), "the first line, the head of the others: " + error.detail());
}

}  // namespace

Result<bool> read_head(std::string_view text, BatchCommon& common) {
  if (!names_head(text)) return false;
  const auto parsed = parse_json(text);
  if (!parsed) return head_error(parsed.error());
  dom::object object;
  if (parsed->get_object().get(object) != simdjson::SUCCESS) return false;
  ItemsForm form;
  const std::string_view twice = read_form(object, form);
  if (!form.payloads && !form.defaults) return false;
  if (!twice.empty()) {
    return head_error(Error(Errc::invalid, std::string(twice) + " must not be given twice"));
  }
  for (const auto member : object) {
    if (member.key == "payloads" || member.key == "defaults") continue;
    const std::string name(member.key.size() > kShownNameBytes ? "(a long name)" : member.key);
    return head_error(Error(
        Errc::invalid, "beside payloads and defaults it must not have anything, such as " + name));
  }
  const std::size_t most = common.limits().head_bytes_max;
  if (text.size() > most) {
    return head_error(Error(Errc::too_large, "it is longer than " + std::to_string(most) +
                                                 " bytes (api.maxHeadLineBytes)"));
  }
  if (form.payloads) {
    if (auto read = common.read_payloads(*form.payloads); !read) return head_error(read.error());
  }
  if (form.defaults) {
    if (auto read = common.read_defaults(*form.defaults); !read) return head_error(read.error());
  }
  return true;
}

std::string find_client_msg_no(std::string_view text) {
  const auto parsed = parse_json(text);
  dom::object object;
  if (!parsed || parsed->get_object().get(object) != simdjson::SUCCESS) return {};
  SendFields fields;
  ItemProblems unused(1);
  read_send_fields(object, fields, unused);
  const std::string_view found = fields.text(Member::client_msg_no);
  return found.size() <= kClientMsgNoBytesMax ? std::string(found) : std::string();
}

SendBody parse_send(const JsonText& body, const SendLimits& limits, const TemplateSet* templates) {
  auto parsed = parse_json(body);
  if (!parsed) return std::move(parsed).error();
  dom::object object;
  if (parsed->get_object().get(object) != simdjson::SUCCESS) {
    return Error(Errc::invalid,
                 parsed->is_array()
                     ? "the body must be an object: several messages go to /message/sendbatch"
                     : "the body must be an object, with the members of one message");
  }
  BatchCommon common(limits, templates);
  ItemProblems problems(1);
  SendFields fields;
  BatchItem item;
  read_send_fields(object, fields, problems);
  if (problems.empty()) read_only_payload(fields, common, item.payload, problems);
  if (!problems.empty()) return problems.first();

  const bool targeted = fields.subscribers && fields.subscribers->size() > 0;
  const bool has_channel = !is_blank(fields.text(Member::channel_id));
  const std::uint32_t type = fields.number(Member::channel_type);
  // Without sync_once the message goes into its channel, and only these users read it.
  const bool command = targeted && fields.flag(Member::sync_once);
  if (!has_channel && !command) problems.add("channel_id", "is required");
  if (command && has_channel) {
    problems.add("subscribers", "with sync_once and channel_id exclude each other");
  }
  if (!command && type == 0) problems.add("channel_type", "is required, from 1 to 255");
  if (has_channel)
    read_id(fields.text(Member::channel_id), "channel_id", item.channel_id, problems);
  item.channel_type = static_cast<ChannelType>(type);
  if (is_blank(fields.text(Member::from_uid))) {
    item.from_uid = kSystemUid;
  } else {
    read_id(fields.text(Member::from_uid), "from_uid", item.from_uid, problems);
  }
  if (targeted) {
    read_subscribers(*fields.subscribers, limits, UidCheck::here, item.subscribers, problems);
  }
  read_optional_members(fields, limits, item, problems);
  if (!problems.empty()) return problems.first();
  if (common.wants_templates()) return TemplatesWanted{common.take_wanted()};
  return item;
}

}  // namespace jindou::codec
