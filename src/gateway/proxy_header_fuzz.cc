// Any bytes, in any split: a header is found at the same place or not at all, within its bound.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/proxy_header.h"
#include "runtime/client_address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using jindou::gateway::ProxyOutcome;
  using State = ProxyOutcome::State;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyOutcome whole = jindou::gateway::read_proxy_header(bytes);
  if (whole.consumed > size || whole.consumed > jindou::gateway::kProxyV2BytesMax) std::abort();
  if (whole.state == State::need_more && size > jindou::gateway::kProxyV2BytesMax) std::abort();
  for (std::size_t length = 0; length < size; ++length) {
    const ProxyOutcome part = jindou::gateway::read_proxy_header(bytes.substr(0, length));
    if (part.state == State::need_more) continue;
    if (part.state != whole.state || part.consumed != whole.consumed) std::abort();
    break;
  }
  // What the headers of HTTP hold goes through the same parsers of addresses.
  jindou::runtime::forwarded_client(bytes, bytes, {});
  return 0;
}
