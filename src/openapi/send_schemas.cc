// The named schemas of sending: what is sent, and what becomes of it.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/send_fields.h"
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

std::string send_header() {
  std::vector<Property> flags;
  for (const codec::SendField& field : codec::send_fields()) {
    if (!field.in_header) continue;
    flags.push_back(may(field.name, nullable(ref("Flag"), sentence(field.meaning))));
  }
  return object(flags, "All 0 unless given; each may stand beside the header, too.");
}

constexpr std::string_view kContent =
    "The content: base64, or a JSON object or array, which is stored as its compact text. Clients "
    "of the WuKongIM SDKs show {\"type\":1,\"content\":\"…\"}; no text is shown without the "
    "number 1 as `type`, and the JavaScript SDK throws at text that is not JSON and at null.";

std::string schema_of(const codec::SendField& field, bool required, std::string_view meaning) {
  switch (field.type) {
    case codec::SendFieldType::payload: return payload(meaning);
    case codec::SendFieldType::header: return ref("SendHeader", meaning);
    case codec::SendFieldType::id: return required ? uid(meaning) : text(meaning);
    case codec::SendFieldType::text: return text(meaning);
    case codec::SendFieldType::flag: return flag(meaning);
    case codec::SendFieldType::number: return integer(meaning, 0, field.most);
    case codec::SendFieldType::channel_type: return integer(meaning, required ? 1 : 0, field.most);
    case codec::SendFieldType::uids:
      // The object form reports a uid that is none in its answer.
      return array_up_to(codec::kSubscribersMax, required ? text("A receiver.") : ref("Id"),
                         meaning);
    case codec::SendFieldType::variables:
      return map(anything("A string, a number, true, false; also an array or object."), meaning);
  }
  return {};
}

// A member that may be absent may be null, which is the same.
Property member(const codec::SendField& field, bool required, std::string_view meaning) {
  const std::string said =
      field.type == codec::SendFieldType::payload ? std::string(kContent) : sentence(meaning);
  std::string schema =
      required ? schema_of(field, required, said) : nullable(schema_of(field, required, {}), said);
  return Property{field.name, std::move(schema), required};
}

// The body with the members of one form, as the table tells their presence and meaning in it.
std::string body_of(codec::Presence codec::SendField::*presence,
                    std::string_view codec::SendField::*meaning, std::string_view description) {
  std::vector<Property> members;
  for (const codec::SendField& field : codec::send_fields()) {
    if (field.*presence == codec::Presence::none) continue;
    const bool required = field.*presence == codec::Presence::required;
    const std::string_view told = (field.*meaning).empty() ? field.meaning : field.*meaning;
    members.push_back(member(field, required, told));
  }
  return object(members, description);
}

std::string part_of_item() {
  std::vector<Property> members;
  for (const codec::SendField& field : codec::send_fields()) {
    if (field.item == codec::Presence::none) continue;
    members.push_back(member(field, false, field.meaning));
  }
  return object(members,
                "A message of a batch with `defaults`: what stands there need not stand in it.");
}

std::string items_form() {
  return object(
      {may("payloads",
           nullable(map(payload(kContent)), "Payloads that items refer to with `payload_ref`.")),
       may("defaults",
           nullable(ref("BatchItemPart"),
                    "Members for items that lack them. Flags are taken one by one, `vars` by "
                    "name; an item with a payload of its own takes none.")),
       need("items", array(ref("BatchItemPart"), "The messages."))},
      "Messages for any channels with payloads that they share.");
}

// What is told of a message that was accepted.
std::vector<Property> ids_of_message() {
  return {need("message_id", integer("Unique in the server, below 2^53.")),
          need("message_idstr", text("The same in decimal digits.")),
          need("message_seq", integer("Position in the channel; 0 when not stored.")),
          need("client_msg_no", text("Echoed, or generated."))};
}

std::string send_answer() {
  std::vector<Property> members = ids_of_message();
  members.insert(members.begin(), need("status", ok_status()));
  members.push_back(need("reason", integer("Always 1.", 1, 1)));
  members.push_back(
      may("duplicate", boolean("The message had been stored by an earlier request.")));
  members.push_back(may("moderation", ref("Moderation")));
  members.push_back(need("data", object(ids_of_message(), "The same members once more.")));
  return object(members, "The message was accepted.");
}

std::string fail_uids() {
  return object({need("fail_uids", array(text("A user."), "Who did not get the message.")),
                 need("reason", array(text("A sentence."), "Why, in the same order."))},
                "The answer to a message for many users.");
}

std::string dry_run() {
  const std::string total =
      object({need("items", integer("In all.")), need("accepted", integer("That would be stored.")),
              need("duplicate", integer("That were stored before.")),
              need("refused", integer("That would be refused.")),
              need("bytes", integer("Of the payloads.")),
              need("receivers", integer("Users who would receive it.")),
              may("online", integer("Of these; absent when too many were to be looked up.")),
              may("offline", integer("The others."))});
  return object({need("dry_run", R"({"type":"boolean","const":true})"),
                 need("items", array(ref("SendResult"))), need("total", total)},
                "What would become of a batch; nothing was sent.");
}

std::string received_item() {
  return object({need("client_msg_no", text("Echoed, or generated.")),
                 need("state", word({"received"}, "Not yet durable."))},
                "With ack=received: the item was taken.");
}

}  // namespace

std::vector<Component> send_components() {
  return {
      {"SendHeader", send_header()},
      {"BatchItem",
       body_of(&codec::SendField::item, &codec::SendField::meaning, "A message of a batch.")},
      {"BatchItemPart", part_of_item()},
      {"SharedBatch", items_form()},
      {"MessageToMany",
       body_of(&codec::SendField::object, &codec::SendField::object_meaning,
               "One message for many users. `client_msg_no` serves all receivers: a repeat stores "
               "nothing.")},
      {"Batch", one_of({array(ref("BatchItem")), ref("SharedBatch"), ref("MessageToMany")})},
      {"SendMessage",
       body_of(&codec::SendField::single, &codec::SendField::single_meaning, "One message.")},
      {"SendAnswer", send_answer()},
      {"FailedUsers", fail_uids()},
      {"DryRun", dry_run()},
      {"BatchAnswer", one_of({array(ref("SendResult")), ref("FailedUsers"), ref("DryRun")})},
      {"ReceivedItem", received_item()},
      {"BatchTaken", one_of({array(ref("ReceivedItem")), ref("NewJob")})},
  };
}

}  // namespace jindou::openapi
