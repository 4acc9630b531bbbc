// `jindou send --dry-run`: what would become of the items, as the server says; nothing is sent.
#pragma once

#include "base/random.h"
#include "caller/item_source.h"
#include "caller/options.h"
#include "caller/refused_file.h"
#include "caller/status_line.h"

namespace jindou::caller {

// Asks for all items, a hundred at a time, because a stream has no dry run, and says the sums.
// `refused`: null when nobody asked for the file. Returns the exit code. Blocks.
int rehearse(const SendOptions& options, ItemSource& source, RefusedFile* refused,
             StatusLine& status, Random& random);

}  // namespace jindou::caller
