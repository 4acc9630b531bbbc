#include "caller/status_line.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace jindou::caller {

namespace {

constexpr std::chrono::milliseconds kRedraw{200};
constexpr std::chrono::seconds kLines{5};
constexpr const char* kName = "jindou send: ";

std::uint64_t all(const Counts& counts) { return counts.sent + counts.before + counts.refused; }

}  // namespace

Show show_of(const std::string& progress) {
  if (progress == "never") return Show::nothing;
  return progress == "auto" && ::isatty(STDERR_FILENO) == 1 ? Show::redrawn : Show::lines;
}

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<unsigned long long>(std::max(0.0, seconds + 0.5));
  std::array<char, 40> text{};
  if (whole < 60) {
    std::snprintf(text.data(), text.size(), "%llus", whole);
  } else if (whole < 3600) {
    std::snprintf(text.data(), text.size(), "%llum%02llus", whole / 60, whole % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lluh%02llum", whole / 3600, whole / 60 % 60);
  }
  return text.data();
}

TerminalLine::TerminalLine(Show show, std::FILE* out, std::string name, TimePoint now)
    : show_(show),
      out_(out),
      name_(std::move(name)),
      next_(now + (show == Show::redrawn ? TimePoint::duration(kRedraw) : kLines)) {}

void TerminalLine::clear() {
  // To the beginning of the line, and what stands there away.
  if (drawn_) std::fputs("\r\x1b[K", out_);
  drawn_ = false;
}

void TerminalLine::draw(const std::string& text, TimePoint now) {
  if (show_ == Show::nothing) return;
  if (show_ == Show::redrawn) {
    clear();
    std::fputs((name_ + text).c_str(), out_);
    drawn_ = true;
    next_ = now + kRedraw;
  } else {
    std::fprintf(out_, "%s%s\n", name_.c_str(), text.c_str());
    next_ = now + kLines;
  }
  std::fflush(out_);
}

void TerminalLine::say(const std::string& text) {
  clear();
  std::fprintf(out_, "%s%s\n", name_.c_str(), text.c_str());
  std::fflush(out_);
}

StatusLine::StatusLine(Show show, std::FILE* out, std::optional<std::uint64_t> size,
                       const Progress& begun, TimePoint now)
    : line_(show, out, kName, now), size_(size), begun_(begun), start_(now) {}

double StatusLine::rate(const Counts& counts, TimePoint now) const {
  const double seconds = Seconds(now - start_).count();
  return seconds <= 0 ? 0 : static_cast<double>(all(counts) - all(begun_.counts)) / seconds;
}

std::string StatusLine::text(const Progress& progress, TimePoint now) const {
  std::string text = with_commas(all(progress.counts)) + " items, " +
                     with_commas(static_cast<std::uint64_t>(rate(progress.counts, now))) + "/s, " +
                     with_commas(progress.counts.refused) + " refused";
  const std::uint64_t done = progress.position.bytes;
  const std::uint64_t fresh = done - std::min(done, begun_.position.bytes);
  if (!size_ || *size_ < done || fresh == 0) return text;
  const double seconds = Seconds(now - start_).count();
  const double left = seconds * static_cast<double>(*size_ - done) / static_cast<double>(fresh);
  text += ", " + std::to_string(done * 100 / *size_) + " %, " + duration_text(left) + " left";
  return text;
}

void StatusLine::update(const Progress& progress, TimePoint now) {
  if (line_.is_due(now)) line_.draw(text(progress, now), now);
}

std::string StatusLine::summary(const Counts& counts, TimePoint now) const {
  std::string text = with_commas(counts.sent) + " sent, ";
  if (counts.before > 0) text += with_commas(counts.before) + " sent before, ";
  text += with_commas(counts.refused) + " refused; " +
          duration_text(Seconds(now - start_).count()) + ", " +
          with_commas(static_cast<std::uint64_t>(rate(counts, now))) + " a second";
  return text;
}

}  // namespace jindou::caller
