#include "gateway/tls_certificate.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <utility>

#include "base/read_file.h"
#include "observe/log.h"

namespace jindou::gateway {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

// A chain of certificates has some kilobytes.
constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;
// The keys that tickets are sealed with live as long as their context. A client that resumes a
// TLS 1.2 session is as safe as these keys, so they do not live for ever.
constexpr std::chrono::hours kTicketKeysMax{24};
// Without a check_interval the watch still wakes up for that.
constexpr std::chrono::hours kWakeMax{1};

Result<std::string> read_pem(const char* setting, const std::string& path) {
  auto text = read_file(path, kFileBytesMax, FileKind::regular);
  if (text) return text;
  return Error(Errc::invalid,
               std::string(setting) + ": cannot read " + path + ": " + text.error().detail());
}

std::string digest_of(std::string_view certificate, std::string_view key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::string out;
  for (const std::string_view text : {certificate, key}) {
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
    out.append(reinterpret_cast<const char*>(digest.data()), size);
  }
  return out;
}

std::string date_of(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

}  // namespace

TlsCertificate::TlsCertificate(const Clock& clock, config::LiveValue<config::TlsSettings> files)
    : clock_(clock), files_(std::move(files)) {}

Result<void> TlsCertificate::check(const config::TlsSettings& names) {
  const auto end = not_after(names);
  if (!end) return end.error();
  return {};
}

Result<std::int64_t> TlsCertificate::not_after(const config::TlsSettings& names) {
  JD_TRY(const Files files, read_files(names));
  const auto context = TlsContext::make(files.certificate, files.key);
  if (!context) return context.error();
  return (*context)->not_after();
}

Result<TlsCertificate::Files> TlsCertificate::read_files(const config::TlsSettings& names) {
  Files files;
  files.certificate.path = names.cert_file;
  files.key.path = names.key_file;
  JD_TRY(files.certificate.text, read_pem("wssConfig.certFile", names.cert_file));
  JD_TRY(files.key.text, read_pem("wssConfig.keyFile", names.key_file));
  return files;
}

void TlsCertificate::use(std::shared_ptr<const TlsContext> context, const Files& files) {
  in_use_ = digest_of(files.certificate.text, files.key.text);
  complained_.clear();
  made_ = clock_.steady();
  const std::int64_t now = clock_.wall_seconds();
  if (context->not_after() <= now) {
    observe::log_warn("gateway", "the certificate in {} expired on {}: clients refuse it",
                      files.certificate.path, date_of(context->not_after()));
  } else if (context->not_before() > now) {
    observe::log_warn("gateway", "the certificate in {} is not valid before {}",
                      files.certificate.path, date_of(context->not_before()));
  }
  const MutexLock lock(mutex_);
  context_ = std::move(context);
}

Result<void> TlsCertificate::load() {
  const MutexLock lock(refresh_mutex_);
  JD_TRY(const Files files, read_files(files_.get()));
  JD_TRY(auto context, TlsContext::make(files.certificate, files.key));
  use(std::move(context), files);
  return {};
}

void TlsCertificate::refresh() {
  const MutexLock lock(refresh_mutex_);
  const auto complain = [this](const Error& error) JD_REQUIRES(refresh_mutex_) {
    // The same trouble is found again at every check.
    if (complained_ == error.detail()) return;
    complained_ = error.detail();
    observe::log_error("gateway", "the certificate in use stays: {}", error.detail());
  };
  const auto files = read_files(files_.get());
  if (!files) return complain(files.error());
  const bool is_new = digest_of(files->certificate.text, files->key.text) != in_use_;
  if (!is_new && clock_.steady() - made_ < kTicketKeysMax) {
    complained_.clear();
    return;
  }
  auto context = TlsContext::make(files->certificate, files->key);
  if (!context) return complain(context.error());
  const std::int64_t not_after = (*context)->not_after();
  use(std::move(*context), *files);
  if (is_new) {
    observe::log_info("gateway", "new connections use the certificate in {}, valid until {}",
                      files->certificate.path, date_of(not_after));
  }
}

std::shared_ptr<const TlsContext> TlsCertificate::current() const {
  const MutexLock lock(mutex_);
  return context_;
}

milliseconds TlsCertificate::wait_time() const {
  const milliseconds interval = files_.get().check_interval;
  const milliseconds longest = kWakeMax;
  return interval.count() == 0 ? longest : std::min(interval, longest);
}

void TlsCertificate::watch(asio::io_context& context, runtime::BlockingPool& pool) {
  timer_ = std::make_unique<asio::steady_timer>(context);
  asio::co_spawn(context, run_watch(shared_from_this(), pool), asio::detached);
}

asio::awaitable<void> TlsCertificate::run_watch(std::shared_ptr<TlsCertificate> self,
                                                runtime::BlockingPool& pool) {
  while (!stopped_) {
    timer_->expires_after(wait_time());
    boost::system::error_code error;
    co_await timer_->async_wait(asio::redirect_error(asio::use_awaitable, error));
    // Cancelled: stopped, or another interval.
    if (error) continue;
    auto work = [self]() -> Result<void> {
      self->refresh();
      return {};
    };
    auto done = co_await pool.run(std::move(work));
    done.ignore("a full pool: the next check comes");
  }
}

void TlsCertificate::restart_watch() {
  if (timer_ == nullptr) return;
  asio::post(timer_->get_executor(), [self = shared_from_this()] { self->timer_->cancel(); });
}

void TlsCertificate::stop() {
  stopped_ = true;
  restart_watch();
}

}  // namespace jindou::gateway
