#include "api/audit.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "api/request_id.h"
#include "codec/json_writer.h"

namespace jindou::api {

namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kLoginPath = "/manager/login";

// What changes with every message or every look at one: too much for a log, and counted elsewhere.
constexpr std::string_view kTraffic[] = {
    "/event",
    "/message/event",
    "/stream/open",
    "/stream/close",
    "/streammessage/start",
    "/streammessage/end",
    "/streamv2/open",
    "/streamv2/write",
    "/streamv2/close",
    "/conversation/clearUnread",
    "/conversations/clearUnread",
    "/conversation/setUnread",
    "/conversations/setUnread",
    "/conversations/activate",
};

// Of texts and of lists; what is longer is cut.
constexpr std::size_t kTextBytesMax = 256;
constexpr std::size_t kListedMax = 16;
// Of what is told beside the target: with ids as long as they may be it is left out.
constexpr std::size_t kRestBytesMax = std::size_t{6} << 10;

enum class Is : std::uint8_t {
  channel_id,
  channel_type,
  uid,
  number,  // an integer, true or false, or digits in quotes
  text,
  list,  // of ids or numbers
};

// The members of bodies that a line may hold. Everything else is passed over unread.
struct AuditMember {
  std::string_view name;
  Is is;
};
constexpr AuditMember kMembers[] = {
    {"channel_id", Is::channel_id},
    {"channel_type", Is::channel_type},
    {"uid", Is::uid},
    {"message_id", Is::number},
    {"message_ids", Is::list},
    {"message_seq", Is::number},
    {"message_seqs", Is::list},
    {"conn_id", Is::number},
    {"subscribers", Is::list},
    {"uids", Is::list},
    {"login_uid", Is::text},
    {"operator_uid", Is::text},
    {"device_flag", Is::number},
    {"device_level", Is::number},
    {"large", Is::number},
    {"ban", Is::number},
    {"disband", Is::number},
    {"send_ban", Is::number},
    {"allow_stranger", Is::number},
    {"reset", Is::number},
    {"max_age", Is::number},
    {"max_count", Is::number},
    {"if_version", Is::number},
};

// Where the last part of a path, or the one before it, is the name of something.
struct NamedByPath {
  std::string_view before;
  std::string_view what;
};
constexpr NamedByPath kNamedByPath[] = {
    {"/jobs/", "job"}, {"/batches/", "job"}, {"/templates/", "template"}};

std::string_view cut(std::string_view text) { return text.substr(0, kTextBytesMax); }

bool is_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.size() > 1 && digits.front() == '0') return false;  // not so in JSON
  return !digits.empty() && digits.size() <= 20 &&
         std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
}

// As JSON; empty: it is none.
std::string number_of(ondemand::value value) {
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return {};
  if (type == ondemand::json_type::boolean) {
    bool on = false;
    if (value.get_bool().get(on) != simdjson::SUCCESS) return {};
    return on ? "true" : "false";
  }
  std::string_view text;
  if (type == ondemand::json_type::string) {
    if (value.get_string().get(text) != simdjson::SUCCESS) return {};
  } else if (type == ondemand::json_type::number) {
    text = value.raw_json_token();
    while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' ||
                             text.back() == '\t')) {
      text.remove_suffix(1);
    }
  }
  return is_integer(text) ? std::string(text) : std::string();
}

