#include "model/reason.h"

namespace jindou {

std::string_view reason_text(Reason reason) {
  switch (reason) {
    case Reason::unknown: return "unknown";
    case Reason::success: return "success";
    case Reason::auth_fail: return "authentication failed";
    case Reason::subscriber_not_exist: return "the sender is not a subscriber of the channel";
    case Reason::in_denylist: return "the sender is on the denylist of the channel";
    case Reason::channel_not_exist: return "the channel does not exist";
    case Reason::payload_decode_error:
      return "the payload is invalid, too large or cannot be decrypted";
    case Reason::not_allow_send: return "the sender may not send to this channel";
    case Reason::connect_kick: return "kicked by another login";
    case Reason::not_in_allowlist: return "the sender is not on the allowlist of the channel";
    case Reason::system_error:
      return "internal or storage error; retry with the same client_msg_no";
    case Reason::channel_id_error: return "the channel id is malformed";
    case Reason::ban: return "the channel or the user is banned";
    case Reason::client_key_is_empty: return "the client key is empty";
    case Reason::rate_limit: return "too many requests; retry later";
    case Reason::not_support_channel_type: return "the channel type is not supported";
    case Reason::disband: return "the channel was disbanded";
    case Reason::send_ban: return "sending is switched off for this user or channel";
    case Reason::moderated: return "the message was refused by moderation";
    case Reason::last_seq_differs:
      return "the last message_seq of the channel is another one than if_last_seq: read what came "
             "behind it, then repeat with the last_seq of this answer";
    case Reason::receiver_cap:
      return "the receiver has had all the bulk messages of today (bulk.perReceiverPerDay)";
  }
  return "unknown";
}

bool reason_is_permission(Reason reason) {
  switch (reason) {
    case Reason::subscriber_not_exist:
    case Reason::in_denylist:
    case Reason::channel_not_exist:
    case Reason::not_allow_send:
    case Reason::not_in_allowlist:
    case Reason::ban:
    case Reason::disband:
    case Reason::send_ban:
    case Reason::moderated:
    case Reason::receiver_cap: return true;
    default: return false;
  }
}

// Without default: whoever adds a code says it here.
bool reason_refuses_message(Reason reason) {
  switch (reason) {
    case Reason::unknown:
    case Reason::success:
    case Reason::auth_fail:
    case Reason::connect_kick:
    case Reason::client_key_is_empty: return false;
    case Reason::subscriber_not_exist:
    case Reason::in_denylist:
    case Reason::channel_not_exist:
    case Reason::payload_decode_error:
    case Reason::not_allow_send:
    case Reason::not_in_allowlist:
    case Reason::system_error:
    case Reason::channel_id_error:
    case Reason::ban:
    case Reason::rate_limit:
    case Reason::not_support_channel_type:
    case Reason::disband:
    case Reason::send_ban:
    case Reason::moderated:
    case Reason::last_seq_differs:
    case Reason::receiver_cap: return true;
  }
  return false;
}

bool reason_refuses_login(Reason reason) {
  switch (reason) {
    case Reason::auth_fail:
    case Reason::ban:
    case Reason::client_key_is_empty:
    case Reason::rate_limit: return true;
    default: return false;
  }
}

}  // namespace jindou
