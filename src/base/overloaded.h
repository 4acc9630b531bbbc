// One function object out of several, for std::visit: each says what is done with one alternative.
// Without a catch-all among them, a new alternative does not compile until somebody has decided
// what is done with it.
#pragma once

namespace jindou {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace jindou