// What a body says about what is done.
class AuditedBody {
 public:
  explicit AuditedBody(const std::string& body) {
    if (body.empty()) return;
    std::string_view text = body;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    const std::size_t room = body.capacity() - (body.size() - text.size());
    simdjson::padded_string copy;
    simdjson::padded_string_view padded(text.data(), text.size(), room);
    if (room < text.size() + simdjson::SIMDJSON_PADDING) {
      copy = simdjson::padded_string(text);
      padded = copy;
    }
    ondemand::parser parser;
    ondemand::document document;
    ondemand::object object;
    if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return;
    if (document.get_object().get(object) != simdjson::SUCCESS) return;
    // What is no JSON further on was refused; what stands before it is told all the same.
    for (auto entry : object) {
      ondemand::field field;
      std::string_view name;
      if (std::move(entry).get(field) != simdjson::SUCCESS) return;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS) return;
      take(name, field.value());
    }
  }

  // "channel/2/g1", "message/17"; empty: it names nothing. Takes what it says out of the rest.
  std::string take_target() {
    for (auto member = numbers_.begin(); member != numbers_.end(); ++member) {
      if (member->first != "message_id" && member->first != "conn_id") continue;
      std::string target =
          (member->first == "message_id" ? "message/" : "connection/") + member->second;
      numbers_.erase(member);
      return target;
    }
    if (channel_id_) return channel();
    if (uid_) return "user/" + *std::exchange(uid_, std::nullopt);
    return {};
  }

  // Who wants to log in; may be a password, typed into the wrong field.
  const std::string& username() const { return username_; }
  // How a new template is called.
  const std::string& name() const { return name_; }

  // The members of an object.
  void write_rest(codec::JsonWriter& json) {
    if (channel_id_) json.string("channel", channel());
    if (uid_) json.string("uid", *uid_);
    for (const auto& [name, value] : numbers_) {
      json.key(name);
      json.raw(value);
    }
    for (const auto& [name, value] : texts_) json.string(name, value);
    for (const List& list : lists_) {
      json.begin_array(list.name);
      for (const std::string& value : list.first) json.string(value);
      json.end_array();
      if (list.count > list.first.size()) {
        json.number(std::string(list.name) + "_count", list.count);
      }
    }
  }
  bool has_rest() const {
    return channel_id_ || uid_ || !numbers_.empty() || !texts_.empty() || !lists_.empty();
  }

 private:
  struct List {
    std::string_view name;
    std::vector<std::string> first;
    std::size_t count = 0;
  };

  std::string channel() {
    const std::string type = channel_type_.empty() ? "2" : channel_type_;
    return "channel/" + type + '/' + *std::exchange(channel_id_, std::nullopt);
  }

  void take(std::string_view name, ondemand::value value) {
    if (name == "username" || name == "name") {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) return;
      (name == "name" ? name_ : username_) = cut(text);
      return;
    }
    const auto* const known = std::ranges::find(kMembers, name, &AuditMember::name);
    if (known == std::end(kMembers)) return;
    // A body that has one twice is refused.
    if (std::exchange(seen_.at(static_cast<std::size_t>(known - std::begin(kMembers))), true)) {
      return;
    }
    std::string_view text;
    switch (known->is) {
      case Is::channel_id:
        if (value.get_string().get(text) == simdjson::SUCCESS) channel_id_ = std::string(cut(text));
        break;
      case Is::uid:
        if (value.get_string().get(text) == simdjson::SUCCESS) uid_ = std::string(cut(text));
        break;
      case Is::channel_type: channel_type_ = number_of(value); break;
      case Is::number:
        if (std::string number = number_of(value); !number.empty()) {
          numbers_.emplace_back(known->name, std::move(number));
        }
        break;
      case Is::text:
        if (value.get_string().get(text) == simdjson::SUCCESS && !text.empty()) {
          texts_.emplace_back(known->name, std::string(cut(text)));
        }
        break;
      case Is::list: take_list(known->name, value); break;
    }
  }

  void take_list(std::string_view name, ondemand::value value) {
    ondemand::array entries;
    if (value.get_array().get(entries) != simdjson::SUCCESS) return;
    List list{name, {}, 0};
    for (auto entry : entries) {
      ondemand::value each;
      if (std::move(entry).get(each) != simdjson::SUCCESS) break;
      ++list.count;
      if (list.first.size() >= kListedMax) continue;
      std::string_view text;
      if (each.get_string().get(text) == simdjson::SUCCESS) {
        list.first.emplace_back(cut(text));
      } else if (std::string number = number_of(each); !number.empty()) {
        list.first.push_back(std::move(number));
      }
    }
    lists_.push_back(std::move(list));
  }

  std::array<bool, std::size(kMembers)> seen_{};
  std::optional<std::string> channel_id_;
  std::optional<std::string> uid_;
  std::string channel_type_;
  std::string username_;
  std::string name_;
  std::vector<std::pair<std::string_view, std::string>> numbers_;
  std::vector<std::pair<std::string_view, std::string>> texts_;
  std::vector<List> lists_;
};

std::string target_of_path(const Route& route, const http::Request& request) {
  if (route.path.find('{') == std::string_view::npos) return {};
  for (const NamedByPath& named : kNamedByPath) {
    if (!route.path.starts_with(named.before)) continue;
    return std::string(named.what) + '/' + std::string(cut(path_parameter(request, named.before)));
  }
  // Of a route that nobody has listed above: all of it.
  return std::string(cut(request.path().substr(1)));
}

