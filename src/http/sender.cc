#include "http/sender.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <new>
#include <utility>

#include "base/mutex.h"
#include "http/curl_handles.h"

namespace jindou::http {

namespace {

// Seconds for which authorities that were read are used again. libcurl would take a day, in which a
// file that was replaced would go unnoticed.
constexpr long kAuthoritiesKept = 60;
// How long one wait of the loop may take; stop() ends it earlier.
constexpr int kPollMs = 1000;

// Which connection a request may take.
enum class Connect : std::uint8_t { as_needed, kept_only, fresh };

// One request under way. Reused for the next one: a fresh handle costs more than the request.
struct Transfer {
  CurlEasy handle;
  CurlList headers;
  Call request;  // libcurl reads the body from here
  std::size_t index = 0;
  std::size_t answer_bytes_max = 0;
  bool too_large = false;
  Connect connect = Connect::as_needed;
  bool needs_connection = false;  // kept_only, and there was none
  CallAnswer answer;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  if (transfer.answer.body.size() + bytes > transfer.answer_bytes_max) {
    transfer.too_large = true;
    return 0;  // ends the transfer with an error
  }
  transfer.answer.body.append(data, bytes);
  return bytes;
}

// Headers and trailers alike.
std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  constexpr std::string_view kName = "grpc-status:";
  const std::string_view line(data, size * count);
  if (line.size() > kName.size() &&
      std::equal(kName.begin(), kName.end(), line.begin(), [](char want, char have) {
        return want == static_cast<char>(std::tolower(static_cast<unsigned char>(have)));
      })) {
    std::string_view value = line.substr(kName.size());
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    while (!value.empty() && static_cast<unsigned char>(value.back()) <= ' ') {
      value.remove_suffix(1);
    }
    static_cast<Transfer*>(user)->answer.grpc_status = value;
  }
  return size * count;
}

void append_header(Transfer& transfer, const char* line) {
  curl_slist* longer = curl_slist_append(transfer.headers.get(), line);
  if (longer == nullptr) throw std::bad_alloc();
  // The list's head stays the same once there is one.
  (void)transfer.headers.release();
  transfer.headers.reset(longer);
}

// Instead of a socket for a new connection.
curl_socket_t refuse_socket(void* user, curlsocktype, curl_sockaddr*) {
  static_cast<Transfer*>(user)->needs_connection = true;
  return CURL_SOCKET_BAD;
}

// HTTP/2 without TLS and without an upgrade, which libcurl calls prior knowledge. libcurl 7.88
// begins the protocol once more when such a request takes up a kept connection, and the request
// fails (curl pull request 10643). So a kept connection is asked for as plain HTTP/2, which it
// takes up as it is, with new ones refused; where there is none the request is told to connect by
// itself.
void choose_http2(Transfer& transfer) {
  CURL* handle = transfer.handle.get();
  if (transfer.connect == Connect::kept_only) {
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2_0));
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, refuse_socket);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &transfer);
    return;
  }
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
  curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
}

// The file takes the place of the system's bundle; the system's directory of authorities stays.
void trust(CURL* handle, const Call& request) {
  curl_easy_setopt(handle, CURLOPT_CA_CACHE_TIMEOUT, kAuthoritiesKept);
  if (request.ca_file.empty()) return;
  curl_easy_setopt(handle, CURLOPT_CAINFO, request.ca_file.c_str());
  if (const char* directory = curl_version_info(CURLVERSION_NOW)->capath; directory != nullptr) {
    curl_easy_setopt(handle, CURLOPT_CAPATH, directory);
  }
}

void prepare(Transfer& transfer) {
  CURL* handle = transfer.handle.get();
  const Call& request = transfer.request;
  transfer.answer = {};
  transfer.too_large = false;
  transfer.needs_connection = false;
  transfer.headers.reset();
  for (const std::string& header : request.headers) append_header(transfer, header.c_str());
  // No waiting for permission to send a large body.
  append_header(transfer, "Expect:");
  curl_easy_reset(handle);
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  // An address is reached directly: what the environment says about proxies is not configuration.
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_POST, 1L);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer.headers.get());
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "jindou");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  if (request.http2) {
    choose_http2(transfer);
  } else {
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  }
  trust(handle, request);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_PRIVATE, &transfer);
}

void finish(Transfer& transfer, CURLcode code) {
  CallAnswer& answer = transfer.answer;
  if (code != CURLE_OK) {
    answer.error = transfer.too_large ? "the answer is too large" : curl_easy_strerror(code);
    return;
  }
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(transfer.handle.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(transfer.handle.get(), CURLINFO_RETRY_AFTER, &retry_after);
  answer.status = static_cast<int>(status);
  answer.retry_after = std::chrono::seconds(retry_after);
}

}  // namespace

