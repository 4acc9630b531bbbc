#include "moderation/word_matcher.h"

#include <hs/hs.h>

#include <atomic>
#include <limits>
#include <new>
#include <utility>

#include "base/assert.h"
#include "moderation/text_case.h"

namespace jindou::moderation {

namespace {

// What searches of one thread work in; made larger where another database needs more.
struct Scratch {
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { hs_free_scratch(scratch); }

  hs_scratch_t* scratch = nullptr;
  std::uint64_t of_matcher = 0;
};

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

class HyperscanMatcher final : public WordMatcher {
 public:
  struct Place {
    std::uint32_t bytes = 0;
    bool spaced_first = false;  // nothing of a word may stand before it
    bool spaced_last = false;   // or behind it
    ListBits lists = 0;
  };

  HyperscanMatcher(hs_database_t* database, std::vector<Place> places)
      : database_(database), places_(std::move(places)) {}
  ~HyperscanMatcher() override { hs_free_database(database_); }

  std::size_t words() const override { return places_.size(); }
  std::size_t bytes() const override {
    std::size_t size = 0;
    hs_database_size(database_, &size);
    return size + places_.capacity() * sizeof(Place);
  }

  void find(std::string_view text, std::vector<Match>& matches) const override {
    matches.clear();
    if (text.empty()) return;
    JD_ASSERT(text.size() <= std::numeric_limits<unsigned>::max());
    thread_local Scratch local;
    if (local.of_matcher != number_) {
      if (hs_alloc_scratch(database_, &local.scratch) != HS_SUCCESS) throw std::bad_alloc();
      local.of_matcher = number_;
    }
    Search search{*this, text, matches};
    const hs_error_t done = hs_scan(database_, text.data(), static_cast<unsigned>(text.size()), 0,
                                    local.scratch, &HyperscanMatcher::on_match, &search);
    JD_ASSERT(done == HS_SUCCESS);
  }

 private:
  struct Search {
    const HyperscanMatcher& matcher;
    std::string_view text;
    std::vector<Match>& matches;
  };

  static int on_match(unsigned id, unsigned long long, unsigned long long to, unsigned,
                      void* context) {
    Search& search = *static_cast<Search*>(context);
    const Place& word = search.matcher.places_[id];
    const std::string_view text = search.text;
    const auto end = static_cast<std::size_t>(to);
    const std::size_t begin = end - word.bytes;
    if (word.spaced_first && is_of_spaced_word(last_character(text.substr(0, begin)))) return 0;
    if (word.spaced_last && is_of_spaced_word(first_character(text.substr(end)))) return 0;
    search.matches.push_back({begin, end, word.lists});
    return 0;
  }

  hs_database_t* database_;
  std::vector<Place> places_;
  const std::uint64_t number_ = next_number();
};

}  // namespace

bool WordMatcher::is_available() { return hs_valid_platform() == HS_SUCCESS; }

Result<std::shared_ptr<const WordMatcher>> WordMatcher::compile(std::vector<Word> words) {
  JD_ASSERT(!words.empty());
  if (!is_available()) {
    return Error(Errc::unavailable, "word lists need a processor with SSSE3");
  }
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  std::vector<unsigned> ids;
  std::vector<HyperscanMatcher::Place> places;
  for (const Word& word : words) {
    ids.push_back(static_cast<unsigned>(texts.size()));
    texts.push_back(word.text.data());
    lengths.push_back(word.text.size());
    places.push_back({static_cast<std::uint32_t>(word.text.size()),
                      is_of_spaced_word(first_character(word.text)),
                      is_of_spaced_word(last_character(word.text)), word.lists});
  }
  const std::vector<unsigned> flags(texts.size(), 0);
  hs_database_t* database = nullptr;
  hs_compile_error_t* problem = nullptr;
  const hs_error_t compiled = hs_compile_lit_multi(
      texts.data(), flags.data(), ids.data(), lengths.data(), static_cast<unsigned>(texts.size()),
      HS_MODE_BLOCK, nullptr, &database, &problem);
  if (compiled != HS_SUCCESS) {
    const std::string why = problem != nullptr ? problem->message : "out of memory";
    hs_free_compile_error(problem);
    return Error(Errc::internal, "the words cannot be compiled: " + why);
  }
  return std::shared_ptr<const WordMatcher>(
      std::make_shared<HyperscanMatcher>(database, std::move(places)));
}

}  // namespace jindou::moderation
