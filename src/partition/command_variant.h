// Each module of a partition has one variant of the commands that it evaluates; these put them
// together and tell them apart.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

namespace jindou::partition {

namespace internal {
template <class... Variants>
struct Joined;
template <class... Commands>
struct Joined<std::variant<Commands...>> {
  using Type = std::variant<Commands...>;
};
template <class... First, class... Second, class... Rest>
struct Joined<std::variant<First...>, std::variant<Second...>, Rest...> {
  using Type = typename Joined<std::variant<First..., Second...>, Rest...>::Type;
};

template <class Command, class Variant>
struct Holds;
template <class Command, class... Commands>
struct Holds<Command, std::variant<Commands...>>
    : std::bool_constant<(std::is_same_v<Command, Commands> || ...)> {};
}  // namespace internal

// All commands of several variants.
template <class... Variants>
using JoinedVariants = typename internal::Joined<Variants...>::Type;

// Whether `Command` is one of `Variant`.
template <class Command, class Variant>
inline constexpr bool is_command_of = internal::Holds<Command, Variant>::value;

// The same command as one of a variant of more kinds.
template <class Wide, class Narrow>
Wide widen(Narrow&& command) {
  return std::visit([](auto&& what) { return Wide(std::forward<decltype(what)>(what)); },
                    std::forward<Narrow>(command));
}

}  // namespace jindou::partition
