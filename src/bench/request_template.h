// Requests that are built once and then patched in place: only the digits of client_msg_no and of
// channel_id change from one request to the next, so that producing one costs a few hundred bytes
// of memcpy instead of 40 KB of formatting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jindou::bench {

// Writes `value` as `width` decimal digits with leading zeros; higher digits are dropped.
void write_digits(char* at, std::uint64_t value, std::size_t width);

// Names of the groups the rows send to: "<prefix>0000", "<prefix>0001", ...
struct GroupNames {
  std::string prefix = "bench_group_";
  unsigned count = 1000;  // at most 10,000: four digits

  static constexpr std::size_t kDigits = 4;
  std::string name(unsigned index) const;
};

// Plain payloads of exactly `bytes` bytes that look like clients' messages (a JSON object with a
// text of random letters and digits) and hardly compress. The same `seed` gives the same payloads.
std::vector<std::string> make_payloads(std::size_t count, std::size_t bytes, std::uint64_t seed);

class RequestTemplate {
 public:
  enum class Form : std::uint8_t {
    single,  // POST /message/send, one object
    batch,   // POST /message/sendbatch, an array
    table,   // the object with items that share one payload, the first
    lines,   // no request: a chunk of the body of one, an item a line
  };
  struct Shape {
    Form form = Form::batch;
    std::string host;
    std::string from_uid = "bench_sender";
    GroupNames groups;
    int channel_type = 2;     // 1: `groups` are names of users
    std::size_t items = 100;  // 1 for Form::single; at most 1,000: three digits
    // Eight characters that make the client_msg_no of this run different from those of other runs.
    std::string run_id = "00000000";
    // False: items without a client_msg_no, whose bodies can be made beforehand.
    bool numbered = true;
    // Of a batch or table whose items are not numbered and divide the groups: Content-Encoding
    // gzip.
    bool compressed = false;
  };

  // `payloads` are plain and are used in turn, one per item.
  RequestTemplate(const Shape& shape, const std::vector<std::string>& payloads);

  // The whole request, head included (of `lines`, the chunk), as request number `number` (unique
  // over the run, below 10^10), its items going to groups first_group, first_group + 1, ... modulo
  // the number of groups. The view is valid until the next call.
  std::string_view fill(std::uint64_t number, unsigned first_group);

  std::size_t items() const { return places_.size(); }

 private:
  struct Places {
    std::size_t number = 0;  // offset of the ten digits of the request number; 0: there are none
    std::size_t group = 0;   // offset of the group's four digits
  };

  // The bytes before the body.
  static std::string head(const Shape& shape, std::size_t body_bytes);
  // Writes the groups of the items, `first` and those behind it.
  void place_groups(unsigned first);
  // A compressed request for each of the groups that one can begin with.
  void compress(const Shape& shape, const std::string& body);

  unsigned group_count_;
  std::string bytes_;
  std::vector<Places> places_;
  std::vector<std::string> compressed_;
};

}  // namespace jindou::bench
