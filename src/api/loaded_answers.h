// Answers made of what is read from the store, on a thread that may block.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "api/answers.h"
#include "api/http_names.h"
#include "api/read_budget.h"
#include "api/services.h"
#include "base/result.h"
#include "codec/json_writer.h"

namespace jindou::api {

// Room in the read budget, to be kept until the answer is written. None: it has been answered.
inline Task<std::optional<ReadBudget::Room>> room_or_answer(Services& services, Response& response,
                                                            std::size_t bytes) {
  auto taken = co_await services.options.read_budget->take(bytes);
  std::optional<ReadBudget::Room> room;
  if (taken) {
    room.emplace(std::move(*taken));
  } else {
    answer_error(response, taken.error());
  }
  co_return room;
}

// What `work`, which returns a Result, finds on a thread that may block. It owns what it needs but
// for what outlives the server's requests: it may outlive the call when the process stops. None: it
// has been answered with the error.
template <class Work>
Task<std::optional<typename std::invoke_result_t<Work>::value_type>> load_or_answer(
    Services& services, Response& response, Work work) {
  auto loaded = co_await services.deps.blocking.run(std::move(work));
  std::optional<typename std::invoke_result_t<Work>::value_type> found;
  if (loaded) {
    found.emplace(std::move(*loaded));
  } else {
    answer_error(response, loaded.error());
  }
  co_return found;
}

// Writes the members of an answer's object.
using WriteMembers = std::function<void(codec::JsonWriter& json)>;

// Reads what an answer tells, and returns what writes it. A `work`.
using LoadMembers = std::function<Result<WriteMembers>()>;

inline Task<void> answer_refused(Response& response, Error error) {
  answer_error(response, error);
  co_return;
}

inline Task<void> answer_members(Services& services, Response& response, LoadMembers work) {
  const auto write = co_await load_or_answer(services, response, std::move(work));
  if (!write) co_return;
  codec::JsonWriter json(response.body);
  json.begin_object();
  (*write)(json);
  json.end_object();
}

// The same of what may be large: within the read budget, of which it may take `bytes`.
inline Task<void> answer_large_members(Services& services, Response& response, std::size_t bytes,
                                       LoadMembers work) {
  const auto room_to_read = co_await room_or_answer(services, response, bytes);
  if (!room_to_read) co_return;
  co_await answer_members(services, response, std::move(work));
}

// `load` and then `write`, as answer_loaded() has them.
template <class Asked, class Load, class Write>
LoadMembers load_members(Services& services, Asked asked, Load load, Write write) {
  return [&deps = services.deps, asked = std::make_shared<const Asked>(std::move(asked)),
          load = std::move(load), write = std::move(write)]() -> Result<WriteMembers> {
    auto found = load(deps, *asked);
    if (!found) return found.error();
    using Found = typename decltype(found)::value_type;
    return WriteMembers([asked, write, kept = std::make_shared<const Found>(std::move(*found))](
                            codec::JsonWriter& json) { write(json, *asked, *kept); });
  };
}

// Answers with an object: `asked` is what the request says, `load(deps, asked)` finds what is
// stored of it, as a `work` does, and `write(json, asked, found)` writes the members. An error of
// either is the answer instead. No coroutine itself, since g++ 14 breaks down over one in a header
// whose arguments have types of an unnamed namespace.
template <class Asked, class Load, class Write>
Task<void> answer_loaded(Services& services, Response& response, Result<Asked> asked, Load load,
                         Write write) {
  if (!asked) return answer_refused(response, asked.error());
  return answer_members(
      services, response,
      load_members(services, std::move(*asked), std::move(load), std::move(write)));
}

// The same of what may be large: within the read budget, of which it may take `bytes`.
template <class Asked, class Load, class Write>
Task<void> answer_large(Services& services, Response& response, std::size_t bytes,
                        Result<Asked> asked, Load load, Write write) {
  if (!asked) return answer_refused(response, asked.error());
  return answer_large_members(
      services, response, bytes,
      load_members(services, std::move(*asked), std::move(load), std::move(write)));
}

}  // namespace jindou::api
