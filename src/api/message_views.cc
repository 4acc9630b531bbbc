#include "api/message_views.h"

#include <algorithm>
#include <utility>

#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/listing_pages.h"
#include "partition/history.h"

namespace jindou::api {

namespace {

// The one message that is wished for, if it is in the channel. Errors: storage.
Result<std::optional<Message>> load_wished(const ApiDeps& deps, const MessageWish& wish) {
  std::optional<Message> found;
  if (wish.id) {
    JD_TRY(found, deps.history.load_by_id(*wish.id));
  } else {
    JD_TRY(found, deps.history.load_by_client_msg_no(wish.channel, wish.client_msg_no));
  }
  const bool fits = found && found->channel == wish.channel &&
                    (wish.client_msg_no.empty() || found->client_msg_no == wish.client_msg_no);
  if (!fits) found.reset();
  return found;
}

}  // namespace

Result<MessageWish> read_message_wish(const Services& services, const Request& request) {
  const std::string id = request.query_value("channel_id");
  if (id.empty()) {
    return Error(Errc::invalid,
                 "channel_id is required, with channel_type: messages are listed of one channel");
  }
  MessageWish wish;
  JD_TRY(const ChannelType type, read_query_type(request.query_value("channel_type")));
  JD_TRY(wish.channel, stored_channel(id, type));
  wish.client_msg_no = request.query_value("client_msg_no");
  wish.bytes_max = services.options.page_bytes_max;
  return wish;
}

Result<MessageView> load_message_view(const ApiDeps& deps, MessageWish wish) {
  JD_TRY(wish.channel, load_settled_channel(deps.history, std::move(wish.channel)));
  MessageView view;
  if (wish.id || !wish.client_msg_no.empty()) {
    JD_TRY(auto found, load_wished(deps, wish));
    if (found) view.messages.push_back(std::move(*found));
    return view;
  }
  if (wish.before_seq == 1) return view;
  partition::RangeQuery query;
  query.channel = wish.channel;
  query.limit = static_cast<std::int64_t>(wish.limit);
  query.bytes_max = wish.bytes_max;
  if (wish.after_seq != 0) {
    query.towards_newer = true;
    query.start_seq = wish.after_seq + 1;
  } else if (wish.before_seq != 0) {
    query.start_seq = wish.before_seq - 1;
  }
  JD_TRY(partition::RangePage page, deps.history.load_range(query));
  std::reverse(page.messages.begin(), page.messages.end());
  view.messages = std::move(page.messages);
  view.more = page.more && !view.messages.empty();
  return view;
}

}  // namespace jindou::api
