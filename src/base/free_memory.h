// Giving memory back.
#pragma once

namespace jindou {

// Empties a string or container and frees what it holds. Assigning {} does not: it is the
// assignment of an empty list, which keeps the capacity; nor does moving an empty string over it.
template <class Container>
void free_memory(Container& container) noexcept {
  Container().swap(container);
}

}  // namespace jindou
