#include "bodies/operators.h"

#include <array>

#include "bodies/rows.h"

namespace jindou::bodies {
namespace {

using enum FieldType;

// Nobody has a longer name or password; comparing them costs their length.
constexpr std::size_t kNameBytesMax = 256;
constexpr std::size_t kPasswordBytesMax = 1024;

constexpr std::array kEndConnection = {
    Field{.name = "uid",
          .to = at<&EndConnection::uid>,
          .meaning = "whose it is; blank: whoever it is"},
    Field{.name = "conn_id",
          .type = message_id,
          .to = at<&EndConnection::conn_id>,
          .meaning = "the `id` of `GET /connz`",
          .required = true},
    node_row<&EndConnection::node_id>("node_id"),
    node_row<&EndConnection::op_node_id>("op_node_id"),
};

constexpr std::array kForgetTag = {
    Field{.name = "tag_key", .meaning = "a key"},
    Field{.name = "channel_id", .meaning = "a channel"},
    Field{.name = "channel_type", .type = channel_type, .meaning = "its type"},
    node_row<&ForgetTag::node_id>("node_id"),
};

constexpr std::array kManagerLogin = {
    Field{.name = "username",
          .to = at<&ManagerLogin::username>,
          .meaning = "as configured in `auth.users`",
          .required = true,
          .bytes_max = kNameBytesMax},
    Field{.name = "password",
          .to = at<&ManagerLogin::password>,
          .meaning = "as configured in `auth.users`",
          .required = true,
          .bytes_max = kPasswordBytesMax},
};

constexpr std::array kConnectionPaths = {
    PathBody{"/conn/remove", kEndConnection},
    PathBody{"/conn/kick", kEndConnection},
    PathBody{"/tag/remove", kForgetTag},
};

constexpr std::array kLoginPaths = {PathBody{"/manager/login", kManagerLogin}};

}  // namespace

Fields<EndConnection> EndConnection::fields() { return kTable<EndConnection, kEndConnection>; }
Fields<ForgetTag> ForgetTag::fields() { return kTable<ForgetTag, kForgetTag>; }
Fields<ManagerLogin> ManagerLogin::fields() { return kTable<ManagerLogin, kManagerLogin>; }

std::span<const PathBody> connection_bodies() { return kConnectionPaths; }
std::span<const PathBody> login_bodies() { return kLoginPaths; }

}  // namespace jindou::bodies
