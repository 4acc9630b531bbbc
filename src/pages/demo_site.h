// The chat demo's own listener: the files of the page, compiled into the program, and nothing else.
// The page calls the API and the WebSocket listener at their own addresses.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "http/exchange.h"
#include "http/server.h"
#include "observe/metrics.h"
#include "pages/page_file.h"

namespace jindou::pages {

// Answers GET and HEAD: the files, where the API is (api.json), and a redirect to the page that
// tells it so. Thread-safe: constant after construction.
class DemoSite final : public http::RequestHandler {
 public:
  // The address of the API for whoever asked for the page under this host (without port, may be
  // empty); empty when there is no API. Called on io shards, thread-safe, must not block.
  using ApiUrl = std::function<std::string(std::string_view host)>;

  // Borrows `files` and `metrics`. Without files every path says how a build with the page is made.
  DemoSite(std::span<const PageFile> files, ApiUrl api_url, observe::Metrics& metrics);

  bool admit(http::Request& request, http::Response& response) override;
  http::Task<void> handle(http::Request& request, http::Response& response) override;
  void refuse(std::string_view detail, http::Response& response) override;
  void answering(const http::Request& /*request*/, const http::Response& /*response*/,
                 const http::ExchangeTimes& /*times*/) override {}
  void answered(const http::Request& request, const http::Response& response,
                const http::ExchangeTimes& times) override;

 private:
  void answer(const http::Request& request, http::Response& response) const;

  std::span<const PageFile> files_;
  ApiUrl api_url_;
  observe::Metrics& metrics_;
};

}  // namespace jindou::pages
