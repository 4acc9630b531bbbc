// One request to a server, from a command that waits for its answer.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "caller/options.h"
#include "http/sender.h"

namespace jindou::caller {

// Gets the pieces of a successful answer.
using TakePiece = std::function<void(std::string_view piece)>;

// A GET, or a POST without a body. An answer without status, or cut off, has an error that says
// why. Blocks, until nothing has come for options.timeout; ends early when interrupted().
http::CallAnswer ask_server(const ServerOptions& options, bool is_get, const std::string& path,
                            const TakePiece& take);
// A thousand jobs; a page of metrics has some hundred KiB.
inline constexpr std::size_t kAnswerBytesMax = std::size_t{16} << 20;
// The same of an answer that is read as a whole: the body of the answer. One that is longer than
// `bytes_max` has an error that says so, and `too_long`.
http::CallAnswer ask_server(const ServerOptions& options, bool is_get, const std::string& path,
                            std::size_t bytes_max = kAnswerBytesMax);
// A POST with a JSON body, else the same; the answer is bounded by kAnswerBytesMax.
http::CallAnswer post_to_server(const ServerOptions& options, const std::string& path,
                                const std::string& body);

// As a part of a path, or a value of a query.
std::string escaped(std::string_view text);

// What the server says about its failure; may be empty.
std::string message_of(const http::CallAnswer& answer);

}  // namespace jindou::caller
