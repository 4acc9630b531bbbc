// How many connections fit into the files that the process may have open, so that strangers who
// only connect can never take the descriptors that the store needs for its next file.
#pragma once

#include <cstddef>
#include <string>

#include "config/settings.h"

namespace jindou::app {

// Kept for everything but connections: log, table and manifest files of the store, listeners,
// event loops, webhooks (a node with a new store has 57 open). A quarter of the limit, at least 64
// and at most 2048: a store of some hundred gigabytes has about 1500 table files.
std::size_t reserved_descriptors(std::size_t limit);

// Connections of the manager port, and as many of the chat demo, beside api.maxConnections of the
// API port.
std::size_t side_connections(std::size_t api_connections_max);

// Connections over a limit that are open only to be told so: on each HTTP port, and of clients. 256
// where `limit` allows it, all four together no more than a sixteenth of it; at least 1.
std::size_t refusals_max(std::size_t limit);

// Raises the soft limit of open files to the hard one. Returns what holds then; SIZE_MAX: no limit,
// or it cannot be told. Not undone.
std::size_t raise_descriptor_limit();

// Lowers api.maxConnections and gateway.maxConnections to what `limit` allows, if they exceed it: a
// quarter for HTTP, the rest and what HTTP does not need for clients. Returns one sentence about
// it; empty when nothing was lowered. Pure.
std::string fit_connections(config::Settings& settings, std::size_t limit);

}  // namespace jindou::app
