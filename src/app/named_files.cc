#include "app/named_files.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "app/moderation_wiring.h"
#include "app/options.h"
#include "app/webhook_wiring.h"
#include "gateway/tls_certificate.h"
#include "moderation/word_lists.h"
#include "observe/audit_log.h"
#include "store/store_identity.h"

namespace jindou::app {

Result<void> check_named_files(const config::Settings& settings) {
  if (!settings.tls_addr.empty() || !settings.wss_addr.empty()) {
    JD_RETURN_IF_ERROR(gateway::TlsCertificate::check(settings.tls));
  }
  JD_RETURN_IF_ERROR(check_moderation(settings));
  if (settings.audit.on) JD_RETURN_IF_ERROR(observe::AuditLog::check(settings.audit.file));
  return check_ca_files(settings);
}

namespace {

// The directory, or the nearest one above it that is there: where the others are made.
Result<void> check_data_directory(const std::string& wanted) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(wanted, error);
  while (!std::filesystem::exists(path, error) && path.has_relative_path()) {
    path = path.parent_path();
  }
  const std::string what = "dataDir " + wanted;
  if (!std::filesystem::is_directory(path, error)) {
    return Error(Errc::storage, what + ": " + path.string() + " is no directory");
  }
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return Error(Errc::storage,
                 what + ": cannot write into " + path.string() + ": " + std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<void> check_before_start(const config::Settings& settings) {
  JD_RETURN_IF_ERROR(check_named_files(settings));
  JD_RETURN_IF_ERROR(gateway_options(settings, 0));
  JD_RETURN_IF_ERROR(
      store::load_wanted_identity(settings.storage.partitions, settings.cluster.identity_file));
  if (!settings.moderation.lists.empty()) {
    const auto options = moderation_options(settings);
    moderation::WordLists lists([&options] { return options; });
    JD_RETURN_IF_ERROR(lists.load());
  }
  return check_data_directory(settings.data_dir);
}

}  // namespace jindou::app
