// What whoever started the command sees of it on standard error: a line that is drawn again and
// again on a terminal, or one every few seconds, and whatever has to be said in between.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "caller/pace.h"
#include "caller/resume_file.h"

namespace jindou::caller {

enum class Show : std::uint8_t { redrawn, lines, nothing };

// What `--progress` means where standard error goes.
Show show_of(const std::string& progress);

// 1234567 as "1,234,567".
std::string with_commas(std::uint64_t number);
// "45s", "3m20s", "2h05m".
std::string duration_text(double seconds);

// Lines for people. Not thread-safe.
class TerminalLine {
 public:
  // Each line begins with `name`.
  TerminalLine(Show show, std::FILE* out, std::string name, TimePoint now);

  // Whether it is time to draw() again.
  bool is_due(TimePoint now) const { return show_ != Show::nothing && now >= next_; }
  // How far it is: takes the place of what was drawn before, on a terminal.
  void draw(const std::string& text, TimePoint now);
  // A line that stays.
  void say(const std::string& text);

 private:
  void clear();

  const Show show_;
  std::FILE* const out_;
  const std::string name_;
  TimePoint next_;
  bool drawn_ = false;
};

// Of a sending. Not thread-safe.
class StatusLine {
 public:
  // `size`: of the input in bytes. `begun`: what earlier runs have settled.
  StatusLine(Show show, std::FILE* out, std::optional<std::uint64_t> size, const Progress& begun,
             TimePoint now);

  // Shows how far it is when it is time for that.
  void update(const Progress& progress, TimePoint now);
  // A line that stays.
  void say(const std::string& text) { line_.say(text); }
  // "199,998 sent, 2 refused; 12s, 16,260 a second".
  std::string summary(const Counts& counts, TimePoint now) const;

 private:
  std::string text(const Progress& progress, TimePoint now) const;
  double rate(const Counts& counts, TimePoint now) const;

  TerminalLine line_;
  const std::optional<std::uint64_t> size_;
  const Progress begun_;
  const TimePoint start_;
};

}  // namespace jindou::caller
