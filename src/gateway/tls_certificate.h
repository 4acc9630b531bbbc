// The certificate in use: read from its files at start, on demand, and when the files have changed.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "config/live_value.h"
#include "config/settings.h"
#include "gateway/tls_context.h"
#include "runtime/blocking_pool.h"

namespace jindou::gateway {

// Thread-safe. A new certificate is for connections that begin after it; open ones keep theirs. New
// files that cannot be used are logged, and the certificate that was in use stays.
class TlsCertificate final : public std::enable_shared_from_this<TlsCertificate> {
 public:
  // Borrows the clock.
  TlsCertificate(const Clock& clock, config::LiveValue<config::TlsSettings> files);

  // Whether both files can be used, as load() would say it. Blocks on the disk.
  static Result<void> check(const config::TlsSettings& names);
  // The same, and when the certificate ends, in seconds since 1970.
  static Result<std::int64_t> not_after(const config::TlsSettings& names);

  // The first reading, before anything else is called. Errors: invalid (names the setting, the file
  // and the reason).
  Result<void> load();
  // Reads both files, and uses them when they are new. Blocks on the disk.
  void refresh();
  // Calls refresh() on `pool` every check_interval, woken by a timer on `context`, until stop().
  // Both are borrowed, and run longer than this.
  void watch(boost::asio::io_context& context, runtime::BlockingPool& pool);
  // The settings have changed: the next wait begins now. Any thread.
  void restart_watch();
  void stop();

  // What the next connection uses.
  std::shared_ptr<const TlsContext> current() const;

 private:
  struct Files {
    PemFile certificate;
    PemFile key;
  };

  static Result<Files> read_files(const config::TlsSettings& names);
  void use(std::shared_ptr<const TlsContext> context, const Files& files)
      JD_REQUIRES(refresh_mutex_);
  std::chrono::milliseconds wait_time() const;
  boost::asio::awaitable<void> run_watch(std::shared_ptr<TlsCertificate> self,
                                         runtime::BlockingPool& pool);

  const Clock& clock_;
  const config::LiveValue<config::TlsSettings> files_;
  std::unique_ptr<boost::asio::steady_timer> timer_;
  std::atomic<bool> stopped_{false};

  Mutex refresh_mutex_;                               // held while files are read
  std::string in_use_ JD_GUARDED_BY(refresh_mutex_);  // a digest of both files
  std::string complained_
      JD_GUARDED_BY(refresh_mutex_);  // the last problem that was logged, so that it is logged once
  std::chrono::steady_clock::time_point made_ JD_GUARDED_BY(refresh_mutex_);

  mutable Mutex mutex_;
  std::shared_ptr<const TlsContext> context_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::gateway
