#include "codec/batch_common.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "codec/payload_json.h"
#include "model/template_name.h"

namespace jindou::codec {
namespace {

namespace dom = simdjson::dom;

using Member = SendMember;

// What is kept for a byte: of a payload it and its template, of defaults a parsed document.
constexpr std::size_t kKeptOfPayload = 3;
constexpr std::size_t kKeptOfDefaults = 16;

constexpr std::string_view kExclusive =
    "excludes payload_ref and template, and these exclude each other: give one of the three";

std::string quoted_name(std::string_view name) { return '"' + std::string(name) + '"'; }

std::size_t count_choices(const SendFields& fields) {
  return (fields.payload ? 1U : 0U) + (fields.text(Member::payload_ref).empty() ? 0U : 1U) +
         (fields.text(Member::template_name).empty() ? 0U : 1U);
}

}  // namespace

void TemplateSet::put(TemplateRef ref, const std::optional<std::string>& payload) {
  Entry entry;
  if (payload) {
    bytes_ += payload->size();
    auto parsed = PayloadTemplate::parse(*payload);
    if (parsed) {
      entry.parsed = std::move(*parsed);
    } else {
      entry.problem = parsed.error().detail();
    }
  }
  entries_.insert_or_assign(std::move(ref), std::move(entry));
}

const TemplateSet::Entry* TemplateSet::find(const TemplateRef& ref) const {
  const auto found = entries_.find(ref);
  return found == entries_.end() ? nullptr : &found->second;
}

Result<void> BatchCommon::read_payloads(dom::element value) {
  if (value.is_null()) return {};
  dom::object table;
  if (value.get_object().get(table) != simdjson::SUCCESS) {
    return Error(Errc::invalid, "payloads must be an object with a payload under each name");
  }
  for (const auto member : table) {
    if (member.key.empty()) return Error(Errc::invalid, "payloads must not have an empty name");
    if (member.key.size() > kLabelBytesMax) {
      return Error(Errc::too_large, "names in payloads must not be longer than " +
                                        std::to_string(kLabelBytesMax) + " bytes");
    }
    const auto [place, is_new] = payloads_.try_emplace(std::string(member.key));
    if (!is_new) {
      return Error(Errc::invalid, "payloads must not have " + quoted_name(member.key) + " twice");
    }
    std::string bytes;
    const auto problem = codec::read_payload(member.value, limits_.payload_bytes_max, bytes);
    if (!problem.text.empty()) {
      return Error(problem.code, "payloads." + place->first + ' ' + problem.text);
    }
    held_bytes_ += kKeptOfPayload * bytes.size() + place->first.size() + sizeof(SharedPayload);
    place->second.bytes = std::make_shared<const std::string>(std::move(bytes));
  }
  return {};
}

Result<void> BatchCommon::read_defaults(dom::element value) {
  if (value.is_null()) return {};
  if (!value.is_object()) {
    return Error(Errc::invalid, "defaults must be an object with members of an item");
  }
  // A document of its own, which stays when the next text is parsed.
  const std::string text = simdjson::minify(value);
  held_bytes_ += kKeptOfDefaults * text.size();
  parser_ = std::make_unique<dom::parser>();
  dom::object object;
  if (parser_->parse(text.data(), text.size(), true).get(object) != simdjson::SUCCESS) {
    return Error(Errc::overloaded, "not enough memory to read the defaults");
  }
  ItemProblems problems(1, "defaults");
  read_send_fields(object, defaults_, problems);
  if (problems.empty()) check_defaults(problems);
  if (!problems.empty()) return problems.first();
  return {};
}

// What would be wrong in every item is told once.
void BatchCommon::check_defaults(ItemProblems& problems) {
  BatchItem unused;
  const auto check_id = [&](Member member, std::string_view name) {
    const std::string_view id = defaults_.text(member);
    if (!is_blank(id)) read_id(id, name, unused.channel_id, problems);
  };
  check_id(Member::from_uid, "from_uid");
  check_id(Member::channel_id, "channel_id");
  if (defaults_.subscribers) {
    read_subscribers(*defaults_.subscribers, limits_, UidCheck::here, default_subscribers_,
                     problems);
    default_subscribers_bytes_ = memory_of(default_subscribers_);
    held_bytes_ += default_subscribers_bytes_;
  }
  read_optional_members(defaults_, limits_, unused, problems);
  if (count_choices(defaults_) > 1) problems.add("payload", kExclusive);
  if (defaults_.payload) {
    std::string bytes;
    const auto problem = codec::read_payload(*defaults_.payload, limits_.payload_bytes_max, bytes);
    if (!problem.text.empty()) problems.add("payload", problem.text, problem.code);
    default_payload_.bytes = std::make_shared<const std::string>(std::move(bytes));
  }
  if (defaults_.variables) collect(*defaults_.variables, default_variables_, problems);
}

void BatchCommon::collect(dom::object object, Variables& out, ItemProblems& problems) {
  out.list.clear();
  out.texts.clear();
  if (object.size() > kVariablesMax) {
    problems.add("vars", "must not have more than " + std::to_string(kVariablesMax) + " members",
                 Errc::too_large);
    return;
  }
  for (const auto member : object) {
    if (const auto problem = variable_name_problem(member.key); !problem.empty()) {
      problems.add("vars", "has a name that " + std::string(problem));
      return;
    }
    if (out.list.has(member.key)) {
      problems.add("vars", "must not have " + quoted_name(member.key) + " twice");
      return;
    }
    if (member.value.is_null()) continue;
    TemplateVariable variable;
    variable.name = member.key;
    variable.is_string = member.value.get_string().get(variable.text) == simdjson::SUCCESS;
    if (!variable.is_string) {
      variable.text = out.texts.emplace_front(simdjson::minify(member.value));
    }
    out.list.add(variable);
  }
}

void BatchCommon::read_payload(const SendFields& own, Payload& out, ItemProblems& problems) {
  for (const Member member : {Member::payload, Member::payload_ref, Member::template_name,
                              Member::template_version, Member::vars}) {
    if (!own.good(member)) return;
  }
  const bool own_choice = own.chooses_payload();
  const SendFields& chosen = own_choice ? own : defaults_;
  if (own_choice && count_choices(own) > 1) {
    problems.add("payload", kExclusive);
    return;
  }
  const std::string_view name = chosen.text(Member::template_name);
  const std::uint32_t version = own.is_given(Member::template_version)
                                    ? own.number(Member::template_version)
                                    : chosen.number(Member::template_version);
  if (!name.empty()) return read_stored(own, name, version, out, problems);
  if (version != 0) {
    problems.add("template_version", "needs a template, whose version it is");
    return;
  }
  if (own.payload) return read_own(own, out, problems);
  if (chosen.payload) {
    return read_shared(default_payload_, own, {"payload", "defaults.payload"}, out, problems);
  }
  const std::string_view ref = chosen.text(Member::payload_ref);
  if (ref.empty()) {
    problems.add("payload", "is required");
    return;
  }
  const auto shared = payloads_.find(ref);
  if (shared == payloads_.end()) {
    problems.add("payload_ref", "names " + quoted_name(ref) + ", which is not in payloads");
    return;
  }
  read_shared(shared->second, own, {"payload_ref", "payloads." + shared->first}, out, problems);
}

void BatchCommon::read_own(const SendFields& own, Payload& out, ItemProblems& problems) {
  const auto problem = codec::read_payload(*own.payload, limits_.payload_bytes_max, out.own());
  if (!problem.text.empty()) {
    problems.add("payload", problem.text, problem.code);
    return;
  }
  if (!is_filled(own)) return;
  const auto parsed = PayloadTemplate::parse(out);
  if (!parsed) {
    problems.add("payload", parsed.error().detail());
    return;
  }
  out.clear();
  fill(*parsed, own, {"payload", "payload"}, out, problems);
}

void BatchCommon::read_shared(SharedPayload& shared, const SendFields& own, const Named& named,
                              Payload& out, ItemProblems& problems) {
  if (!is_filled(own)) {
    if (exhausted_) return refuse_further(problems);
    out = Payload(shared.bytes);
    count(out.size(), problems);
    return;
  }
  if (!shared.was_parsed) {
    shared.was_parsed = true;
    auto parsed = PayloadTemplate::parse(*shared.bytes);
    if (parsed) {
      shared.parsed = std::move(*parsed);
    } else {
      shared.problem = parsed.error().detail();
    }
  }
  if (shared.parsed) return fill(*shared.parsed, own, named, out, problems);
  problems.add(named.field, "is " + named.called + ", which " + shared.problem);
}

void BatchCommon::read_stored(const SendFields& own, std::string_view name, std::uint32_t version,
                              Payload& out, ItemProblems& problems) {
  constexpr std::string_view kField = "template";
  if (const auto problem = template_name_problem(name); !problem.empty()) {
    problems.add(kField, problem);
    return;
  }
  const TemplateRef ref(std::string(name), version);
  const TemplateSet::Entry* const entry = templates_ != nullptr ? templates_->find(ref) : nullptr;
  if (entry == nullptr) {
    const std::size_t known = templates_ != nullptr ? templates_->size() : 0;
    if (known + wanted_.size() < kTemplatesOfABatchMax || wanted_.contains(ref)) {
      wanted_.insert(ref);
    } else {
      problems.add(kField,
                   "is one too many: a batch must not name more than " +
                       std::to_string(kTemplatesOfABatchMax) + " templates",
                   Errc::too_large);
    }
    return;
  }
  if (!entry->problem.empty()) {
    problems.add(kField, quoted_name(name) + ' ' + entry->problem);
  } else if (!entry->parsed) {
    problems.add(kField,
                 quoted_name(name) + (version == 0 ? std::string(" does not exist")
                                                   : " has no version " + std::to_string(version)),
                 Errc::not_found);
  } else {
    fill(*entry->parsed, own, {kField, "template " + quoted_name(name)}, out, problems);
  }
}

void BatchCommon::fill(const PayloadTemplate& parsed, const SendFields& own, const Named& named,
                       Payload& out, ItemProblems& problems) {
  if (exhausted_) return refuse_further(problems);
  const std::size_t before = problems.count();
  variables_.list.clear();
  if (own.variables) collect(*own.variables, variables_, problems);
  if (problems.count() != before) return;
  parsed.find_values(variables_.list, default_variables_.list, values_);
  const auto null = std::find(values_.begin(), values_.end(), nullptr);
  if (null != values_.end()) {
    const auto missing = static_cast<std::size_t>(null - values_.begin());
    problems.add("vars", "has no " + quoted_name(parsed.names()[missing]) + ", which " +
                             named.called + " names at byte " +
                             std::to_string(parsed.first_place_of(missing)));
    return;
  }
  if (!parsed.fill(values_, limits_.payload_bytes_max, out.own())) {
    problems.add(named.field,
                 "is longer than " + std::to_string(limits_.payload_bytes_max) +
                     " bytes when its variables are filled in",
                 Errc::too_large);
  } else if (out.empty()) {
    problems.add(named.field, "is empty when its variables are filled in");
  } else {
    count(out.size(), problems);
  }
}

void BatchCommon::share_subscribers(std::vector<std::string>& out, ItemProblems& problems) {
  // An item whose template is wanted is read again, and counts then.
  if (default_subscribers_.empty() || wants_templates()) return;
  if (exhausted_) return refuse_further(problems);
  count(default_subscribers_bytes_, problems);
  if (!exhausted_) out = default_subscribers_;
}

void BatchCommon::count(std::size_t bytes, ItemProblems& problems) {
  expanded_bytes_ += bytes;
  if (expanded_bytes_ <= limits_.expanded_bytes_max) return;
  exhausted_ = true;
  add_exhaustion(problems);
}

// Once for a batch, however many items have it. Who reads item after item has a list for each: an
// item without a payload must not pass for a good one.
void BatchCommon::refuse_further(ItemProblems& problems) const {
  if (problems.empty()) add_exhaustion(problems);
}

void BatchCommon::add_exhaustion(ItemProblems& problems) const {
  problems.add("",
               "takes the payloads and lists of users of the batch beyond " +
                   std::to_string(limits_.expanded_bytes_max) +
                   " bytes, shared ones counted for each message (api.maxExpandedBytes): split "
                   "the batch",
               Errc::too_large);
}

std::vector<TemplateRef> BatchCommon::take_wanted() {
  std::vector<TemplateRef> refs(wanted_.begin(), wanted_.end());
  wanted_.clear();
  return refs;
}

}  // namespace jindou::codec
