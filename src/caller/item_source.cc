#include "caller/item_source.h"

#include <algorithm>
#include <new>
#include <utility>

namespace jindou::caller {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(),
                     [name](std::string_view end) { return name.ends_with(end); });
}

// The first character that is no blank; 0: none.
char first_character(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const auto at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? '\0' : text[at];
}

}  // namespace

ItemSource::ItemSource(Input input, ItemForm form)
    : input_(std::move(input)), form_(std::move(form)), hash_(XXH3_createState()) {
  if (!hash_) throw std::bad_alloc();
  XXH3_64bits_reset(hash_.get());
}

Result<std::unique_ptr<ItemSource>> ItemSource::open(Input input, const SendOptions& options) {
  JD_TRY(auto form, ItemForm::create(options));
  std::unique_ptr<ItemSource> source(new ItemSource(std::move(input), std::move(form)));
  JD_RETURN_IF_ERROR(source->choose_format(options.format));
  if (source->csv_) JD_RETURN_IF_ERROR(source->read_columns());
  return source;
}

Error ItemSource::fault(std::uint64_t line, const std::string& what) const {
  return Error(Errc::invalid, name() + ", line " + std::to_string(line) + ": " + what);
}

Result<bool> ItemSource::fill_piece(bool& later) {
  later = false;
  if (ended_) return false;
  JD_TRY(const auto read, input_.read(piece_));
  ended_ = read == Input::Read::end;
  later = read == Input::Read::later;
  return read == Input::Read::piece;
}

Result<void> ItemSource::choose_format(const std::string& format) {
  bool later = true;
  while (later) {
    JD_TRY(const bool filled, fill_piece(later));
    if (!filled && later) input_.wait();
  }
  const char first = first_character(piece_);
  bool csv = format == "csv";
  if (format == "auto") {
    const bool by_name = ends_with_any(name(), {".ndjson", ".jsonl", ".json"});
    csv =
        ends_with_any(name(), {".csv"}) || (!by_name && first != '{' && first != '[' && first != 0);
  }
  if (!csv && first == '[') {
    return Error(Errc::invalid, name() +
                                    " is a JSON array, and what is sent is a JSON object a line; "
                                    "jq -c '.[]' makes lines of an array");
  }
  if (csv) {
    codec::CsvLimits limits;
    limits.record_bytes_max = kRowBytesMax;
    csv_.emplace(limits);
  } else {
    lines_.emplace(kRowBytesMax, nullptr);
  }
  return {};
}

Result<void> ItemSource::read_columns() {
  JD_TRY(const Row row, wait_for_row());
  if (row == Row::end) {
    return Error(Errc::invalid, name() + " is empty; the first row of CSV names the columns");
  }
  const auto set = form_.set_columns(csv_->fields());
  if (!set) return fault(line_no_, set.error().detail());
  return {};
}

void ItemSource::count(std::string_view before) {
  const std::string_view taken = before.substr(0, before.size() - piece_.size());
  XXH3_64bits_update(hash_.get(), taken.data(), taken.size());
  position_.bytes += taken.size();
  line_ends_ += static_cast<std::uint64_t>(std::count(taken.begin(), taken.end(), '\n'));
  line_no_ = line_ends_ + (taken.ends_with('\n') ? 0 : 1);
}

Result<bool> ItemSource::take_row(bool finish) {
  const std::string_view before = piece_;
  if (csv_) {
    const auto found = finish ? csv_->finish() : csv_->next(piece_);
    count(before);
    line_no_ = csv_->line();
    if (found == codec::CsvReader::Found::fault) return fault(line_no_, csv_->fault());
    return found == codec::CsvReader::Found::record;
  }
  const auto found = finish ? lines_->finish(line_) : lines_->next(piece_, line_);
  count(before);
  too_long_ = found == codec::LineSplitter::Found::too_long;
  return found != codec::LineSplitter::Found::none;
}

Result<ItemSource::Row> ItemSource::next_row() {
  for (;;) {
    if (!piece_.empty()) {
      JD_TRY(const bool found, take_row(false));
      if (found) return Row::row;
    }
    bool later = false;
    JD_TRY(const bool filled, fill_piece(later));
    if (filled) continue;
    if (later) return Row::later;
    JD_TRY(const bool found, take_row(true));
    return found ? Row::row : Row::end;
  }
}

Result<ItemSource::Row> ItemSource::wait_for_row() {
  for (;;) {
    JD_TRY(const Row row, next_row());
    if (row != Row::later) return row;
    input_.wait();
  }
}

Result<ItemSource::Found> ItemSource::next(Item& item) {
  if (failed_) return Found::end;
  const auto row = next_row();
  if (!row) {
    failed_ = true;
    return Error(row.error());
  }
  if (*row != Row::row) return *row == Row::later ? Found::later : Found::end;
  ++position_.rows;
  position_.hash = XXH3_64bits_digest(hash_.get());
  item = Item();
  item.row = position_.rows;
  item.line = line_no_;
  item.after = position_;
  if (csv_) {
    form_.from_record(csv_->fields(), csv_->text(), item);
  } else if (too_long_) {
    item.code = "too_large";
    item.problem = "the line is longer than " + std::to_string(kRowBytesMax) + " bytes";
  } else {
    form_.from_line(line_, item);
  }
  if (item.is_head && item.row == 1) {
    failed_ = true;
    return fault(line_no_, item.problem + "; nothing was sent");
  }
  return Found::item;
}

Result<void> ItemSource::skip(const Position& position) {
  while (position_.rows < position.rows) {
    JD_TRY(const Row row, wait_for_row());
    if (row == Row::end) break;
    ++position_.rows;
  }
  position_.hash = XXH3_64bits_digest(hash_.get());
  if (position.rows > 0 && position_ != position) {
    return Error(Errc::invalid, "the first " + std::to_string(position.bytes) + " bytes of " +
                                    name() + " are not those that were sent before");
  }
  return {};
}

}  // namespace jindou::caller
