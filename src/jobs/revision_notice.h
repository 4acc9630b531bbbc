// How clients are told that a message was recalled or edited: a command message that the SDKs of
// the WuKongIM family know (docs/api.md, "POST /message/recall"). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/message.h"

namespace jindou::jobs {

// To more users than this a message that is restricted to some is told to those online only: a
// stored command to a list of users has a row for each of them, and is to go into the commit of the
// change.
inline constexpr std::size_t kNoticeReadersMax = 2'000;

// Goes into the channel of `message`, to whoever can read it; to be sent with the change, all or
// none. No permission rule applies to it.
SendCommand make_recall_notice(const Message& message, std::string_view operator_uid);
// `version`: that of the message with this edit.
SendCommand make_edit_notice(const Message& message, std::string_view operator_uid,
                             std::uint64_t version);

}  // namespace jindou::jobs