std::string_view kind_name(const http::Request& request, bool admitted) {
  switch (request.caller_kind) {
    case CallerIdentity::Kind::key: return "key";
    case CallerIdentity::Kind::token: return "token";
    case CallerIdentity::Kind::login: return "login";
    case CallerIdentity::Kind::session: return "session";
    case CallerIdentity::Kind::reader: return "reader";
    case CallerIdentity::Kind::open: break;
  }
  return admitted ? "open" : "nobody";
}

void write_caller(codec::JsonWriter& json, const http::Request& request, bool admitted) {
  json.string("by", kind_name(request, admitted));
  if (!request.user.empty()) json.string("who", cut(request.user));
  json.string("address", request.peer);
}

std::string_view outcome_of(unsigned status) {
  if (status < 400) return "ok";
  if (status == 401 || status == 403) return "denied";
  if (status == 500) return "unknown";
  return "failed";
}

observe::AuditEvent event_of(const Route* route, const http::Response& response) {
  if (!response.refusal.empty()) {
    return response.status == 401 ? observe::AuditEvent::unauthorized : observe::AuditEvent::denied;
  }
  if (route != nullptr && route->path == kLoginPath) {
    return response.status < 400 ? observe::AuditEvent::login : observe::AuditEvent::login_failed;
  }
  return observe::AuditEvent::change;
}

}  // namespace

bool is_audited(const Route& route) {
  if (route.method == Verb::get || route.sends != Sends::nothing) return false;
  if (scopes_of(route.auth).has(Scope::read)) return false;
  return std::ranges::find(kTraffic, route.path) == std::end(kTraffic);
}

std::string audited_caller(const http::Request& request) {
  std::string members;
  codec::JsonWriter json(members);
  write_caller(json, request, /*admitted=*/true);
  if (const std::string_view id = request_id(request); !id.empty()) json.string("request_id", id);
  if (request.trace) json.string("trace_id", request.trace->id());
  return members;
}

AuditedExchange describe_exchange(const Route* route, Port port, const http::Request& request,
                                  const http::Response& response, const http::ExchangeTimes& times,
                                  const access::Access& access) {
  AuditedExchange out;
  out.event = event_of(route, response);
  const bool admitted = response.refusal.empty();
  const bool is_login =
      out.event == observe::AuditEvent::login || out.event == observe::AuditEvent::login_failed;
  // A body is looked at only behind the judgement about its caller.
  AuditedBody body(admitted ? request.body : std::string());

  codec::JsonWriter json(out.members);
  const std::string_view method = request.method() == http::Verb::unknown
                                      ? std::string_view("?")
                                      : std::string_view(to_string(request.method()));
  json.string("action",
              std::string(method) + ' ' +
                  std::string(route != nullptr ? route->path : std::string_view("(no such path)")));
  json.string("port", port == Port::api ? "api" : "manager");
  json.number("status", response.status);
  json.string("outcome", outcome_of(response.status));
  if (!admitted) json.string("cause", response.refusal);
  if (is_login) {
    json.string("by", "password");
    // Only names that are one: people type passwords into that field.
    if (access.has_user(body.username())) json.string("who", body.username());
    json.string("address", request.peer);
  } else {
    write_caller(json, request, admitted);
  }
  if (route != nullptr && !is_login) {
    std::string target = target_of_path(*route, request);
    if (target.empty() && route->path == "/templates" && !body.name().empty()) {
      target = "template/" + body.name();
    }
    if (target.empty()) target = body.take_target();
    if (!target.empty()) json.string("target", target);
    if (body.has_rest()) {
      std::string rest;
      codec::JsonWriter with(rest);
      with.begin_object();
      body.write_rest(with);
      with.end_object();
      if (rest.size() <= kRestBytesMax) {
        json.key("with");
        json.raw(rest);
      } else {
        json.number("with_bytes", rest.size());
      }
    }
  }
  if (const std::string_view id = request_id(request); !id.empty()) json.string("request_id", id);
  if (request.trace) json.string("trace_id", request.trace->id());
  json.key("seconds");
  json.raw(fmt::format("{:.3f}", std::chrono::duration<double>(times.total).count()));
  return out;
}

}  // namespace jindou::api
