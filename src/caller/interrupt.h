// Ctrl-C and SIGTERM: the first one ends a sending in good order, the second one at once.
#pragma once

namespace jindou::caller {

// Takes both over until they come. System calls that wait are cut short.
void catch_interrupts();
bool interrupted();

}  // namespace jindou::caller
