#include "http/streamed_call.h"

#include <curl/curl.h>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "http/curl_handles.h"

namespace jindou::http {

namespace {

// Of an error's text.
constexpr std::size_t kErrorBytesMax = std::size_t{64} << 10;
// What libcurl asks for at a time.
constexpr long kUploadBytes = 128L << 10;

}  // namespace

struct StreamedCall::Impl {
  StreamedRequest request;
  Handlers handlers;
  CurlList headers;
  // The one that is added goes before the one that it is added to.
  CurlMulti multi;
  CurlEasy easy;
  CallAnswer answer;
  std::exception_ptr failure;
  bool paused = false;
  bool stopped = false;
  bool moved = false;
  bool ended = false;

  ~Impl() {
    if (!ended) curl_multi_remove_handle(multi.get(), easy.get());
  }
  void add_header(const char* line);
  void prepare();
  void finish(CURLcode code);
  int status() const {
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    return static_cast<int>(status);
  }
  std::size_t write(char* data, std::size_t room);
  std::size_t take(std::string_view piece);

  static std::size_t on_read(char* data, std::size_t size, std::size_t count, void* user) {
    return static_cast<Impl*>(user)->write(data, size * count);
  }
  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* user) {
    return static_cast<Impl*>(user)->take({data, size * count});
  }
};

std::size_t StreamedCall::Impl::write(char* data, std::size_t room) {
  std::size_t written = 0;
  Body what = Body::stop;
  try {
    what = handlers.write_body({data, room}, written);
  } catch (...) {
    failure = std::current_exception();
  }
  switch (what) {
    case Body::bytes: moved = true; return written;
    case Body::later: paused = true; return CURL_READFUNC_PAUSE;
    case Body::end: return 0;
    case Body::stop: break;
  }
  stopped = true;
  return CURL_READFUNC_ABORT;
}

std::size_t StreamedCall::Impl::take(std::string_view piece) {
  moved = true;
  const int now = status();
  if (now < 200 || now > 299) {
    answer.body += piece.substr(0, kErrorBytesMax - std::min(kErrorBytesMax, answer.body.size()));
    return piece.size();
  }
  try {
    handlers.take_answer(piece);
    return piece.size();
  } catch (...) {
    failure = std::current_exception();
    return 0;  // ends the call with an error
  }
}

void StreamedCall::Impl::add_header(const char* line) {
  curl_slist* longer = curl_slist_append(headers.get(), line);
  if (longer == nullptr) throw std::bad_alloc();
  // The list's head stays the same once there is one.
  (void)headers.release();
  headers.reset(longer);
}

void StreamedCall::Impl::prepare() {
  for (const std::string& header : request.headers) add_header(header.c_str());
  if (!request.is_get) add_header("Transfer-Encoding: chunked");
  // No waiting for permission.
  add_header("Expect:");
  CURL* handle = easy.get();
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  // As for a Sender: what the environment says about proxies is not configuration.
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, request.is_get ? CURLOPT_HTTPGET : CURLOPT_POST, 1L);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "jindou");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBytes);
  if (!request.ca_file.empty()) {
    // The file takes the place of the system's bundle; the system's directory stays.
    curl_easy_setopt(handle, CURLOPT_CAINFO, request.ca_file.c_str());
    if (const char* directory = curl_version_info(CURLVERSION_NOW)->capath; directory != nullptr) {
      curl_easy_setopt(handle, CURLOPT_CAPATH, directory);
    }
  }
  curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(handle, CURLOPT_READDATA, this);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_write);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
}

void StreamedCall::Impl::finish(CURLcode code) {
  ended = true;
  answer.status = status();
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &retry_after);
  answer.retry_after = std::chrono::seconds(retry_after);
  // A server that refuses what it is sent closes its end, and the rest of the upload fails.
  const bool refused = answer.status >= 300;
  if (code != CURLE_OK && !stopped && !refused) answer.error = curl_easy_strerror(code);
  curl_multi_remove_handle(multi.get(), easy.get());
}

StreamedCall::StreamedCall(StreamedRequest request, Handlers handlers)
    : impl_(std::make_unique<Impl>()) {
  Sender::init_library();
  impl_->request = std::move(request);
  impl_->handlers = std::move(handlers);
  impl_->multi.reset(curl_multi_init());
  impl_->easy.reset(curl_easy_init());
  if (!impl_->multi || !impl_->easy) throw std::bad_alloc();
  impl_->prepare();
  curl_multi_add_handle(impl_->multi.get(), impl_->easy.get());
}

StreamedCall::~StreamedCall() = default;

bool StreamedCall::step(std::chrono::milliseconds wait, int input) {
  Impl& impl = *impl_;
  if (impl.ended) return false;
  if (impl.paused) {
    impl.paused = false;
    curl_easy_pause(impl.easy.get(), CURLPAUSE_CONT);
  }
  int running = 0;
  curl_multi_perform(impl.multi.get(), &running);
  int queued = 0;
  while (CURLMsg* message = curl_multi_info_read(impl.multi.get(), &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    impl.finish(message->data.result);
    break;
  }
  if (impl.failure) std::rethrow_exception(std::exchange(impl.failure, nullptr));
  if (impl.ended) return false;
  curl_waitfd also{input, CURL_WAIT_POLLIN, 0};
  curl_multi_poll(impl.multi.get(), input < 0 ? nullptr : &also, input < 0 ? 0 : 1,
                  static_cast<int>(wait.count()), nullptr);
  return true;
}

bool StreamedCall::has_moved() { return std::exchange(impl_->moved, false); }

const CallAnswer& StreamedCall::answer() const { return impl_->answer; }

}  // namespace jindou::http
