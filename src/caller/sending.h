// One run of `jindou send`: a stream of items up, a result for each down, and what follows from it.
//
// Items wait in the order of the input until their results are there, in a bounded number of
// bytes. They are settled in that order, too. When the server asks for an item once more, nothing
// further goes into the stream, and those that are asked for, and what has no result when a stream
// breaks, are sent again in a new one, after as long as the server says. Their client_msg_no keeps
// what was stored from being stored twice.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "caller/item_source.h"
#include "caller/options.h"
#include "caller/pace.h"
#include "caller/refused_file.h"
#include "caller/resume_file.h"
#include "caller/status_line.h"
#include "codec/line_splitter.h"
#include "http/streamed_call.h"

namespace jindou::caller {

// Not thread-safe. Blocks.
class Sending {
 public:
  // Borrows all but the options. `refused`: null when nobody asked for the file.
  Sending(const SendOptions& options, ItemSource& source, RefusedFile* refused, StatusLine& status,
          Random& random, Progress begun);

  // Returns the exit code, having said why when it is not 0.
  int run();

  const Progress& progress() const { return progress_; }

 private:
  struct Entry {
    Item item;
    bool decided = false;     // by a result; what is beside it is set with that
    bool unknown = false;     // what became of it, as the server said last
    bool was_before = false;  // stored before this run
    unsigned tries = 0;       // streams that have left it behind
    std::size_t counted = 0;  // in items_bytes_
    std::string code;         // of a refusal, the last one at least; empty: there was none
    std::string msg;
    std::string result;  // to be printed when it is settled

    // Nothing of it goes into a stream any more.
    bool is_over() const { return decided || !item.problem.empty(); }
  };
  // How a stream has ended.
  enum class End : std::uint8_t { complete, try_again, failed };

  int send_all();
  End run_stream();
  End judge(const http::CallAnswer& answer);
  End try_again(std::string why, std::chrono::milliseconds asked);
  // Until about as many may pass as did just now, and the first one asked for. The longest of the
  // waits would leave a bucket full that holds a burst only.
  std::chrono::milliseconds asked_wait() const;
  // False: for long enough.
  bool wait_to_try_again();

  http::StreamedCall::Body write_body(std::span<char> room, std::size_t& written);
  // Puts one more item into out_. False: none may go now.
  bool fill_one();
  // Takes one more item from the input. False: there is none now, or no room for it.
  bool pull();
  void take_answer(std::string_view piece);
  void on_result(std::string_view line);
  // The next item whose result is due in the stream at hand. Null: there is none.
  Entry* awaited();
  // A result that is none yet. `wait_ms`: after which the server wants the item.
  void ask_again(Entry& entry, std::string_view why, bool unknown, std::uint64_t wait_ms);
  // `code`: empty for an item that was sent.
  void decide(Entry& entry, std::string_view code, std::string_view msg, std::string_view result);
  // Behind a stream: an item that others pass by is not tried for ever.
  void count_try();
  // The items in front that were decided, or never to be sent.
  void settle();
  void refuse(const Entry& entry);
  void print_result(std::uint64_t line, std::string_view result);
  // Once in a while.
  Result<void> keep_progress(bool in_any_case);
  void fail(int code, std::string why);

  bool is_waiting_for_results() { return awaited() != nullptr; }

  const SendOptions& options_;
  ItemSource& source_;
  RefusedFile* const refused_;
  StatusLine& status_;
  Pace pace_;
  Patience patience_;
  Progress progress_;
  Progress kept_;  // what the file of --resume says
  TimePoint kept_at_{};

  std::deque<Entry> items_;      // unsettled
  std::size_t items_bytes_ = 0;  // of them
  bool input_ended_ = false;
  std::optional<Error> input_error_;

  // Of the stream at hand.
  std::size_t sent_ = 0;     // of items_, from the front, or over
  std::size_t awaited_ = 0;  // of items_, from the front, have a result or need none
  std::string out_;          // lines on their way into it
  std::size_t out_at_ = 0;
  std::uint64_t answered_ = 0;
  std::optional<codec::LineSplitter> answers_;
  bool over_ = false;              // nothing more goes into it
  bool end_seen_ = false;          // its last line has come
  std::string end_problem_;        // which says that not all was read
  std::uint64_t asked_again_ = 0;  // items that the server asks for once more
  std::uint64_t asked_row_ = 0;    // of the first of them
  std::string asked_first_;        // its line, and why
  std::vector<std::chrono::milliseconds>
      asked_waits_;         // of each that was asked for, in their order
  std::size_t passed_ = 0;  // items that got through

  unsigned shown_ = 0;               // refusals
  std::uint64_t retried_up_to_ = 0;  // rows up to here have been sent before in this run
  std::chrono::milliseconds asked_wait_{0};
  std::string why_again_;
  int exit_code_ = kAllSent;
  std::string failure_;
};

}  // namespace jindou::caller