struct Sender::Impl {
  std::size_t parallel = 1;
  std::size_t answer_bytes_max = 0;
  std::vector<std::unique_ptr<Transfer>> idle;
  Mutex multi_mutex;  // stop() may come while it is replaced
  CurlMulti multi;
  bool suspect = false;  // one of its connections may be broken
  std::vector<std::unique_ptr<Transfer>> running;
  std::atomic<bool> stopping{false};

  void open_multi();
  std::unique_ptr<Transfer> take_transfer();
  void start(Call request, std::size_t index);
  void launch(std::unique_ptr<Transfer> transfer);
  std::unique_ptr<Transfer> take_running(CURL* handle);
  void abandon_running();
};

// With new connections: libcurl 7.88 takes an HTTP/2 connection up again after its framing layer
// has failed, and then every further request on it fails at once.
void Sender::Impl::open_multi() {
  CurlMulti fresh(curl_multi_init());
  if (!fresh) throw std::bad_alloc();
  curl_multi_setopt(fresh.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(parallel + 1));
  const MutexLock lock(multi_mutex);
  multi.swap(fresh);
  suspect = false;
}

std::unique_ptr<Transfer> Sender::Impl::take_transfer() {
  if (!idle.empty()) {
    auto transfer = std::move(idle.back());
    idle.pop_back();
    return transfer;
  }
  auto transfer = std::make_unique<Transfer>();
  transfer->handle.reset(curl_easy_init());
  if (!transfer->handle) throw std::bad_alloc();
  transfer->answer_bytes_max = answer_bytes_max;
  return transfer;
}

void Sender::Impl::start(Call request, std::size_t index) {
  auto transfer = take_transfer();
  transfer->index = index;
  transfer->request = std::move(request);
  transfer->connect = transfer->request.http2 ? Connect::kept_only : Connect::as_needed;
  launch(std::move(transfer));
}

void Sender::Impl::launch(std::unique_ptr<Transfer> transfer) {
  prepare(*transfer);
  curl_multi_add_handle(multi.get(), transfer->handle.get());
  running.push_back(std::move(transfer));
}

std::unique_ptr<Transfer> Sender::Impl::take_running(CURL* handle) {
  const auto found = std::find_if(running.begin(), running.end(), [handle](const auto& transfer) {
    return transfer->handle.get() == handle;
  });
  auto transfer = std::move(*found);
  running.erase(found);
  return transfer;
}

void Sender::Impl::abandon_running() {
  for (auto& transfer : running) {
    // Removing a handle may wait for a name that is being resolved.
    curl_easy_setopt(transfer->handle.get(), CURLOPT_QUICK_EXIT, 1L);
    curl_multi_remove_handle(multi.get(), transfer->handle.get());
  }
  running.clear();
}

void Sender::init_library() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

Sender::Sender(std::size_t parallel, std::size_t answer_bytes_max)
    : impl_(std::make_unique<Impl>()) {
  init_library();
  impl_->parallel = std::max<std::size_t>(1, parallel);
  impl_->answer_bytes_max = answer_bytes_max;
  impl_->open_multi();
}

Sender::~Sender() { impl_->abandon_running(); }

void Sender::send_all(const std::vector<Call>& requests, const OnAnswer& on_answer) {
  send_all(
      requests.size(), [&requests](std::size_t index) { return requests[index]; }, on_answer);
}

void Sender::send_all(std::size_t count, const MakeRequest& make, const OnAnswer& on_answer) {
  Impl& impl = *impl_;
  if (impl.suspect) impl.open_multi();
  std::size_t next = 0;
  bool more = true;
  while (!impl.stopping.load()) {
    while (more && next < count && impl.running.size() < impl.parallel) {
      impl.start(make(next), next);
      ++next;
    }
    if (impl.running.empty()) return;
    int left = 0;
    curl_multi_perform(impl.multi.get(), &left);
    int queued = 0;
    bool any = false;
    while (CURLMsg* message = curl_multi_info_read(impl.multi.get(), &queued)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      auto transfer = impl.take_running(message->easy_handle);
      any = true;
      if (transfer->needs_connection) {
        curl_multi_remove_handle(impl.multi.get(), transfer->handle.get());
        transfer->connect = Connect::fresh;
        impl.launch(std::move(transfer));
        continue;
      }
      finish(*transfer, code);
      impl.suspect = impl.suspect || code != CURLE_OK;
      curl_multi_remove_handle(impl.multi.get(), transfer->handle.get());
      transfer->request = {};
      more = on_answer(transfer->index, std::move(transfer->answer)) && more;
      impl.idle.push_back(std::move(transfer));
    }
    if (!any) curl_multi_poll(impl.multi.get(), nullptr, 0, kPollMs, nullptr);
  }
  impl.abandon_running();
}

void Sender::stop() {
  impl_->stopping.store(true);
  const MutexLock lock(impl_->multi_mutex);
  curl_multi_wakeup(impl_->multi.get());
}

}  // namespace jindou::http
