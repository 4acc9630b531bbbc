#include "codec/line_splitter.h"

#include <algorithm>

#include "base/free_memory.h"
#include "codec/byte_order_mark.h"
#include "model/id_rules.h"

namespace jindou::codec {
namespace {

// What is kept between two lines; more is given back.
constexpr std::size_t kLineKeptBetween = std::size_t{16} << 10;

}  // namespace

bool LineSplitter::keep(std::string_view part) {
  const std::size_t wanted = kept_.size() + part.size();
  if (wanted > kept_.capacity()) {
    const std::size_t doubled = std::max(wanted, std::min(2 * kept_.capacity(), bytes_max_));
    const std::size_t grown = count(doubled) ? doubled : wanted;
    if (!count(grown)) return false;
    // Not kept_.reserve(), which takes more than it is asked for.
    std::string larger;
    larger.reserve(grown);
    larger += kept_;
    kept_.swap(larger);
  }
  kept_ += part;
  return true;
}

bool LineSplitter::is_too_long(std::string_view part) const {
  const std::size_t bytes = kept_.size() + part.size();
  if (bytes <= bytes_max_) return false;
  std::size_t around = 0;
  const std::string_view last = part.empty() ? std::string_view(kept_) : part;
  if (last.ends_with('\r')) ++around;
  if (first_) {
    std::string begin = kept_.substr(0, kByteOrderMark.size());
    begin += part.substr(0, kByteOrderMark.size() - begin.size());
    if (begin == kByteOrderMark) around += kByteOrderMark.size();
  }
  return bytes > bytes_max_ + around;
}

void LineSplitter::drop_kept() {
  returned_ = false;
  if (kept_.capacity() > kLineKeptBetween) {
    free_memory(kept_);
    share_.release();
  } else {
    kept_.clear();
  }
}

bool LineSplitter::trim(std::string_view& line) {
  if (first_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  first_ = false;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return !is_blank(line);
}

LineSplitter::Found LineSplitter::next(std::string_view& piece, std::string_view& line) {
  if (returned_) drop_kept();
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    const bool complete = end != std::string_view::npos;
    const std::string_view part = piece.substr(0, end);
    piece.remove_prefix(complete ? end + 1 : piece.size());
    if (passing_) {
      passing_ = !complete;
      continue;
    }
    const bool too_long = is_too_long(part);
    const bool copied = !complete || !kept_.empty();
    if (too_long || (copied && !keep(part))) {
      drop_kept();
      first_ = false;
      passing_ = !complete;
      return too_long ? Found::too_long : Found::no_room;
    }
    if (!complete) break;
    line = copied ? std::string_view(kept_) : part;
    if (trim(line)) {
      returned_ = copied;
      return Found::line;
    }
    drop_kept();
  }
  return Found::none;
}

LineSplitter::Found LineSplitter::finish(std::string_view& line) {
  if (returned_) drop_kept();
  line = kept_;
  if (!trim(line)) {
    drop_kept();
    return Found::none;
  }
  returned_ = true;
  return Found::line;
}

}  // namespace jindou::codec
