#include "delivery/wire_forms.h"

#include "codec/json_rpc.h"
#include "delivery/event_frame.h"
#include "delivery/receiver_view.h"
#include "observe/log.h"

namespace jindou::delivery {

const codec::RecvTemplate* MessageForms::wkproto(codec::Receiver receiver) {
  if (unreadable_) return nullptr;
  if (same_view_for_all(*message_)) receiver = codec::Receiver::other;
  auto& form = wkproto_[index(receiver)];
  if (!form) {
    auto made = make_frame(*message_, receiver);
    if (!made) {
      // The edges bound every field, so this is a bug of ours; the message stays readable over
      // HTTP.
      observe::log_error("delivery", "message {} does not fit a frame: {}", raw(message_->id),
                         made.error().text());
      unreadable_ = true;
      return nullptr;
    }
    form.emplace(std::move(*made));
  }
  return &*form;
}

std::string_view MessageForms::json(codec::Receiver receiver) {
  std::string& form = json_[index(receiver)];
  if (form.empty()) append_json_frame(form, *message_, receiver);
  return form;
}

std::string_view EventForms::wkproto() {
  if (wkproto_.empty() && !unreadable_) {
    if (auto made = make_event_frame(*event_, channel_id_)) {
      wkproto_ = std::move(*made);
    } else {
      // The edges bound every field, so this is a bug of ours; the state of the lane can be
      // queried.
      observe::log_error("delivery", "an event of message {} does not fit a frame: {}",
                         raw(event_->message_id), made.error().text());
      unreadable_ = true;
    }
  }
  return wkproto_;
}

std::string_view EventForms::json() {
  if (json_.empty()) append_json_event(json_, *event_, channel_id_);
  return json_;
}

}  // namespace jindou::delivery
