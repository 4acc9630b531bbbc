#include "moderation/moderator.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "moderation/payload_texts.h"
#include "store/fingerprint.h"

namespace jindou::moderation {

namespace {

using partition::CheckedContent;

// What stands in the ranges of matches that mask, joined where they touch.
std::vector<PayloadTexts::Range> ranges_to_mask(const std::vector<WordMatcher::Match>& matches,
                                                WordMatcher::ListBits masking) {
  std::vector<PayloadTexts::Range> all;
  for (const auto& match : matches) {
    if ((match.lists & masking) != 0) all.push_back({match.begin, match.end});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  std::vector<PayloadTexts::Range> joined;
  for (const auto& range : all) {
    if (!joined.empty() && range.begin <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, range.end);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

}  // namespace

Moderator::Moderator(ModeratorDeps deps)
    : deps_(std::move(deps)),
      lists_(deps_.options),
      service_(deps_.clock, deps_.options, deps_.calls) {}

void Moderator::start() {
  lists_.start();
  service_.start();
}

void Moderator::stop() {
  service_.stop();
  lists_.stop();
}

bool Moderator::enabled() const {
  const bool asks = !deps_.options()->service.url.empty();
  // Written when it changes only: all threads look at it.
  if (asks != asks_.load(std::memory_order_relaxed)) asks_.store(asks, std::memory_order_relaxed);
  return asks || lists_.current() != nullptr;
}

bool Moderator::is_exempt(std::string_view uid) const {
  return deps_.options()->exempt_system_accounts && deps_.is_system_account(uid);
}

bool Moderator::check(const CheckedContent& content) {
  const CompiledLists* lists = lists_.current();
  const bool asks = asks_.load(std::memory_order_relaxed);
  if (asks && is_exempt(content.from_uid)) return false;
  if (lists) look_for_words(*lists, content);
  const bool decided = *content.moderation && (*content.moderation)->refused;
  return asks && !decided;
}

void Moderator::look_for_words(const CompiledLists& lists, const CheckedContent& content) {
  thread_local PayloadTexts texts;
  thread_local std::vector<WordMatcher::Match> matches;
  texts.read(*content.payload, lists.members);
  lists.matcher->find(texts.text(), matches);
  // Whose it is matters to what was found only, which is seldom.
  if (matches.empty() || is_exempt(content.from_uid)) {
    if (!content.is_rehearsal) count(kPassed);
    return;
  }
  WordMatcher::ListBits found = 0;
  for (const auto& match : matches) found |= match.lists;
  const bool refused = (found & lists.refusing) != 0;
  const bool masked = !refused && (found & lists.masking) != 0;
  const bool flagged = !refused && (found & ~lists.masking) != 0;
  auto verdict = std::make_shared<Moderation>();
  // What is offered a second time may have been masked the first.
  if (*content.moderation) *verdict = **content.moderation;
  const bool changed = refused || masked;
  if (changed && !verdict->sent_payload) {
    verdict->sent_payload = store::payload_hash(*content.payload);
  }
  verdict->refused = refused;
  verdict->masked = !refused && (masked || verdict->masked);
  verdict->flagged = !refused && (flagged || verdict->flagged);
  if (refused) verdict->found_by.clear();
  for (std::string& name : lists.names_of(refused ? found & lists.refusing : found)) {
    if (std::find(verdict->found_by.begin(), verdict->found_by.end(), name) ==
        verdict->found_by.end()) {
      verdict->found_by.push_back(std::move(name));
    }
  }
  if (masked) {
    std::string text = texts.masked(ranges_to_mask(matches, lists.masking));
    *content.payload = Payload(std::move(text));
  }
  if (!content.is_rehearsal) {
    if (refused) count(kRefused);
    if (masked) count(kMasked);
    if (flagged) count(kFlagged);
  }
  *content.moderation = std::move(verdict);
}

void Moderator::ask(std::vector<CheckedContent> contents, std::function<void()> go) {
  service_.ask(std::move(contents), std::move(go));
}

void Moderator::append_metrics(std::string& out) const {
  constexpr std::array<std::string_view, kCountedKinds> kNames{"refuse", "mask", "flag", "pass"};
  constexpr std::string_view kName = "jindou_moderation_items_total";
  fmt::format_to(std::back_inserter(out),
                 "# HELP {0} Messages and edits that were judged, by what became of them.\n"
                 "# TYPE {0} counter\n",
                 kName);
  for (std::size_t kind = 0; kind < kCountedKinds; ++kind) {
    fmt::format_to(std::back_inserter(out), "{}{{action=\"{}\"}} {}\n", kName, kNames[kind],
                   counts_[kind].load(std::memory_order_relaxed));
  }
  lists_.append_metrics(out);
  service_.append_metrics(out);
}

}  // namespace jindou::moderation
