// Any text as any body: no crash, and what is accepted is within what the table says. The first
// byte chooses the body.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "bodies/channels.h"
#include "bodies/conversations.h"
#include "bodies/events.h"
#include "bodies/history.h"
#include "bodies/operators.h"
#include "bodies/read.h"
#include "bodies/retention.h"
#include "bodies/templates.h"
#include "bodies/users.h"
#include "model/id_rules.h"

namespace {

using namespace jindou;
using namespace jindou::bodies;

constexpr Limits kLimits = {.payload_bytes = 64, .lookups = 4};

template <class T>
const T& member(const Field& field, void* body) {
  return *static_cast<const T*>(field.to.in(body));
}

void check(std::span<const Field> fields, void* body);

void check_text(const Field& field, const std::string& text) {
  if (field.type == FieldType::payload || field.type == FieldType::base64) {
    JD_ASSERT(!text.empty() && text.size() <= kLimits.payload_bytes);
    return;
  }
  if (field.required) JD_ASSERT(!is_blank(text));
  if (field.bytes_max != 0) JD_ASSERT(text.size() <= field.bytes_max);
  if (field.type == FieldType::id) JD_ASSERT(id_problem(text).empty());
}

void check_number(const Field& field, std::uint64_t number) {
  if (field.required) JD_ASSERT(number != 0);
  if (!field.forgiving) JD_ASSERT(number <= field.most);
  if (field.standard != 0) JD_ASSERT(number != 0);
  if (field.cap != 0) JD_ASSERT(number <= field.cap);
}

void check_field(const Field& field, void* body) {
  switch (field.to.target) {
    case Target::text: return check_text(field, member<std::string>(field, body));
    case Target::number: return check_number(field, member<std::uint64_t>(field, body));
    case Target::channel_type:
      if (field.required) JD_ASSERT(member<ChannelType>(field, body) != ChannelType::none);
      return;
    case Target::texts:
      if (field.type != FieldType::uids) return;
      for (const std::string& uid : member<std::vector<std::string>>(field, body)) {
        JD_ASSERT(id_problem(uid).empty());
      }
      return;
    case Target::object: return check(field.to.fields(), field.to.in(body));
    default: return;
  }
}

void check(std::span<const Field> fields, void* body) {
  for (const Field& field : fields) check_field(field, body);
}

template <class Body>
void try_body(std::string_view text) {
  BodyReader reader(text);
  auto body = read<Body>(reader, kLimits);
  if (reader.ok()) check(Body::fields().rows(), &body);
}

constexpr std::array kBodies = {
    try_body<WholeChannel>,      try_body<ChannelInfo>,       try_body<OneChannel>,
    try_body<AddSubscribers>,    try_body<RemoveSubscribers>, try_body<ListEntries>,
    try_body<WholeList>,         try_body<TemporaryChannel>,  try_body<UserToken>,
    try_body<DeviceQuit>,        try_body<ReadTokenWish>,     try_body<SystemAccounts>,
    try_body<PluginOfUser>,      try_body<ConversationSync>,  try_body<OneUser>,
    try_body<SyncMessages>,      try_body<SyncByChannels>,    try_body<UserChannel>,
    try_body<ClearUnread>,       try_body<SetUnread>,         try_body<ConversationList>,
    try_body<ConversationRetry>, try_body<MessageSync>,       try_body<MessageSyncBatch>,
    try_body<LookUpMessages>,    try_body<LookUpMessage>,     try_body<CommandSync>,
    try_body<CommandSyncAck>,    try_body<DeleteMessages>,    try_body<ClearMessages>,
    try_body<ChannelRetention>,  try_body<EndConnection>,     try_body<ForgetTag>,
    try_body<ManagerLogin>,      try_body<NewEvent>,          try_body<EventSync>,
    try_body<TextEvent>,         try_body<StreamOpen>,        try_body<StreamOpenV2>,
    try_body<StreamClose>,       try_body<StreamWriteV2>,     try_body<StreamCloseV2>,
    try_body<CommandBinding>,    try_body<NewTemplate>,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  kBodies[data[0] % kBodies.size()](text.substr(1));
  const auto users = read_users(text.substr(1));
  users.ignore("it is enough that it comes back");
  return 0;
}
