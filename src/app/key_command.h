// `jindou key`: makes the secret of an API key, and tells the hash of one.
#pragma once

namespace jindou::app {

// Prints a new secret and its hash; `of_input`: only the hash of the secret that standard input
// has. Nothing is kept anywhere. The exit status: 0; 2 when there is no such secret.
int run_key(bool of_input);

}  // namespace jindou::app
